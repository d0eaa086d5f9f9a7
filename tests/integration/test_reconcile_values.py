"""Values of every type through both real databases, written as the sink writes and read as reconcile reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from reconcile.compare import compare_rows
from reconcile.full import find_extra, scan_unit
from reconcile.model import Kind, ScanOptions, TableRef, Unit, UnitKind, UnitResult
from reconcile.schema import TablePlan, plan_table
from reconcile.source import SourceClient
from reconcile.target import TargetClient
from reconcile.tokens import MAX_TOKEN, MIN_TOKEN, token_of
from reconcile.types import postgres_column
from tests.support.cql_values import SCALARS, Sample, list_of, map_of, set_of, tuple_of, user_type_of
from tests.support.databases import both_clients
from tests.support.pipeline import Pipeline

pytestmark = [
    pytest.mark.integration,
    # Hypothesis sees that the driver's threads draw random numbers meanwhile, and takes it for the strategies.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"),
]

KEYSPACE = "types_check"
ALL = SCALARS
PLACE = user_type_of("place", ALL["text"], ALL["inet"], list_of(ALL["timestamp"]))
COLUMNS: dict[str, Sample] = {f"c_{name}": sample for name, sample in SCALARS.items()} | {
    f"n_{number}": sample
    for number, sample in enumerate(
        [
            list_of(ALL["text"]),
            set_of(ALL["uuid"]),
            list_of(ALL["double"]),
            set_of(ALL["decimal"]),
            list_of(ALL["timestamp"]),
            set_of(ALL["date"]),
            list_of(ALL["blob"]),
            map_of(ALL["text"], ALL["int"]),
            map_of(ALL["bigint"], set_of(ALL["text"])),
            map_of(ALL["float"], ALL["duration"]),
            map_of(ALL["timestamp"], tuple_of(ALL["boolean"], ALL["time"])),
            tuple_of(ALL["varint"], list_of(ALL["float"]), ALL["text"]),
            list_of(tuple_of(ALL["inet"], ALL["date"])),
            list_of(PLACE),
            PLACE,
        ]
    )
}
WHOLE_RING = Unit(0, UnitKind.TOKENS, MIN_TOKEN, MAX_TOKEN)
Row = dict[str, Any]


@dataclass
class Tables:
    """A table of every type on both sides; each example writes into partitions of its own."""

    source: SourceClient
    target: TargetClient
    plan: TablePlan
    partitions: count[int] = field(default_factory=count)

    def write(self, part: int, rows: list[Row]) -> None:
        """Write rows into both databases, in ScyllaDB as bytes and in PostgreSQL as the sink's texts."""
        names = sql.SQL(", ").join(map(sql.Identifier, ["part", "id", *COLUMNS]))
        markers = ", ".join(["?"] * (len(COLUMNS) + 2))
        insert = self.source.prepare(
            f"INSERT INTO {KEYSPACE}.all_types (part, id, {', '.join(COLUMNS)}) VALUES ({markers})"
        )
        copy = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(KEYSPACE, "all_types"), names, sql.SQL(", ").join([sql.Placeholder()] * (len(COLUMNS) + 2))
        )
        for number, row in enumerate(rows):
            key = [part.to_bytes(4, "big"), number.to_bytes(8, "big")]
            cells = [None if row[name] is None else COLUMNS[name].cql_bytes(row[name]) for name in COLUMNS]
            self.source.execute_raw(insert.bind([*key, *cells])).result()
            texts = [COLUMNS[name].postgres_text(row[name]) for name in COLUMNS]
            self.target.connection.execute(copy, [part, number, *texts])
        self.target.connection.commit()

    def change(self, part: int, number: int, name: str, value: Any) -> None:
        """Change a cell in PostgreSQL alone."""
        update = sql.SQL("UPDATE {} SET {} = %s WHERE part = %s AND id = %s").format(
            sql.Identifier(KEYSPACE, "all_types"), sql.Identifier(name)
        )
        self.target.connection.execute(update, [COLUMNS[name].postgres_text(value), part, number])
        self.target.connection.commit()

    def compare(self, part: int) -> UnitResult:
        """Compare one partition."""
        token = token_of([part.to_bytes(4, "big")])
        unit = Unit(0, UnitKind.TOKENS, token - 1, token)
        return scan_unit(self.source, self.target, self.plan, unit, ScanOptions())


@pytest.fixture(scope="module")
def clients(pipeline: Pipeline) -> Iterator[tuple[SourceClient, TargetClient]]:
    with both_clients(pipeline) as (source, target):
        source.session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
        source.session.execute(
            f"CREATE KEYSPACE {KEYSPACE} "
            "WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
        )
        target.connection.execute(f"DROP SCHEMA IF EXISTS {KEYSPACE} CASCADE")
        target.connection.execute(f"CREATE SCHEMA {KEYSPACE}")
        target.connection.commit()
        yield source, target
        source.session.execute(f"DROP KEYSPACE {KEYSPACE}")
        target.connection.rollback()
        target.connection.execute(f"DROP SCHEMA {KEYSPACE} CASCADE")
        target.connection.commit()


