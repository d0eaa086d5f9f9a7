import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from testbed import catalog, host, images

SCRIPTS = catalog.REPOSITORY / "testbed/images/jre/bin"


def script(name: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    environment = {"PATH": os.environ["PATH"]} | dict(env or {})
    return subprocess.run(
        [SCRIPTS / name, *arguments], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_environment_variables_become_properties_as_in_confluents_images() -> None:
    printed = script(
        "env-to-properties",
        "KAFKA_",
        "KAFKA_HEAP_OPTS",
        env={
            "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181",
            "KAFKA_A__B___C": "x=y $HOME 'z'",
            "KAFKA_HEAP_OPTS": "-Xmx1g",
            "CONNECT_GROUP_ID": "g",
            "NOT_KAFKA_X": "1",
        },
    )

    assert printed == "a-b_c=x=y $HOME 'z'\nzookeeper.connect=zookeeper:2181\n"


def test_no_matching_variable_is_an_empty_file() -> None:
    assert script("env-to-properties", "KAFKA_") == ""


def test_log_levels_of_single_loggers_are_set() -> None:
    printed = script("log4j-to-stdout", "WARN", "com.scylladb=ERROR,org.apache=INFO").splitlines()

    assert printed[0] == "log4j.rootLogger=WARN, stdout"
    assert printed[-2:] == ["log4j.logger.com.scylladb=ERROR", "log4j.logger.org.apache=INFO"]


def test_without_single_loggers_only_the_root_level_is_set() -> None:
    assert "log4j.logger" not in script("log4j-to-stdout", "INFO")


def test_only_missing_images_are_built_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    present = {"base", "jre", "postgres"}
    built: list[str] = []
    monkeypatch.setattr(host, "require", lambda *_: None)
    monkeypatch.setattr(host, "run", lambda *_: "")
    monkeypatch.setattr(images, "exists", lambda name: name.split("/")[1].split(":")[0] in {*present, *built})
    monkeypatch.setattr(images, "build", lambda image, _progress: built.append(image.role))
    lines: list[str] = []

    names = images.build_all(progress=lines.append)

    assert built == [role for role in catalog.TESTBED_IMAGES if role not in present]
    assert names == {role: catalog.testbed_image(role) for role in catalog.TESTBED_IMAGES}
    assert lines[0] == f"[3/{len(catalog.TESTBED_IMAGES)}] image zookeeper: building"


def test_one_image_is_built_after_its_bases() -> None:
    assert [image.role for image in images.with_bases(["kafka", "postgres"])] == ["base", "jre", "kafka", "postgres"]


def test_an_unknown_image_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(host.HostError, match=r"no image mysql; there are base, jre, .*postgres"):
        images.with_bases(["mysql"])


def test_an_image_whose_sources_changed_while_it_was_built_is_not_reported_as_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "require", lambda *_: None)
    monkeypatch.setattr(host, "run", lambda *_: "")
    monkeypatch.setattr(images, "exists", lambda _: False)
    monkeypatch.setattr(images, "build", lambda *_: None)

    with pytest.raises(host.HostError, match="image base changed while it was built; run this again"):
        images.build_all(progress=lambda _: None)


def test_a_command_that_fails_is_reported_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(host.HostError, match=r"(?s)ended with 3:\nout\nwhy"):
        host.run("sh", "-c", "echo out; echo why >&2; exit 3", cwd=tmp_path)


def test_a_missing_command_is_reported_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)

    with pytest.raises(host.HostError, match=r"`docker` is missing; install the Debian packages: docker\.io iptables"):
        host.require("docker")
