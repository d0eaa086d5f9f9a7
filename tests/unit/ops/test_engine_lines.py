"""The engine's output is shortened, and its report of errors is kept."""

from ops.engine_lines import EngineLines

UP = """\
Updating (dev):

@ Updating.....
 +  pulumi:pulumi:Stack scylla-pg-cdc-dev creating (0s)
 +  docker:index:Network network creating (0s)
 +  docker:index:Container kafka-1 creating (0s)
@ Updating....
 +  docker:index:Network network created (2s)
 +  pulumi-python:dynamic/gate:Gate postgres-ready **creating failed** error: no answer
 ~  docker:index:Container vault updating (0s) [diff: ~image]
 ++ docker:index:Container scylla created replacement (12s)
    docker:index:Volume data unchanged
Diagnostics:
  pulumi-python:dynamic/gate:Gate (postgres-ready):
    error: postgres at 127.0.0.1:25432 does not answer

Outputs:
    password: [secret]

Resources:
    + 2 created

Duration: 1m2s

The resources in the stack have been deleted, but the history remains.
"""


def read(text: str) -> tuple[EngineLines, list[str]]:
    lines = EngineLines()
    shown = [lines.read(line) for line in text.splitlines()]
    return lines, [line for line in shown if line]


def test_a_line_is_shown_for_each_finished_resource_only() -> None:
    assert read(UP)[1] == [
        "Network network created (2s)",
        "Gate postgres-ready creating failed",
        "Container scylla created replacement (12s)",
    ]


def test_what_is_in_work_is_known() -> None:
    lines, _ = read(UP)
    assert lines.doing == "3 done, in work: kafka-1, vault"


def test_many_resources_in_work_are_counted() -> None:
    text = "\n".join(f" +  docker:index:Container service-{number} creating (0s)" for number in range(6))
    assert read(text)[0].doing == "0 done, in work: service-0, service-1, service-2, service-3 and 2 more"


def test_diagnostics_and_summary_are_kept_and_outputs_are_not() -> None:
    lines, _ = read(UP)
    assert any("does not answer" in line for line in lines.diagnostics)
    assert lines.summary == ["+ 2 created", "Duration: 1m2s"]
    assert not any("secret" in line for line in lines.diagnostics + lines.summary)
