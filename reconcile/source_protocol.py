"""Results of ScyllaDB as bytes: cells are not decoded, because equal bytes need no decoding to be compared.

A timestamp, whose bytes PostgreSQL does not share, becomes a number of milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from cassandra.cqltypes import BytesType, LongType
from cassandra.protocol import ProtocolHandler, ResultMessage
from cassandra.query import PreparedStatement


class RawRows(list[tuple[Any, ...]]):
    """Rows of one page, with the bytes that they took on the wire."""

    size_bytes: int = 0


def bind_and_read_raw(statement: PreparedStatement) -> None:
    """Make a prepared statement take bytes for its parameters, and know its columns as bytes if it has any."""
    statement.column_metadata = [column._replace(type=BytesType) for column in statement.column_metadata]
    statement.result_metadata = _raw_columns(statement.result_metadata or ())


def _raw_columns(columns: Sequence[Any]) -> list[Any]:
    return [(*column[:3], LongType if column[3].typename == "timestamp" else BytesType) for column in columns]


_DecodedResultMessage: Any = ProtocolHandler.message_types_by_opcode[ResultMessage.opcode]


class RawResultMessage(_DecodedResultMessage):  # type: ignore[misc]
    """The driver's result message, compiled or not, told that columns are bytes."""

    column_metadata: Any
    parsed_rows: Any

    def recv_results_metadata(self, f: Any, user_type_map: Any) -> None:
        """Read the names and types of the columns, and replace the types."""
        super().recv_results_metadata(f, user_type_map)
        if self.column_metadata:
            self.column_metadata = _raw_columns(self.column_metadata)

    def recv_results_rows(self, f: Any, *args: Any) -> None:
        """Read the rows, and remember how large they are."""
        size_bytes = f.getbuffer().nbytes
        super().recv_results_rows(f, *args)
        rows = RawRows(self.parsed_rows)
        rows.size_bytes = size_bytes
        self.parsed_rows = rows


class RawProtocolHandler(ProtocolHandler):  # type: ignore[misc]
    """Protocol handler of sessions that read raw cells."""

    message_types_by_opcode: ClassVar[dict[int, Any]] = {
        **ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: RawResultMessage,
    }


def raw_row_factory(_names: list[str], rows: RawRows) -> RawRows:
    """Keep rows as they are."""
    return rows
