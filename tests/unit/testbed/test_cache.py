import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed import cache


@pytest.fixture(autouse=True)
def cache_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(text: str) -> Callable[[Path], None]:
    def build(directory: Path) -> None:
        (directory / "content").write_text(text)

    return build


def refuse(_directory: Path) -> None:
    pytest.fail("built again")


def builder_process(tmp_path: Path, body: str) -> subprocess.Popen[str]:
    """Start another process that builds the entry `tool`/`k1` with the given body of `build(directory)`."""
    script = tmp_path / "builder.py"
    script.write_text(
        "import os, pathlib, sys, time\nfrom testbed import cache\ndef build(directory):\n"
        + textwrap.indent(textwrap.dedent(body), "    ")
        + "\nprint(cache.entry('tool', 'k1', build))\n"
    )
    repository = Path(cache.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(repository)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_entry_is_built_once_and_then_reused() -> None:
    first = cache.entry("tool", "k1", write("one"))

    assert (first / "content").read_text() == "one"
    assert cache.entry("tool", "k1", refuse) == first


def test_another_key_is_another_entry() -> None:
    first = cache.entry("tool", "k1", write("one"))
    second = cache.entry("tool", "k2", write("two"))

    assert (first / "content").read_text() == "one"
    assert (second / "content").read_text() == "two"


def test_a_failed_build_leaves_nothing_and_can_be_repeated(cache_root: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError, match="no compiler"):
        cache.entry("tool", "k1", fail)

    assert [path.name for path in (cache_root / "tool").iterdir()] == [".k1.lock"]
    assert (cache.entry("tool", "k1", write("one")) / "content").exists()


def test_a_killed_builder_leaves_no_half_that_the_next_one_takes(tmp_path: Path, cache_root: Path) -> None:
    victim = builder_process(tmp_path, "(directory / 'half').touch()\nos.kill(os.getpid(), 9)")
    assert victim.wait(timeout=30) == -9
    victim.communicate()
    assert not cache.find("tool", "k1").exists()
    assert (cache_root / "tool" / ".k1.building" / "half").exists()

    path = cache.entry("tool", "k1", write("one"))

    assert [file.name for file in path.iterdir()] == ["content"]
    assert not (cache_root / "tool" / ".k1.building").exists()


def test_two_builders_at_once_build_once_and_the_second_says_that_it_waits(tmp_path: Path) -> None:
    started, go = tmp_path / "started", tmp_path / "go"
    first = builder_process(
        tmp_path,
        f"""
        pathlib.Path({str(started)!r}).touch()
        while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)
        (directory / 'content').write_text('first')
        """,
    )
    while not started.exists():
        assert first.poll() is None, "the first builder ended before it built"
    lines: list[str] = []

    def release_the_first(line: str) -> None:
        lines.append(line)
        go.touch()

    path = cache.entry("tool", "k1", refuse, release_the_first)

    stdout, stderr = first.communicate(timeout=30)
    assert stdout.strip() == str(path), stderr
    assert (path / "content").read_text() == "first"
    assert lines == ["tool: another process is building it, waiting"]


def test_what_a_dead_builder_of_another_key_left_is_removed_but_not_what_a_live_one_is_making(
    tmp_path: Path, cache_root: Path
) -> None:
    started, go = tmp_path / "started", tmp_path / "go"
    live = builder_process(
        tmp_path,
        f"""
        pathlib.Path({str(started)!r}).touch()
        while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)
        """,
    )
    while not started.exists():
        assert live.poll() is None, "the builder ended before it built"
    (cache_root / "tool" / ".k0.building").mkdir()

    cache.entry("tool", "k2", write("two"))

    assert not (cache_root / "tool" / ".k0.building").exists()
    assert (cache_root / "tool" / ".k1.building").exists()
    go.touch()
    assert live.wait(timeout=30) == 0
    live.communicate()


@pytest.mark.parametrize("bad", ["", "../tool", ".hidden", "a/b"])
def test_a_name_that_would_leave_the_cache_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="cannot be part"):
        cache.entry(bad, "k1", refuse)
    with pytest.raises(ValueError, match="cannot be part"):
        cache.entry("tool", bad, refuse)


def test_the_cache_is_in_the_home_directory_unless_the_variable_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, cache_root: Path
) -> None:
    assert cache.root() == cache_root
    monkeypatch.delenv(cache.CACHE_VARIABLE)
    assert cache.root() == Path.home() / ".cache" / "scylla-pg-cdc"
