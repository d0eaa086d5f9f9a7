from dataclasses import replace
from typing import Any, Self

import pytest

from components.registry_client import RegistryError
from components.scylla.metadata import ColumnKind, SourceColumn, SourceTable
from components.scylla.preflight import (
    PreflightError,
    PreflightProvider,
    ReplicatedTable,
    find_problems,
    find_warnings,
)
from reconcile.cdc_options import CdcOptions
from tests.unit.components.scylla_fakes import CONTACT_POINTS, REPLICATED, FakeScylla, configured, users_table

USERS = ReplicatedTable("shop.users", ("id",))
CURE = "ALTER TABLE shop.users WITH cdc = {'enabled': true, 'postimage': true, 'preimage': false, 'delta': 'full', "


def inputs(**changes: Any) -> dict[str, Any]:
    users = {"source": "shop.users", "partition_key": ["id"], "clustering_key": []}
    return {"contact_points": CONTACT_POINTS, "tables": [users], "datacenter": "", "triggers": []} | changes


def with_column(name: str, cql_type: str, kind: ColumnKind = ColumnKind.REGULAR) -> SourceTable:
    table = users_table()
    return replace(table, columns=(*table.columns, SourceColumn(name, cql_type, kind)))


def only_problem(declared: ReplicatedTable, table: SourceTable | None) -> str:
    problems = find_problems(declared, table)
    assert len(problems) == 1
    return str(problems[0])


def test_a_table_with_post_images_and_known_types_passes() -> None:
    assert find_problems(USERS, users_table()) == []
    assert find_warnings(users_table()) == []


def test_a_missing_table_is_a_problem() -> None:
    assert only_problem(USERS, None).startswith("shop.users: the table does not exist. To do: create it")


@pytest.mark.parametrize(
    ("cdc", "text", "ttl"),
    [
        (CdcOptions(), "CDC is not enabled", 604_800),
        (replace(REPLICATED, postimage=False, ttl_seconds=7200), "no post-images", 7200),
        (replace(REPLICATED, postimage=False, ttl_seconds=0), "no post-images", 0),
        (replace(REPLICATED, delta="keys"), "delta 'keys'", 604_800),
        (replace(REPLICATED, ttl_seconds=600), "keeps changes for 600 s, less than 3600 s", 604_800),
    ],
)
def test_cdc_that_loses_data_is_a_problem_with_the_statement_to_paste(cdc: CdcOptions, text: str, ttl: int) -> None:
    problem = only_problem(USERS, users_table(cdc))
    assert text in problem
    assert f"{CURE}'ttl': {ttl}}};" in problem


def test_several_faults_of_cdc_share_one_cure() -> None:
    problem = only_problem(USERS, users_table(replace(REPLICATED, postimage=False, ttl_seconds=1)))
    assert "no post-images" in problem
    assert "keeps changes for 1 s" in problem
    assert problem.count("ALTER TABLE") == 1


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (ReplicatedTable("shop.users", ("name",)), "the partition_key is (id), the configuration says (name)"),
        (ReplicatedTable("shop.users", ("id",), ("age",)), "the clustering_key is (), the configuration says (age)"),
    ],
)
def test_a_key_other_than_configured_is_a_problem(declared: ReplicatedTable, text: str) -> None:
    problem = only_problem(declared, users_table())
    assert text in problem
    assert "in the configuration" in problem.split("To do: ")[1]


def test_a_static_column_is_a_problem() -> None:
    problem = only_problem(USERS, with_column("country", "text", ColumnKind.STATIC))
    assert "column country is static" in problem
    assert "ALTER TABLE shop.users DROP country;" in problem


def test_a_counter_table_has_the_one_problem_that_cdc_cannot_cure() -> None:
    table = replace(with_column("hits", "counter"), cdc=CdcOptions())
    problem = only_problem(USERS, table)
    assert "column hits: type counter" in problem
    assert "ALTER TABLE" not in problem


def test_a_type_without_a_mapping_is_a_problem() -> None:
    problem = only_problem(USERS, with_column("Embedding", "vector<float, 3>"))
    assert "column Embedding: type vector<float, 3>" in problem
    assert 'ALTER TABLE shop.users DROP "Embedding";' in problem


def test_a_key_of_a_nested_type_is_a_problem() -> None:
    columns = (SourceColumn("id", "frozen<list<int>>", ColumnKind.PARTITION_KEY, 0),)
    problem = only_problem(USERS, replace(users_table(), columns=columns))
    assert "cannot be part of the key" in problem
    assert "DROP" not in problem


