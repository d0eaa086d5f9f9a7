"""Hashes of the keys that a full run has seen, on disk: a file for each unit, there before the unit counts as done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from reconcile.errors import ConfigError


class Spool:
    """The files of one run: `<directory>/<run>/<unit>.u64`, 64-bit hashes in native byte order."""

    def __init__(self, directory: Path, run_id: str) -> None:
        self.path = directory / run_id

    def write(self, unit_number: int, hashes: bytes) -> None:
        """Keep the hashes of a unit, in the place of an earlier attempt's. A crash leaves the whole file or none.

        Raises:
            ConfigError: the disk is full or cannot be written.
        """
        file = self._file(unit_number)
        temporary = file.with_suffix(".part")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                stream.write(hashes)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(file)
        except OSError as error:
            raise ConfigError(
                f"spool directory {self.path}: {error.strerror}; it takes 8 bytes for each row: make room or set "
                "run.spool_directory, then go on with --resume"
            ) from None

    def has(self, unit_number: int) -> bool:
        """Whether the hashes of a unit are there."""
        return self._file(unit_number).exists()

    def remove(self) -> None:
        """Delete the files; doing it twice does no harm."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, unit_number: int) -> Path:
        return self.path / f"{unit_number}.u64"
