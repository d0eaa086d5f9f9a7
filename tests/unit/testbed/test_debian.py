from pathlib import Path

import pytest

from testbed import debian
from testbed.debian import Source
from testbed.host import HostError


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_sources_of_the_one_line_style_are_read_without_their_options(apt: Path) -> None:
    (apt / "sources.list").write_text(
        "# a comment\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://mirror/debian bookworm main contrib # why\n"
        "deb-src http://mirror/debian bookworm main\n"
        "\n"
        "deb http://mirror/security bookworm-security main\n"
    )

    assert debian.sources(apt) == [
        Source("http://mirror/debian", "bookworm", ("main", "contrib")),
        Source("http://mirror/security", "bookworm-security", ("main",)),
    ]


def test_sources_of_the_deb822_style_are_read_with_each_address_and_suite(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(
        "Types: deb deb-src\n"
        "# a comment\n"
        "URIs: http://one/debian http://two/debian\n"
        "Suites: bookworm\n bookworm-updates\n"
        "Components: main\n"
        "Signed-By: /usr/share/keyrings/x.gpg\n"
        "\n"
        "Types: deb\nURIs: http://off/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"
        "\n"
        "Types: deb-src\nURIs: http://src/debian\nSuites: bookworm\nComponents: main"
    )

    assert debian.sources(apt) == [
        Source("http://one/debian", "bookworm", ("main",)),
        Source("http://one/debian", "bookworm-updates", ("main",)),
        Source("http://two/debian", "bookworm", ("main",)),
        Source("http://two/debian", "bookworm-updates", ("main",)),
    ]


def test_sources_that_are_not_debian_bookworm_do_not_get_into_the_image(apt: Path) -> None:
    (apt / "sources.list.d" / "a.list").write_text("deb http://mirror/debian bookworm main\n")
    (apt / "sources.list.d" / "b.list").write_text("deb https://vendor/apt cloud-sdk-bookworm main\n")
    (apt / "sources.list.d" / "c.list").write_text("deb http://mirror/debian bookworm-backports main\n")

    assert debian.sources(apt) == [Source("http://mirror/debian", "bookworm", ("main",))]


def test_a_source_that_is_listed_twice_counts_once(apt: Path) -> None:
    for name in ("a", "b"):
        (apt / "sources.list.d" / f"{name}.list").write_text("deb http://mirror/debian bookworm main\n")

    assert len(debian.sources(apt)) == 1


def test_a_machine_without_debian_sources_is_told_what_to_add(apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://mirror/debian bookworm-updates main\n")

    with pytest.raises(HostError, match=r"add one to .*bookworm\.list: deb <mirror> bookworm main"):
        debian.sources(apt)


def test_a_source_is_written_as_a_line_of_sources_list() -> None:
    assert Source("http://mirror/debian", "bookworm", ("main", "contrib")).line() == (
        "deb http://mirror/debian bookworm main contrib"
    )
