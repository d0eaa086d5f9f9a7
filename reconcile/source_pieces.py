"""Pieces of a table that are read at a time, and what is left of one that could be read only in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cassandra.metadata import protect_name

from reconcile.schema import ColumnPlan, TablePlan
from reconcile.tokens import split, token_of

Row = tuple[Any, ...]


@dataclass(frozen=True)
class TokenRange:
    """The rows with tokens in (low, high]."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"tokens ({self.low}, {self.high}]"


@dataclass(frozen=True)
class RestOfPartition:
    """The rows of a partition that come after a row."""

    after: Row
    """Raw."""
    token: int

    def __str__(self) -> str:
        return f"the rest of a partition with token {self.token}"


Piece = TokenRange | RestOfPartition


def remaining(plan: TablePlan, piece: Piece, last: Row | None) -> list[Piece]:
    """Return what is left of a piece after its last row that was read, in at least two parts where that can be.

    Nothing when it cannot be read in other parts than before.
    """
    if last is None:
        return _halves(piece.low, piece.high) if isinstance(piece, TokenRange) else []
    token = token_of(_bytes(last[: len(plan.partition_key)]))
    clustering = last[len(plan.partition_key) : len(plan.key)]
    pieces: list[Piece] = []
    if clustering and None not in clustering:
        if len(set(plan.clustering_reversed)) > 1:
            return []  # rows after a row are no range where columns are sorted in different directions
        pieces.append(RestOfPartition(last, token))
    if isinstance(piece, TokenRange):
        pieces += _halves(token, piece.high) or _whole(token, piece.high)
    return pieces


def piece_clause(plan: TablePlan, piece: Piece) -> tuple[str, list[bytes]]:
    """Return the WHERE clause of a piece and the bytes of its parameters."""
    partition = plan.key[: len(plan.partition_key)]
    if isinstance(piece, TokenRange):
        token = f"token({_names(partition)})"
        # An inclusive lower bound, because the smallest token means something else to some servers.
        bounds = (piece.low + 1, piece.high)
        return f"{token} >= ? AND {token} <= ?", [bound.to_bytes(8, "big", signed=True) for bound in bounds]
    equal = " AND ".join(f"{protect_name(column.name)} = ?" for column in partition)
    operator = "<" if plan.clustering_reversed[0] else ">"
    markers = ", ".join("?" * len(plan.clustering_key))
    clause = f"{equal} AND ({_names(plan.clustering_key)}) {operator} ({markers})"
    return clause, _bytes(piece.after[: len(plan.key)])


def _bytes(cells: Row) -> list[bytes]:
    """Raw cells as the bytes that they are in ScyllaDB; timestamps are read as numbers."""
    return [cell if isinstance(cell, bytes) else cell.to_bytes(8, "big", signed=True) for cell in cells]


def _halves(low: int, high: int) -> list[Piece]:
    return [TokenRange(*bounds) for bounds in split(low, high, 2)] if high - low > 1 else []


def _whole(low: int, high: int) -> list[Piece]:
    return [TokenRange(low, high)] if high > low else []


def _names(columns: Sequence[ColumnPlan]) -> str:
    return ", ".join(protect_name(column.name) for column in columns)
