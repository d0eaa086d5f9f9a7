"""Which stack is taken when nobody names one."""

from pathlib import Path

from ops.docker import Docker
from ops.stack_choice import choose_stack, forget_stack, last_stack, remember_stack
from tests.unit.ops.ops_fakes import FakeRunner, failed, ok


def test_a_named_stack_is_taken_without_asking_a_registry(tmp_path: Path) -> None:
    runner = FakeRunner()
    assert choose_stack("prod", tmp_path, Docker(runner)).stack == "prod"
    assert runner.calls == []


def test_dev_is_taken_where_public_images_can_be_pulled(tmp_path: Path) -> None:
    runner = FakeRunner().on("image inspect", failed("No such image")).on("manifest inspect", ok("{}"))
    choice = choose_stack("", tmp_path, Docker(runner))
    assert (choice.stack, choice.reason) == ("dev", "public images can be pulled here")


def test_an_image_that_is_there_already_counts_as_pulled(tmp_path: Path) -> None:
    assert choose_stack("", tmp_path, Docker(FakeRunner().on("image inspect", ok("[]")))).stack == "dev"


def test_testbed_is_taken_where_no_registry_answers_and_the_reason_is_given(tmp_path: Path) -> None:
    runner = FakeRunner().on("image inspect", failed("No such image")).on("manifest inspect", failed("no such host"))
    choice = choose_stack("", tmp_path, Docker(runner))
    assert choice.stack == "testbed"
    assert "no such host" in choice.reason


def test_the_stack_of_the_last_time_is_taken_until_it_is_forgotten(tmp_path: Path) -> None:
    remember_stack("testbed", tmp_path)
    assert choose_stack("", tmp_path, Docker(FakeRunner())).stack == "testbed"
    forget_stack("dev", tmp_path)
    assert last_stack(tmp_path) == "testbed"
    forget_stack("testbed", tmp_path)
    assert last_stack(tmp_path) == ""


def test_a_run_of_the_tests_does_not_change_the_stack_of_the_last_time(tmp_path: Path) -> None:
    remember_stack("dev", tmp_path)
    remember_stack("ci", tmp_path)
    assert last_stack(tmp_path) == "dev"
