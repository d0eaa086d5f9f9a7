"""Replays records of the queue: writes the rows that their keys have in ScyllaDB now, never what the records hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from components.kafka_connect.client import ConnectClient
from ops.databases import source_settings, target_settings
from ops.dlq.decode import Decoder, UndecodableError
from ops.dlq.letters import Letter, State
from ops.dlq.queue import Queue
from ops.errors import OpsError
from ops.outputs import StackOutputs, Table
from reconcile.errors import ReconcileError
from reconcile.keys import key_from_json
from reconcile.model import Key, TableRef
from reconcile.replay import Replayed, Replayer, Result
from reconcile.schema import TablePlan, plan_table
from reconcile.source import SourceClient
from reconcile.steady import SteadyTarget
from reconcile.target import TargetClient

_SHARE_OF_CONFIDENCE: Final = 0.5
_APPLICATION: Final = "cdc dlq replay"

Say = Callable[[str], None]
ReplayKeys = Callable[[Table, Sequence[Mapping[str, Any]], Sequence[bool]], list[Result]]
"""Replays keys of a table (as decoded, and whether a delete of each is in hand); the results in the same order."""


@dataclass
class Report:
    """What a replay came to."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Keys by outcome."""
    done: list[Letter] = field(default_factory=list)
    open: list[tuple[Letter, str]] = field(default_factory=list)
    """Records that stay in the queue, each with the reason."""


@dataclass(frozen=True)
class Replay:
    """Everything that a replay needs of the stack."""

    outputs: StackOutputs
    queue: Queue
    decoder: Decoder
    replay_keys: ReplayKeys
    revive: Callable[[], None]
    """Makes the sink forget which keys are dead, so that what is written to them from now on arrives by itself."""
    say: Say = print

    def run(self, chosen: Sequence[Letter]) -> Report:
        """Replay the keys of the records chosen, with all records of the same keys.

        Raises:
            OpsError, ProviderError: a service does not answer; what is done is noted, and the same command goes on.
        """
        report = Report()
        by_table = self._by_table(chosen, report)
        if any(
            letter.fault.stage == "TASK_PUT" for keys in by_table.values() for ours in keys.values() for letter in ours
        ):
            self.revive()
            by_table = self._with_followers(by_table)
        for source, keys in by_table.items():
            table = self.outputs.table(source)
            assert table is not None  # noqa: S101 _by_table only lets replicated tables through
            self._table(table, keys, report)
        return report

    def _by_table(self, chosen: Iterable[Letter], report: Report) -> dict[str, dict[str, list[Letter]]]:
        """Records by table and key text; those without a table or a readable key are in the report."""
        found: dict[str, dict[str, list[Letter]]] = {}
        tables = {table.topic: table for table in self.outputs.tables}
        for letter in chosen:
            table = tables.get(letter.topic)
            if table is None:
                report.open.append((letter, f"topic {letter.topic} belongs to no replicated table"))
                continue
            key, problem = self._key(letter, table)
            if problem:
                report.open.append((letter, problem))
            else:
                found.setdefault(table.source, {}).setdefault(key, []).append(letter)
        return found

    def _key(self, letter: Letter, table: Table) -> tuple[str, str]:
        """The key as text, or what is wrong with it."""
        try:
            key = self.decoder.decode(letter.key)
        except UndecodableError as error:
            return "", f"its key is unreadable ({error}); `reconcile run --table {table.source}` finds the row"
        if not isinstance(key, dict) or set(key) != set(table.keys):
            return "", f"its key has not the columns {', '.join(table.keys)}"
        return key_text(key), ""

    def _with_followers(self, by_table: dict[str, dict[str, list[Letter]]]) -> dict[str, dict[str, list[Letter]]]:
        """The same keys, with the records of theirs that have come into the queue meanwhile or were not chosen."""
        opened = [letter for letter in self.queue.letters() if letter.state is State.OPEN]
        everything = self._by_table(opened, Report())
        return {
            source: {key: everything.get(source, {}).get(key, letters) for key, letters in keys.items()}
            for source, keys in by_table.items()
        }

    def _table(self, table: Table, keys: Mapping[str, list[Letter]], report: Report) -> None:
        self.say(f"{table.source}: {len(keys)} keys")
        decoded = [self.decoder.decode(letters[0].key) for letters in keys.values()]
        deletes = [any(self._is_delete(letter) for letter in letters) for letters in keys.values()]
        results = self.replay_keys(table, decoded, deletes)
        done: list[Letter] = []
        for letters, result in zip(keys.values(), results, strict=True):
            report.outcomes[result.outcome.value] += 1
            if result.outcome.is_done:
                done += letters
            else:
                report.open += [(letter, result.detail) for letter in letters]
        self.queue.note(done, State.REPLAYED)
        report.done += done

    def _is_delete(self, letter: Letter) -> bool:
        try:
            value = self.decoder.decode(letter.value)
        except UndecodableError:
            return False
        return isinstance(value, dict) and value.get("op") == "d"


def key_text(key: Mapping[str, Any]) -> str:
    """Return a decoded key as text, the same for equal keys."""
    return ", ".join(f"{name}={plain_text(value)}" for name, value in key.items())


def plain_text(value: Any) -> str | None:
    """Return a decoded value as the text that the reconcile package reads keys from."""
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def revive_sink(outputs: StackOutputs, client: ConnectClient) -> None:
    """Restart the sink's tasks and wait until they run.

    Raises:
        ConnectError: they do not.
    """
    sink = outputs.connectors["sink"]
    client.restart(sink)
    client.wait_running(sink, stable_seconds=2.0)


class DatabaseReplay:
    """Replays keys with the stack's own databases, as their administrators."""

    def __init__(self, outputs: StackOutputs) -> None:
        self._outputs = outputs

    def __call__(self, table: Table, keys: Sequence[Mapping[str, Any]], deletes: Sequence[bool]) -> list[Result]:
        """See `ReplayKeys`.

        Raises:
            OpsError: a database does not answer, or the tables do not fit each other.
        """
        try:
            with ExitStack() as stack:
                source = stack.enter_context(SourceClient(source_settings(self._outputs)))
                target = stack.enter_context(
                    TargetClient(target_settings(self._outputs), application_name=_APPLICATION)
                )
                plan = plan_table(source, target, TableRef(table.source, table.target))
                replayer = Replayer(
                    plan,
                    source,
                    SteadyTarget(target),
                    target.connection,
                    write_within_seconds=_SHARE_OF_CONFIDENCE * self._outputs.confidence_ms / 1000,
                )
                return _replay(replayer, plan, keys, deletes)
        except ReconcileError as error:
            raise OpsError(str(error)) from None
        except psycopg.OperationalError as error:
            raise OpsError(f"PostgreSQL: {' '.join(str(error).split())}", "Run the same command again.") from None


def _replay(
    replayer: Replayer, plan: TablePlan, keys: Sequence[Mapping[str, Any]], deletes: Sequence[bool]
) -> list[Result]:
    canonical: list[Key | None] = []
    for key in keys:
        try:
            canonical.append(key_from_json(plan, {name: plain_text(value) for name, value in key.items()}))
        except (KeyError, ValueError):
            canonical.append(None)
    deletable = {key for key, is_delete in zip(canonical, deletes, strict=True) if is_delete and key is not None}
    results = replayer.replay([key for key in canonical if key is not None], deletable)
    unreadable = Result(Replayed.REFUSED, "its key is none of the table's")
    return [unreadable if key is None else results[key] for key in canonical]
