"""Run other programs: captured, streamed line by line, or left running in the background."""

import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ops.errors import OpsError

NOT_FOUND: Final = 127
TIMED_OUT: Final = 124
_TAIL_LINES: Final = 60
_INTERRUPT_GRACE_SECONDS: Final = 120


@dataclass(frozen=True)
class Completed:
    """A program that has ended. Exit code 127 means that it does not exist, 124 that it ran out of time."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str = ""
    stderr: str = ""

    @property
    def ok(self) -> bool:
        """Whether the program reported success."""
        return self.exit_code == 0

    @property
    def message(self) -> str:
        """The last thing that the program said, for an error message."""
        text = self.stderr.strip() or self.stdout.strip()
        return text.splitlines()[-1] if text else f"exit code {self.exit_code}"

    def require(self, what: str, hint: str = "") -> "Completed":
        """Return self, or raise an `OpsError` that says what failed, with the program's own words."""
        if self.ok:
            return self
        said = self.stderr.strip() or self.stdout.strip() or f"exit code {self.exit_code}"
        raise OpsError(f"{what} failed: {' '.join(self.argv[:3])}: {said}", hint)


class Runner(Protocol):
    """How this package runs programs. Tests put a fake in its place."""

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input_text: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Completed:
        """Run to the end and capture the output."""
        ...

    def stream(
        self, argv: Sequence[str], on_line: Callable[[str], None], *, env: Mapping[str, str] | None = None
    ) -> Completed:
        """Run to the end, handing over each line of output and errors; `stdout` holds the last ones."""
        ...

    def start(self, argv: Sequence[str], log: Path) -> None:
        """Start a program that outlives this one, in a session of its own, writing to a log file."""
        ...


class Processes:
    """The `Runner` that really runs programs, in one working directory."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input_text: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Completed:
        """Run to the end and capture the output. Secrets go in by `input_text`, never by `argv`."""
        try:
            done = subprocess.run(
                argv,
                cwd=self._cwd,
                env=env,
                input=input_text,
                stdin=subprocess.DEVNULL if input_text is None else None,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_seconds,
                check=False,
            )
        except FileNotFoundError:
            return Completed(tuple(argv), NOT_FOUND, stderr=f"{argv[0]}: not found")
        except subprocess.TimeoutExpired:
            return Completed(tuple(argv), TIMED_OUT, stderr=f"no answer within {timeout_seconds} s")
        return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)

    def stream(
        self, argv: Sequence[str], on_line: Callable[[str], None], *, env: Mapping[str, str] | None = None
    ) -> Completed:
        """Run to the end, handing over each line. An interrupt waits for the program to end in order."""
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        try:
            process = subprocess.Popen(
                argv,
                cwd=self._cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            return Completed(tuple(argv), NOT_FOUND, stderr=f"{argv[0]}: not found")
        with process:
            try:
                assert process.stdout is not None  # noqa: S101 - the type checker cannot know
                for line in process.stdout:
                    tail.append(line.rstrip("\n"))
                    on_line(tail[-1])
            except KeyboardInterrupt:
                process.wait(timeout=_INTERRUPT_GRACE_SECONDS)
                raise
        return Completed(tuple(argv), process.returncode, "\n".join(tail))

    def start(self, argv: Sequence[str], log: Path) -> None:
        """Start a program that outlives this one, in a session of its own, writing to a log file."""
        with log.open("ab") as output:
            subprocess.Popen(
                argv,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def is_root() -> bool:
    """Return whether this process may administer the machine."""
    return os.geteuid() == 0
