"""The circuit breaker: many differences at once are a fault of the mapping or of the pipeline, not drift to repair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconcile.model import Kind
from reconcile.request import Limits

LEAST_COMPARED: Final = 1_000
"""Rows below which shares say nothing."""
_COLUMN_SHARE_OF_MISMATCHES: Final = 0.9
_COLUMN_SHARE_OF_ROWS: Final = 0.05
_ZONE_STEP: Final = timedelta(minutes=15)
"""Offsets of time zones are multiples of it."""
_LARGEST_ZONE: Final = timedelta(hours=26)
_SAMPLES: Final = 200


@dataclass
class Differences:
    """What a run has confirmed, added up."""

    by_kind: Counter[Kind] = field(default_factory=Counter)
    by_column: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[tuple[str | None, str | None]]] = field(default_factory=dict)
    """Some differing cells of each column as text: (source, target)."""

    def add(self, kind: Kind, columns: Sequence[str], diff: Iterable[Mapping[str, Any]]) -> None:
        """Count one finding."""
        self.by_kind[kind] += 1
        self.by_column.update(columns)
        for cell in diff:
            samples = self.samples.setdefault(cell["name"], [])
            if len(samples) < _SAMPLES:
                samples.append((cell["source"], cell["target"]))


def trips(differences: Differences, kinds: Sequence[Kind], compared_rows: int, limits: Limits) -> str | None:
    """Return why nothing may be repaired, with a diagnosis; None when repairs may go on."""
    planned = sum(differences.by_kind[kind] for kind in kinds)
    if not planned:
        return None
    column = _one_column(differences, compared_rows)
    if column:
        return column
    if planned > limits.max_repairs:
        return (
            f"{planned} rows would be repaired, more than --max-repairs {limits.max_repairs}; look at them first "
            f"(reconcile show), then repeat with a higher limit. {_shape(differences)}"
        )
    if compared_rows >= LEAST_COMPARED and planned > limits.max_repair_ratio * compared_rows:
        return (
            f"{planned} of {compared_rows} compared rows would be repaired ({planned / compared_rows:.1%}), more than "
            f"--max-repair-ratio {limits.max_repair_ratio:g}; look at them first (reconcile show), then repeat with a "
            f"higher ratio. {_shape(differences)}"
        )
    return None


def _one_column(differences: Differences, compared_rows: int) -> str | None:
    """A single column that is wrong nearly everywhere."""
    mismatches = differences.by_kind[Kind.MISMATCH]
    if compared_rows < LEAST_COMPARED or not mismatches:
        return None
    name, count = differences.by_column.most_common(1)[0]
    if count <= _COLUMN_SHARE_OF_MISMATCHES * mismatches or count <= _COLUMN_SHARE_OF_ROWS * compared_rows:
        return None
    return (
        f"column {name} differs in {count} of {mismatches} mismatches and {count / compared_rows:.1%} of all rows: "
        f"{diagnose(differences.samples.get(name, ())) or 'its mapping or type is wrong, rows are not'}. "
        f"Correct that, or leave the column out with --ignore-columns {name}"
    )


def diagnose(samples: Sequence[tuple[str | None, str | None]]) -> str | None:
    """Return what most of the differing cells of a column have in common, if it is something known."""
    if not samples:
        return None
    for test in (_zone_offset, _always_null, _padding, _rounding):
        if text := test(samples):
            return text
    return None


def _zone_offset(samples: Sequence[tuple[str | None, str | None]]) -> str | None:
    offsets = Counter(_offset(source, target) for source, target in samples)
    offset, count = offsets.most_common(1)[0]
    if offset is None or count < _COLUMN_SHARE_OF_MISMATCHES * len(samples):
        return None
    hours = offset / timedelta(hours=1)
    return (
        f"PostgreSQL's times are {hours:+g} h from ScyllaDB's, so a time zone is set wrongly: that of the sink "
        "(db.timezone, hibernate.jdbc.time_zone, the worker's TZ) has to be UTC"
    )


def _offset(source: str | None, target: str | None) -> timedelta | None:
    """How far a target's time is from the source's, when that can be a time zone."""
    try:
        times = [datetime.fromisoformat(text or "") for text in (source, target)]
    except ValueError:
        return None
    before, after = (time if time.tzinfo else time.replace(tzinfo=UTC) for time in times)
    offset = after - before
    return offset if offset and offset % _ZONE_STEP == timedelta(0) and abs(offset) <= _LARGEST_ZONE else None


def _always_null(samples: Sequence[tuple[str | None, str | None]]) -> str | None:
    if all(target is None for _, target in samples):
        return "PostgreSQL has NULL everywhere, so the column does not come through the pipeline"
    return None


def _padding(samples: Sequence[tuple[str | None, str | None]]) -> str | None:
    if all(source and target and source.strip() == target.strip() for source, target in samples):
        return "only blanks at the ends differ, so the column pads or trims (character(n))"
    return None


def _rounding(samples: Sequence[tuple[str | None, str | None]]) -> str | None:
    try:
        pairs = [(float(source or ""), float(target or "")) for source, target in samples]
    except ValueError:
        return None
    if all(abs(a - b) <= 1e-3 * max(abs(a), abs(b), 1.0) for a, b in pairs):
        return "the values are nearly equal, so the column's type rounds"
    return None


def _shape(differences: Differences) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in differences.by_kind.most_common())
    columns = ", ".join(f"{name} ({count})" for name, count in differences.by_column.most_common(3))
    return f"There are {kinds}" + (f"; most often in {columns}" if columns else "")
