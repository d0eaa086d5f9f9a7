import traceback

import pytest

from components.provider_errors import ProviderError, redact, short_errors, shorten_trace

BATCH_TRACE = """org.x.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:632)
\t... 10 more
Caused by: org.apache.kafka.connect.errors.ConnectException: Failed to process a sink record
\tat io.debezium.connector.jdbc.JdbcChangeEventSink.execute(JdbcChangeEventSink.java:10)
Caused by: java.sql.BatchUpdateException: Batch entry 1 INSERT INTO public.users (id, name) VALUES \
(('2'::int8), ('Ada (the first)')) ON CONFLICT (id) DO UPDATE SET name=EXCLUDED.name was aborted: \
ERROR: null value in column "email" violates not-null constraint
  Detail: Failing row contains (2, Ada (the first), null).
\tat org.postgresql.jdbc.BatchResultHandler.handleError(BatchResultHandler.java:165)
"""


def test_a_trace_becomes_its_first_line_and_its_root_cause() -> None:
    text = shorten_trace(BATCH_TRACE)
    assert text.startswith("ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.; root cause: ")
    assert 'null value in column "email" violates not-null constraint' in text
    assert "\n" not in text
    assert "WorkerSinkTask.java" not in text


def test_a_trace_shows_no_row_values() -> None:
    assert "Ada" not in shorten_trace(BATCH_TRACE)


def test_a_trace_of_one_exception_has_no_root_cause() -> None:
    assert shorten_trace("java.io.IOException: no route\n\tat a.B(C.java)") == "IOException: no route"


def test_a_very_long_trace_is_cut() -> None:
    text = shorten_trace("x.Y: " + "long " * 1000, limit_characters=100)
    assert len(text) <= 100
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("INSERT INTO t VALUES (1, 'alice@example.org')", "alice"),
        ("INSERT INTO t VALUES ((1), ('a) b alice'))\nCaused by: x", "alice"),
        ("Batch entry 0 DELETE FROM public.t WHERE (id) = ('alice') was aborted: ERROR", "alice"),
        ("ERROR: duplicate key\n  Detail: Key (email)=(alice) already exists.", "alice"),
        ('ERROR: invalid input syntax for type uuid: "alice"', "alice"),
        ('ERROR: value "31415926" is out of range for type integer', "31415926"),
        ("connection.password=hunter2, batch.size=3", "hunter2"),
        ('{"connection.password": "hunter2 and more"}', "hunter2"),
        ("ALTER ROLE cdc_writer PASSWORD 'hunter2'", "hunter2"),
        ("jdbc:postgresql://h/db?user=u&password=hunter2&x=1", "hunter2"),
        ("cannot reach https://admin:hunter2@connect:8083/", "hunter2"),
        ("vault token: hvs.hunter2", "hunter2"),
    ],
)
def test_values_and_credentials_are_hidden(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        'FATAL: password authentication failed for user "cdc_writer"',
        "connection.password=${file:/vault/secrets/postgres.properties:password}",
        '"scylla.password": "${file:/vault/secrets/scylla.properties:password}"',
        'relation "public.users" does not exist',
        "http://127.0.0.1:28083/connectors",
    ],
)
def test_what_a_person_needs_to_read_stays(text: str) -> None:
    assert redact(text) == text


def test_a_provider_error_comes_out_without_the_frames_and_causes_behind_it() -> None:
    @short_errors
    def create() -> None:
        try:
            raise KeyError("hunter2")
        except KeyError as error:
            raise ProviderError("connector x: does not start") from error

    with pytest.raises(ProviderError) as raised:
        create()
    printed = "".join(traceback.format_exception(raised.value))
    assert "connector x: does not start" in printed
    assert "hunter2" not in printed


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    @short_errors
    def create() -> None:
        raise TypeError("mistake")

    with pytest.raises(TypeError, match="mistake"):
        create()
