"""Logins from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.credentials import read_credentials
from reconcile.errors import ConfigError
from reconcile.model import SourceSettings, TargetSettings


def target(path: Path) -> TargetSettings:
    return TargetSettings("host", credentials_file=str(path))


def test_a_rotated_password_is_seen_at_the_next_connect(tmp_path: Path) -> None:
    file = tmp_path / "postgres.properties"
    file.write_text("# rendered\nusername=reconcile\npassword=a=b#c\n")
    first = read_credentials(target(file))
    file.write_text("username=reconcile\npassword=second\n")
    second = read_credentials(target(file))

    assert first is not None
    assert second is not None
    assert (first.username, first.password, second.password) == ("reconcile", "a=b#c", "second")
    assert "a=b" not in repr(first)


@pytest.mark.parametrize(("content", "said"), [("username=u\npasword=tops3cret\n", "no password"), ("", "no username")])
def test_a_file_without_a_key_is_named_and_no_value_is_shown(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "postgres.properties"
    file.write_text(content)

    with pytest.raises(ConfigError, match=said) as error:
        read_credentials(target(file))

    assert str(file) in str(error.value)
    assert "tops3cret" not in str(error.value)


def test_a_missing_file_says_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Vault Agent"):
        read_credentials(target(tmp_path / "none"))


def test_a_login_can_be_given_directly_or_be_absent() -> None:
    given = read_credentials(SourceSettings(("127.0.0.1:9042",), username="u", password="p"))

    assert given is not None
    assert given.password == "p"
    assert read_credentials(SourceSettings(("127.0.0.1:9042",))) is None
