"""`cdc trace` finds a row by its key, follows it into another row's trace, and says plainly what is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops import cli as cli_module
from ops.errors import OpsError
from ops.outputs import StackOutputs, Table, parse_outputs
from ops.traces import cli
from ops.traces.jaeger import Jaeger
from ops.traces.way import Way
from tests.unit.ops.ops_fakes import RAW_OUTPUTS

URL = "http://127.0.0.1:26686"
SINCE = datetime(2023, 11, 29, tzinfo=UTC)
WRITTEN_US = 1_701_216_000_000_000
USERS = Table("shop.users", "public.users", "cdc.shop.users", ("id",), {"id": "uuid"})


def outputs(*, traced: bool = True, ratio: float = 0.01) -> StackOutputs:
    parsed = replace(parse_outputs(RAW_OUTPUTS, "dev"), trace_sample_ratio=ratio)
    return replace(parsed, endpoints={**parsed.endpoints, **({"jaeger": URL} if traced else {})})


def span(
    name: str, number: int, start_ms: float, took_ms: float, parent: int | None = None, *, trace: str = "t1",
    link: tuple[str, str] | None = None, **tags: Any,
) -> dict[str, Any]:  # fmt: skip
    """A span as Jaeger shows it; times count from the write."""
    references = [] if parent is None else [{"refType": "CHILD_OF", "traceID": trace, "spanID": f"s{parent}"}]
    if link:
        references.append({"refType": "FOLLOWS_FROM", "traceID": link[0], "spanID": link[1]})
    return {
        "traceID": trace,
        "spanID": f"s{number}",
        "operationName": name,
        "references": references,
        "startTime": WRITTEN_US + round(start_ms * 1000),
        "duration": round(took_ms * 1000),
        "tags": [{"key": key.replace("__", "."), "type": "string", "value": value} for key, value in tags.items()],
    }


def trace(operation: str = "u", more: Sequence[Mapping[str, Any]] = ()) -> list[Mapping[str, Any]]:
    """What the source and the first half of the sink have seen of a row."""
    where: dict[str, Any] = {
        "messaging__destination__name": "cdc.shop.users",
        "messaging__destination__partition__id": "1",
    }
    change: dict[str, Any] = {"cdc__table": "shop.users", "cdc__key": "id=a", "cdc__operation": operation}
    return [
        span("capture", 1, 5400, 0.1, **change, cdc__source__timestamp_us=WRITTEN_US),
        span("cdc.shop.users publish", 2, 5400.2, 3.2, 1, span__kind="producer", **where, messaging__kafka__offset=17),
        span("cdc.shop.users process", 3, 5404.3, 0.6, 2, span__kind="consumer", **where),
        *more,
    ]


OWN_PUT = (
    span("put", 4, 5405, 8, 2, messaging__batch__message_count=3),
    span("SELECT warehouse", 5, 5405.5, 1, 4),
    span("INSERT public.orders", 6, 5406, 1, 4),
    span("INSERT public.users", 7, 5408, 1.5, 4),
    span("Transaction.commit", 8, 5411, 1, 4),
)


def jaeger(found: Sequence[Any], others: Mapping[str, Sequence[Any]] | None = None, status: int = 200) -> Any:
    """A server; its attribute `asked` has the parameters of the last search. It has `found` in the order of arrival."""

    def answer(request: httpx.Request) -> httpx.Response:
        _, _, trace_id = request.url.path.partition("/traces/")
        if trace_id and trace_id not in (others or {}):
            return httpx.Response(404, json={"errors": [{"code": 404, "msg": "trace not found"}]})
        if not trace_id:
            transport.asked = dict(request.url.params)  # type: ignore[attr-defined]
        shown = [(others or {})[trace_id]] if trace_id else found[-int(request.url.params["limit"]) :]
        return httpx.Response(status, json={"data": [{"traceID": "t1", "spans": spans} for spans in shown] or None})

    transport = httpx.MockTransport(answer)
    return transport


def ways(transport: httpx.BaseTransport, limit: int = 1) -> list[Way]:
    return cli.ways_of(outputs(), USERS, "id=a", SINCE, limit, transport)


def steps(found: Way) -> dict[str, float]:
    return {step.name: step.offset_us / 1000 for step in found.steps}


def test_the_way_of_a_row_has_every_step_with_its_time() -> None:
    (found,) = ways(jaeger([trace(more=OWN_PUT)]))

    assert found.is_complete
    assert found.operation == "update"
    assert steps(found) == {"written": -5400.2, "produce": 0, "row": 4.1, "put": 4.8, "INSERT": 7.8}
    assert (found.total_us, found.since_written_us) == (12_800, 5_413_000)
    details = {step.name: step.detail for step in found.steps}
    assert details["produce"] == "cdc.shop.users-1@17"
    assert (details["put"], details["INSERT"]) == ("3 records", "INSERT public.users")
    assert found.steps[0].at == datetime.fromtimestamp(WRITTEN_US / 1e6, UTC)


def test_jaeger_is_asked_for_the_row_by_its_tags() -> None:
    transport = jaeger([])

    assert ways(transport, limit=7) == []
    assert json.loads(transport.asked["tags"]) == {"cdc.table": "shop.users", "cdc.key": "id=a"}
    assert (transport.asked["service"], transport.asked["limit"]) == ("connect", "107"), (
        "the margin is asked for as well"
    )
    assert int(transport.asked["start"]) == SINCE.timestamp() * 1e6


def test_a_statement_that_another_row_of_the_batch_leads_is_found_in_that_rows_trace() -> None:
    linked = span("put", 4, 5405, 8, 2, link=("t2", "s40"), messaging__batch__message_count=3)
    other = [
        span("put", 40, 5405, 8, 20, trace="t2"),
        span("statement", 41, 5406, 5, 40, trace="t2"),
        span("BATCH INSERT public.users", 42, 5407, 2, 41, trace="t2"),
        span("INSERT public.users", 43, 9999, 2, 50, trace="t2"),
    ]

    (found,) = ways(jaeger([trace(more=[linked])], {"t2": other}))

    assert found.is_complete
    assert steps(found)["INSERT"] == 6.8


def test_a_leading_trace_that_is_gone_leaves_the_statement_missing() -> None:
    linked = span("put", 4, 5405, 8, 2, link=("t2", "s40"))

    (found,) = ways(jaeger([trace(more=[linked])]))

    assert (found.missing, found.total_us) == (("INSERT",), None)


def test_a_delete_ends_with_a_delete() -> None:
    put = OWN_PUT[0]
    (found,) = ways(jaeger([trace("d", [put, span("DELETE public.users", 9, 5409, 1, 4)])]))

    assert found.is_complete
    assert (found.operation, found.steps[-1].name) == ("delete", "DELETE")


def test_a_change_that_a_later_one_of_the_batch_replaced_ends_with_that_ones_statement() -> None:
    (found,) = ways(jaeger([trace("d", OWN_PUT)]))

    assert found.is_complete
    assert found.steps[-1].name == "INSERT"


def test_a_row_that_waits_in_its_topic_lacks_the_sinks_steps() -> None:
    (found,) = ways(jaeger([trace()[:2]]))

    assert found.missing == ("row", "put", "INSERT")
    assert found.total_us is None
    assert "waits in its topic" in text(found)


def test_what_else_was_sent_meanwhile_is_no_step() -> None:
    offsets: dict[str, Any] = {
        "messaging__destination__name": "connect-offsets",
        "messaging__destination__partition__id": "0",
    }
    others = (
        span("connect-offsets publish", 20, 5400.1, 1, 1, span__kind="producer", **offsets),
        span("connect-offsets process", 21, 5400.9, 1, 20, span__kind="consumer", **offsets),
    )
    (found,) = ways(jaeger([trace(more=[*others, *OWN_PUT])]))

    assert {step.detail for step in found.steps if step.name in ("produce", "row")} == {
        "cdc.shop.users-1@17",
        "cdc.shop.users-1@?",
    }
    assert steps(found)["produce"] == 0


def test_a_row_that_postgresql_refused_did_not_arrive_with_the_rest_of_its_batch() -> None:
    refused = span("put", 4, 5405, 8, 2, link=("t2", "s40"), error=True, otel__status_description="SQLSTATE P0001")
    other = [
        span("put", 40, 5405, 8, 20, trace="t2"),
        span("INSERT public.users", 41, 5406, 2, 40, trace="t2", error=True),
        span("INSERT public.users", 42, 5409, 2, 40, trace="t2"),
    ]
    (found,) = ways(jaeger([trace(more=[refused])], {"t2": other}))

    assert not found.is_complete
    assert (found.problem, found.missing, found.total_us) == ("SQLSTATE P0001", ("INSERT",), None)
    assert "cdc dlq list" in text(found)


def test_a_put_that_failed_says_why_and_one_that_succeeded_later_counts() -> None:
    failed = span("put", 4, 5405, 8, 2, error=True, otel__status_description="SQLSTATE 57P01")
    again = span("put", 5, 5905, 8, 2)
    statement = span("INSERT public.users", 7, 5908, 1.5, 5)

    (broken,) = ways(jaeger([trace(more=[failed])]))
    assert (broken.is_complete, broken.problem) == (False, "SQLSTATE 57P01")
    assert "SQLSTATE 57P01" in text(broken)
    (healed,) = ways(jaeger([trace(more=[failed, again, statement])]))
    assert healed.is_complete
    assert steps(healed)["put"] == 504.8


def test_the_newest_change_comes_first() -> None:
    older = [span("capture", 1, 0, 1, trace="t0", cdc__key="id=a")]

    assert [found.trace_id for found in ways(jaeger([older, trace(more=OWN_PUT)]), 2)] == ["t1", "t0"]


def test_the_newest_change_is_found_where_jaeger_takes_an_older_one_for_newer() -> None:
    """It goes by the span that arrived first; of the older one here that is the sink's."""
    older = [span("put", 4, 5410, 1, 1, trace="t0"), span("capture", 1, 0, 1, trace="t0", cdc__key="id=a")]

    assert [found.trace_id for found in ways(jaeger([trace(more=OWN_PUT), older]))] == ["t1"]


