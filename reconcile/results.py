"""Where findings and summaries are written: standard output or a file, as text, JSON or JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, TextIO

from reconcile.batch import Outcome
from reconcile.errors import ConfigError
from reconcile.findings import finding_json, finding_line, finding_sql
from reconcile.model import Finding, TableRef
from reconcile.options import OutputFormat
from reconcile.report import batch_json, outcome_json, outcome_text

TEXT_FINDINGS: Final = 20
"""Findings of a table that are printed as text; `reconcile show` lists them all."""


class Results:
    """Writes what a batch of runs finds. Findings are written as they come."""

    def __init__(
        self, format_: OutputFormat, targets: Mapping[str, str], output: TextIO | None = None, sql: TextIO | None = None
    ) -> None:
        self._format = format_
        self._targets = targets
        self._output = output
        self._sql = sql
        self._shown = 0

    def finding(self, finding: Finding) -> None:
        """Write one finding."""
        if self._sql is not None:
            print(finding_sql(finding, self._targets[finding.table]), file=self._sql, flush=True)
        if self._format is OutputFormat.JSONL:
            self._print(json.dumps(finding_json(finding), ensure_ascii=False))
        elif self._format is OutputFormat.TEXT:
            self._shown += 1
            if self._shown <= TEXT_FINDINGS:
                self._print(finding_line(finding))
            elif self._shown == TEXT_FINDINGS + 1:
                self._print(f"... more: reconcile show {finding.run_id}")

    def outcome(self, outcome: Outcome) -> None:
        """Write how one table ended."""
        self._shown = 0
        if self._format is OutputFormat.JSONL:
            self._print(json.dumps(outcome_json(outcome)))
        elif self._format is OutputFormat.TEXT:
            self._print(outcome_text(outcome))

    def end(self, outcomes: Sequence[Outcome]) -> None:
        """Write what comes once, after all tables."""
        if self._format is OutputFormat.JSON:
            self._print(json.dumps(batch_json(outcomes), indent=2))

    def _print(self, text: str) -> None:
        print(text, file=self._output or sys.stdout, flush=True)


@contextmanager
def results(
    format_: OutputFormat, tables: Sequence[TableRef], output: Path | None, emit_sql: Path | None
) -> Iterator[Results]:
    """Open the files that are asked for, before any work is done.

    Raises:
        ConfigError: a file cannot be written.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(_writable(path)) if path else None for path in (output, emit_sql)]
        yield Results(format_, {table.source: table.target for table in tables}, *opened)


def _writable(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