def test_a_name_that_avro_cannot_write_is_a_problem() -> None:
    assert "column e-mail: this name cannot be written" in only_problem(USERS, with_column("e-mail", "text"))


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (users_table(default_ttl_seconds=60), "rows expire after 60 s"),
        (users_table(replace(REPLICATED, preimage="full")), "preimages, which are not used"),
        (users_table(replace(REPLICATED, ttl_seconds=0)), "grows for ever"),
    ],
)
def test_what_works_otherwise_than_expected_is_a_warning(table: SourceTable, text: str) -> None:
    assert find_problems(USERS, table) == []
    (warning,) = find_warnings(table)
    assert warning.startswith("shop.users: ")
    assert text in warning


def test_tables_that_pass_are_recorded() -> None:
    server = FakeScylla(tables={"shop.users": users_table()})
    result = configured(PreflightProvider, server).create(inputs(datacenter="datacenter1"))
    assert result.id == "preflight"
    assert result.outs == inputs(datacenter="datacenter1") | {"problems": [], "warnings": []}
    assert server.statements == []


def test_all_problems_of_all_tables_are_in_one_error() -> None:
    server = FakeScylla(tables={"shop.users": users_table(CdcOptions())})
    tables = [*inputs()["tables"], {"source": "shop.orders", "partition_key": ["id"]}]
    with pytest.raises(PreflightError) as error:
        configured(PreflightProvider, server).update("preflight", {}, inputs(tables=tables, datacenter="eu"))
    assert str(error.value).splitlines()[0] == "these tables cannot be replicated as they are:"
    assert [line.split(":")[0] for line in str(error.value).splitlines()[1:]] == [
        "  - the configured datacenter is eu, the server says datacenter1. To do",
        "  - shop.users",
        "  - shop.orders",
    ]


def test_refresh_records_problems_and_the_next_up_checks_again() -> None:
    provider = configured(PreflightProvider, FakeScylla())
    read = provider.read("preflight", inputs())
    assert read.outs is not None
    assert "shop.users: the table does not exist" in read.outs["problems"][0]
    assert provider.diff("preflight", read.outs, inputs()).changes is True


def test_refresh_does_not_fail_when_the_server_is_down() -> None:
    provider = configured(PreflightProvider, FakeScylla(is_down=True))
    state = inputs() | {"problems": [], "warnings": []}
    assert provider.read("preflight", state).outs == state


def test_without_changes_it_is_not_run_again() -> None:
    state = inputs() | {"problems": [], "warnings": []}
    assert PreflightProvider().diff("preflight", state, inputs()).changes is False
    assert PreflightProvider().diff("preflight", state, inputs(triggers=["x"])).changes is True


@pytest.mark.parametrize(
    ("table", "reason"),
    [({"source": "users", "partition_key": ["id"]}, "full table name"), ({"source": "shop.users"}, "partition_key")],
)
def test_wrong_inputs_are_refused_before_anything_is_asked(table: dict[str, Any], reason: str) -> None:
    failures = PreflightProvider().check({}, inputs(tables=[table])).failures
    assert [failure.property for failure in failures] == ["tables"]
    assert reason in failures[0].reason


class FakeRegistry:
    """Knows one value schema, with a column age of another type, and refuses every other."""

    def __init__(self, compatible: bool) -> None:
        self.compatible = compatible

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def latest(self, subject: str) -> Any:
        if subject != "cdc.shop.users-value":
            return None
        columns = [{"name": name, "type": "string"} for name in ("id", "name", "age")]
        row = {"type": "record", "name": "After", "fields": columns}
        return {"type": "record", "name": "Envelope", "fields": [{"name": "after", "type": ["null", row]}]}

    def is_compatible(self, _subject: str, _schema: Any) -> bool:
        return self.compatible

    def level(self, _subject: str = "") -> str:
        return "BACKWARD"


@pytest.mark.parametrize("compatible", [True, False])
def test_a_table_that_the_registry_would_refuse_is_a_problem(compatible: bool) -> None:
    provider = configured(PreflightProvider, FakeScylla(tables={"shop.users": users_table()}))
    provider.registry = lambda _url: FakeRegistry(compatible)  # type: ignore[method-assign,assignment,return-value]
    tables = [inputs()["tables"][0] | {"topic": "cdc.shop.users"}]
    asked = inputs(tables=tables, registry_url="http://registry:8081")
    if compatible:
        assert provider.create(asked).outs == asked | {"problems": [], "warnings": []}
        return
    with pytest.raises(
        PreflightError, match=r"shop\.users: the registry refuses .* column age changes from string to int"
    ):
        provider.create(asked)
    read = provider.read("preflight", asked)
    assert read.outs is not None
    assert provider.diff("preflight", read.outs, asked).changes is True


def test_refresh_does_not_fail_when_the_registry_is_down() -> None:
    provider = configured(PreflightProvider, FakeScylla(tables={"shop.users": users_table()}))

    def down(_url: str) -> Any:
        raise RegistryError("does not answer")

    provider.registry = down  # type: ignore[method-assign,assignment]
    state = inputs(registry_url="http://registry:8081") | {"problems": [], "warnings": []}
    assert provider.read("preflight", state).outs == state