def create(clients: tuple[SourceClient, TargetClient], table: str, columns: dict[str, str], key: str) -> TablePlan:
    """Make a table on both sides by the type map."""
    source, target = clients
    name = f"{KEYSPACE}.{table}"
    cql = ", ".join(f"{column} {cql}" for column, cql in columns.items())
    source.session.execute(f"CREATE TABLE {name} ({cql}, PRIMARY KEY ({key}))")
    pg = ", ".join(f"{column} {postgres_column(cql).type}" for column, cql in columns.items())
    target.connection.execute(f"CREATE TABLE {name} ({pg}, PRIMARY KEY ({key}))")
    target.connection.commit()
    return plan_table(source, target, TableRef(name, name))


@pytest.fixture(scope="module")
def tables(clients: tuple[SourceClient, TargetClient]) -> Tables:
    fields = ", ".join(f"{name} {cql}" for name, cql in dict(PLACE.user_types)["place"])
    clients[0].session.execute(f"CREATE TYPE {KEYSPACE}.place ({fields})")
    types = {"part": "int", "id": "bigint"} | {name: sample.cql for name, sample in COLUMNS.items()}
    return Tables(*clients, create(clients, "all_types", types, "part, id"))


def rows() -> st.SearchStrategy[list[Row]]:
    cells = {name: st.none() | sample.values for name, sample in COLUMNS.items()}
    return st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=5)


def same(name: str, value: Any) -> Any:
    """The value without its form; an empty collection is none."""
    is_empty = COLUMNS[name].cql.startswith(("list", "set", "map")) and not value
    return None if value is None or is_empty else COLUMNS[name].same(value)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=rows(), data=st.data())
def test_written_rows_are_equal_and_changed_cells_are_found(
    tables: Tables, rows: list[Row], data: st.DataObject
) -> None:
    part = next(tables.partitions)
    tables.write(part, rows)

    result = tables.compare(part)

    assert (result.counts.source_rows, result.counts.matched_rows) == (len(rows), len(rows))
    assert result.candidates == ()

    number = data.draw(st.integers(0, len(rows) - 1))
    names = data.draw(st.sets(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=3))
    changed = set()
    for name in names:
        value = data.draw(st.none() | COLUMNS[name].values)
        tables.change(part, number, name, value)
        if same(name, value) != same(name, rows[number][name]):
            changed.add(name)

    candidates = tables.compare(part).candidates

    assert [(each.kind, each.key, set(each.columns)) for each in candidates] == (
        [(Kind.MISMATCH, (part, number), changed)] if changed else []
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=rows())
def test_what_a_repair_would_write_is_what_the_sink_wrote(tables: Tables, rows: list[Row]) -> None:
    part = next(tables.partitions)
    tables.write(part, rows)
    keys = [(part, number) for number in range(len(rows))]
    table = sql.Identifier(KEYSPACE, "all_types")
    for key, cells in tables.source.read(tables.plan, keys).items():
        assert cells
        parameters = [
            column.rule.to_parameter(column.rule.canonical_source(cell))
            for column, cell in zip(tables.plan.values, cells, strict=True)
        ]
        names = sql.SQL(", ").join(sql.Identifier(column.name) for column in tables.plan.values)
        markers = sql.SQL(", ").join([sql.Placeholder()] * len(parameters))
        update = sql.SQL("UPDATE {} SET ({}) = ROW({}) WHERE part = %s AND id = %s").format(table, names, markers)
        # Typed by the column, as in an INSERT.
        tables.target.connection.execute(update, [*parameters, *key])
    tables.target.connection.commit()

    assert tables.compare(part).candidates == ()


@pytest.mark.parametrize("name", sorted(set(SCALARS) - {"duration"}))
def test_keys_of_every_type_are_found(clients: tuple[SourceClient, TargetClient], tmp_path: Path, name: str) -> None:
    source, target = clients
    sample = SCALARS[name]
    plan = create(clients, f"key_{name}", {"a": sample.cql, "b": sample.cql, "v": "int"}, "a, b")
    values = _different(sample)
    insert = source.prepare(f"INSERT INTO {plan.ref.source} (a, b, v) VALUES (?, ?, ?)")
    only_target = values[0], values[1]
    for a in values:
        for b in values:
            if (a, b) != only_target:
                cells = [sample.cql_bytes(a), sample.cql_bytes(b), b"\0\0\0\1"]
                source.execute_raw(insert.bind(cells)).result()
            texts = [sample.postgres_text(a), sample.postgres_text(b)]
            target.connection.execute(f"INSERT INTO {plan.ref.target} VALUES (%s, %s, 1)", texts)
    target.connection.commit()

    result = scan_unit(source, target, plan, WHOLE_RING, ScanOptions(page_rows=7))
    (tmp_path / "0.u64").write_bytes(result.seen_hashes)
    extra = [key for keys in find_extra(target, plan, tmp_path) for key in keys]

    assert result.candidates == ()
    assert result.counts.matched_rows == len(values) ** 2 - 1
    canonical = sample.rule.canonical_source
    assert extra == [(canonical(sample.source(only_target[0])), canonical(sample.source(only_target[1])))]
    keys = [key for found in target.keys(plan) for key in found]
    differences = compare_rows(plan, source.read(plan, keys), target.read(plan, keys))
    assert [(each.kind, each.key) for each in differences] == [(Kind.EXTRA, extra[0])]


def _different(sample: Sample, wanted: int = 4) -> list[Any]:
    """Some values of the type that are not the same."""
    found: dict[Any, Any] = {}

    @settings(max_examples=200, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(sample.values)
    def collect(value: Any) -> None:
        if len(found) < wanted and sample.cql_bytes(value):  # an empty value cannot be a partition key
            found.setdefault(sample.same(value), value)

    collect()
    return list(found.values())