@pytest.mark.parametrize("status", [500, 502])
def test_a_jaeger_that_does_not_answer_is_an_error(status: int) -> None:
    with pytest.raises(OpsError, match="does not answer"):
        ways(jaeger([], status=status))


def test_a_stack_that_traces_nothing_says_how_to_change_that() -> None:
    with pytest.raises(OpsError, match="no Jaeger") as refusal:
        cli.ways_of(outputs(traced=False), USERS, "id=a", SINCE, 1)
    assert "`tracing` and `monitoring`" in refusal.value.hint


def test_without_a_trace_the_reasons_are_named() -> None:
    sampled = cli.explain(outputs(), USERS, "id=a")
    assert "0.01 of all changes" in sampled
    assert "tracingSampleRatio" in sampled
    assert "10,000" in sampled

    assert "tracingSampleRatio" not in cli.explain(outputs(ratio=1), USERS, "id=a")


def text(found: Way) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(cli.shown(USERS, "id=a", [found]))
    return captured.get()


def test_the_table_shows_steps_times_and_totals() -> None:
    (found,) = ways(jaeger([trace(more=OWN_PUT)]))
    shown = text(found)

    assert "update of shop.users id=a" in shown
    assert "2023-11-29 00:00:00.000" in shown
    assert "-5,400.2" in shown
    assert "total 12.8 ms from produce to commit, 5,413.0 ms since the write" in shown
    assert "missing" not in shown


@pytest.mark.parametrize(
    ("found", "code"), [([trace(more=OWN_PUT)], 0), ([trace()], cli.INCOMPLETE), ([], cli.NOT_FOUND)]
)
def test_the_exit_code_tells_whether_the_way_is_there(
    monkeypatch: pytest.MonkeyPatch, found: list[Any], code: int
) -> None:
    class FakeWorkspace:
        def existing_stack(self, given: str) -> str:
            return given

        def outputs(self, _stack: str) -> StackOutputs:
            return outputs()

    transport = jaeger(found)
    monkeypatch.setattr(cli, "Workspace", FakeWorkspace)
    monkeypatch.setattr(cli, "Jaeger", lambda url, _transport: Jaeger(url, transport))

    ran = CliRunner().invoke(
        cli_module.app, ["trace", "--stack", "dev", "--table", "shop.users", "--key", "a", "--format", "json"]
    )

    assert ran.exit_code == code, ran.output
    document = json.loads(ran.output)
    assert len(document["found"]) == len(found)
    assert ("why" in document) is not bool(found)


def test_an_unknown_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OpsError, match=r"shop\.nothing is not replicated") as refusal:
        cli.replicated(outputs(), "shop.nothing")
    assert "shop.users" in refusal.value.hint
