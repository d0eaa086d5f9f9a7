"""Whether a source table, as it is now, still fits what the registry has seen of it and the table in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from components.avro_evolution import Evolution, evolve_key, evolve_value
from components.postgres.table_changes import Plan
from components.registry_client import subjects_of
from components.scylla.metadata import SourceTable


class Registry(Protocol):
    """What is asked of a schema registry."""

    def latest(self, subject: str) -> object:
        """The newest schema of a subject; None when it has none."""

    def is_compatible(self, subject: str, schema: object) -> bool:
        """Whether the subject would take a schema as its next version."""

    def level(self, subject: str = "") -> str:
        """The compatibility level in force."""


class Kind(StrEnum):
    """What a finding means for the pipeline."""

    PROBLEM = "problem"
    """Rows would stop. `up` refuses it."""
    CHANGE = "change"
    """The next `up`, or the connectors by themselves, take care of it."""
    NOTE = "note"
    """Nothing has to be done."""


@dataclass(frozen=True)
class Finding:
    """One difference between a source table and what follows it."""

    kind: Kind
    text: str
    cure: str = ""
    """What to do about a problem."""

    def __str__(self) -> str:
        return f"{self.text}. To do: {self.cure}" if self.cure else self.text


def registry_findings(registry: Registry, topic: str, table: SourceTable) -> Iterator[Finding]:
    """Compare a table with the schemas that the registry has of its topic."""
    for subject, evolve in zip(subjects_of(topic), (evolve_key, evolve_value), strict=True):
        registered = registry.latest(subject)
        if registered is not None:
            yield from _subject_findings(registry, subject, evolve(registered, table), table)


def _subject_findings(registry: Registry, subject: str, evolution: Evolution, table: SourceTable) -> Iterator[Finding]:
    if not evolution.is_new:
        return
    if not registry.is_compatible(subject, evolution.schema):
        yield Finding(
            Kind.PROBLEM,
            f"the registry refuses the table as it is now (subject {subject}, level {registry.level(subject)}): "
            f"{_difference(evolution)}",
            "change the table back before anything is written to it, or let the registry begin anew with "
            f"`cdc schema accept --table {table.full_name}`; docs/schema-evolution.md has the steps",
        )
        return
    yield Finding(Kind.CHANGE, f"the registry takes a new version of {subject}: {_difference(evolution)}")


def _difference(evolution: Evolution) -> str:
    parts = [f"column {name} changes from {before} to {after}" for name, (before, after) in evolution.changed.items()]
    parts += [f"column {name} is new" for name in evolution.added]
    parts += [f"column {name} is gone" for name in evolution.removed]
    return ", ".join(parts)


def target_findings(target: str, plan: Plan | None) -> Iterator[Finding]:
    """Put the plan of a target table into findings; None when there is no such table."""
    if plan is None:
        yield Finding(Kind.CHANGE, f"table {target} is made by the next `up`")
        return
    for problem in plan.problems:
        yield Finding(Kind.PROBLEM, f"table {target}: {problem.text}", problem.cure)
    for change in plan.changes:
        yield Finding(Kind.CHANGE, f"table {target}: {change.text} by the next `up`")
    for name in plan.leftovers:
        yield Finding(
            Kind.NOTE,
            f"table {target}: column {name} is not in the source and keeps the values that it has; "
            f"{{dropColumn: {name}}} in the table's migrations drops it",
        )
