import shutil
from pathlib import Path

import pytest

from testbed import catalog, images
from testbed.catalog import REPOSITORY, TESTBED_IMAGES


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of everything that the images are made of, as the repository that the catalogue sees."""
    for image in TESTBED_IMAGES.values():
        for source in image.sources:
            target = tmp_path / source
            target.parent.mkdir(parents=True, exist_ok=True)
            if (REPOSITORY / source).is_dir():
                shutil.copytree(
                    REPOSITORY / source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target", "lib")
                )
            else:
                shutil.copy(REPOSITORY / source, target)
    monkeypatch.setattr(catalog, "REPOSITORY", tmp_path)
    return tmp_path


def tags() -> dict[str, str]:
    return {role: catalog.testbed_image(role) for role in TESTBED_IMAGES}


def test_an_image_is_named_after_its_role_and_tagged_with_the_digest_of_its_sources() -> None:
    name, _, tag = catalog.testbed_image("kafka").partition(":")

    assert name == "scylla-pg-cdc-testbed/kafka"
    assert catalog.digest("kafka").startswith(tag)
    assert len(tag) == catalog.TAG_LENGTH


def test_every_image_comes_after_the_image_that_it_builds_upon() -> None:
    roles = list(TESTBED_IMAGES)
    for image in TESTBED_IMAGES.values():
        if image.base:
            assert roles.index(image.base) < roles.index(image.role)


def test_every_image_but_the_imported_one_has_a_dockerfile_in_its_first_source() -> None:
    for image in TESTBED_IMAGES.values():
        if image.role != "base":
            assert (REPOSITORY / image.sources[0] / "Dockerfile").is_file()
    assert set(images.STAGING) <= set(TESTBED_IMAGES)


def test_a_change_in_one_image_changes_its_tag_and_no_other(checkout: Path) -> None:
    before = tags()
    (checkout / "testbed/images/kafka/start").write_text("#!/bin/sh\n")
    after = tags()

    assert {role for role in before if before[role] != after[role]} == {"kafka"}


def test_a_change_in_a_base_changes_the_tag_of_all_that_build_upon_it(checkout: Path) -> None:
    before = tags()
    (checkout / "testbed/images/jre/Dockerfile").write_text("FROM scratch\n")
    after = tags()

    changed = {role for role in before if before[role] != after[role]}
    assert changed == {"jre", "zookeeper", "kafka", "schema-registry", "kafka-connect-base", "scylla"}


def test_results_of_a_build_do_not_change_a_tag(checkout: Path) -> None:
    before = tags()
    (checkout / "testbed/scylla-standin/target").mkdir()
    (checkout / "testbed/scylla-standin/target/standin.jar").write_text("built")

    assert tags() == before


def test_a_change_in_a_java_project_changes_the_tag_of_the_image_that_carries_its_jar(checkout: Path) -> None:
    before = tags()
    (checkout / "testbed/scylla-source-standin/src/main/New.java").write_text("class New {}")
    after = tags()

    assert {role for role in before if before[role] != after[role]} == {"connect-plugins"}


def test_a_change_of_how_stand_ins_are_built_changes_the_tags_of_those_that_carry_one(checkout: Path) -> None:
    before = tags()
    (checkout / "testbed/java-build.sh").write_text("exit 1")
    after = tags()

    changed = {role for role in before if before[role] != after[role]}
    assert {"scylla", "kafka-connect-base", "connect-plugins"} <= changed


def test_tests_and_documents_of_a_java_project_are_no_part_of_an_image() -> None:
    sources = catalog.java_project("testbed/scylla-standin")

    assert "testbed/scylla-standin/src/main" in sources
    assert not any("test/" in source or "README" in source for source in sources)


def test_the_same_sources_in_another_folder_have_the_same_tags(checkout: Path) -> None:
    in_copy = tags()
    assert checkout != REPOSITORY
    catalog.REPOSITORY = REPOSITORY  # restored by the fixture's monkeypatch

    assert tags() == in_copy


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError, match="mongodb"):
        catalog.testbed_image("mongodb")
