"""What prepared statements are told about their parameters and columns."""

from types import SimpleNamespace
from typing import Any

from cassandra.cqltypes import BytesType, Int32Type, LongType, TimestampType
from cassandra.protocol import ColumnMetadata

from reconcile.source_protocol import bind_and_read_raw


def prepared(*result: Any) -> Any:
    key = ColumnMetadata("ks", "t", "id", Int32Type)
    return SimpleNamespace(column_metadata=[key], result_metadata=list(result) or None)


def test_cells_are_bytes_but_for_timestamps_which_are_numbers() -> None:
    statement = prepared(("ks", "t", "number", Int32Type), ("ks", "t", "at", TimestampType))

    bind_and_read_raw(statement)

    assert [column.type for column in statement.column_metadata] == [BytesType]
    assert [column[3] for column in statement.result_metadata] == [BytesType, LongType]


def test_a_statement_that_returns_no_rows_has_no_columns() -> None:
    statement = prepared()

    bind_and_read_raw(statement)

    assert statement.result_metadata == []
