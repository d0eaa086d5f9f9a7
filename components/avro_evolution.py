"""Which Avro schemas ScyllaDB's connector would register for a table as it is now.

The schemas that are registered already are taken as the pattern, and the table's columns are put into them: only what
differs changes, so that the registry can be asked whether it would take the result.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.scylla.metadata import SourceTable
from reconcile.types import CqlType, parse_cql_type

_PRIMITIVES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("ascii", "text", "uuid", "timeuuid", "varint", "decimal", "duration", "inet"), "string"),
    **dict.fromkeys(("tinyint", "smallint", "int"), "int"),
    **dict.fromkeys(("bigint", "counter", "time"), "long"),
    "float": "float",
    "double": "double",
    "boolean": "boolean",
    "blob": "bytes",
    "date": {"type": "int", "logicalType": "date"},
    "timestamp": {"type": "long", "logicalType": "timestamp-millis"},
}
_ROWS: Final = ("before", "after")
_USER_TYPE: Final = "a user-defined type"


@dataclass(frozen=True)
class Evolution:
    """A subject's next schema."""

    schema: Any
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, tuple[str, str]]
    """Column -> what its Avro type was and is, in words."""

    @property
    def is_new(self) -> bool:
        """Whether anything differs from the schema that is registered."""
        return bool(self.added or self.removed or self.changed)


def evolve_value(registered: Any, table: SourceTable) -> Evolution:
    """The next schema of `<topic>-value`: the envelope with the table's columns in both images."""
    schema = copy.deepcopy(registered)
    names = dict(_named(registered))
    found = None
    for field in schema["fields"]:
        row = _record(field["type"])
        if field["name"] in _ROWS and row is not None:
            found = _evolve_row(row, table, [column.name for column in table.columns], names)
    if found is None:
        raise ValueError("the registered schema is no change envelope")
    return Evolution(schema, *found)


def evolve_key(registered: Any, table: SourceTable) -> Evolution:
    """The next schema of `<topic>-key`: a record of the key's columns."""
    schema = copy.deepcopy(registered)
    return Evolution(schema, *_evolve_row(schema, table, list(table.key), dict(_named(registered))))


def _evolve_row(
    row: dict[str, Any], table: SourceTable, columns: list[str], names: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, tuple[str, str]]]:
    """Put the columns into a record; returns what was added, removed and changed."""
    present = {field["name"]: field for field in row["fields"]}
    added = tuple(name for name in columns if name not in present)
    cql_types = {column.name: column.cql_type for column in table.columns}
    changed, fields = {}, []
    for name in [*(name for name in present if name in columns), *added]:
        wanted = _avro(parse_cql_type(cql_types[name], name), f"{row['name']}.{name}")
        field = present.get(name)
        if field is None:
            fields.append({"name": name, "type": ["null", wanted], "default": None})
            continue
        before, after = shape(field["type"], names), shape(wanted, {})
        if _same(before, after):
            fields.append(field)
        else:
            changed[name] = (before, after)
            fields.append({"name": name, "type": ["null", wanted], "default": None})
    row["fields"] = fields
    return added, tuple(name for name in present if name not in columns), changed


def _avro(cql_type: CqlType, name: str) -> Any:
    if cql_type.user_defined:
        return {"type": "record", "name": f"{name}.UDT", "fields": []}
    if cql_type.name in ("list", "set"):
        return {"type": "array", "items": ["null", _avro(cql_type.arguments[0], name)]}
    if cql_type.name == "map":
        parts = {"key": cql_type.arguments[0], "value": cql_type.arguments[1]}
        return {"type": "array", "items": ["null", _struct(f"{name}.MapEntry", parts)]}
    if cql_type.name == "tuple":
        return _struct(f"{name}.Tuple", {f"field_{n}": part for n, part in enumerate(cql_type.arguments)})
    return _PRIMITIVES[cql_type.name]


def _struct(name: str, parts: Mapping[str, CqlType]) -> dict[str, Any]:
    fields = [
        {"name": part, "type": ["null", _avro(cql_type, f"{name}.{part}")], "default": None}
        for part, cql_type in parts.items()
    ]
    return {"type": "record", "name": name, "fields": fields}


def shape(schema: Any, names: Mapping[str, Any]) -> str:
    """An Avro type in words that are equal exactly when two types hold the same values."""
    if isinstance(schema, list):
        return " or ".join(shape(branch, names) for branch in schema if branch != "null")
    if isinstance(schema, str):
        return shape(names[schema], names) if schema in names else schema
    kind = schema["type"]
    if isinstance(kind, list | dict):
        return shape(kind, names)
    if kind == "array":
        return f"array of {shape(schema['items'], names)}"
    if kind == "record":
        parts = [f"{field['name']}: {shape(field['type'], names)}" for field in schema["fields"]]
        return f"{_record_kind(schema)} ({', '.join(parts)})" if parts else _USER_TYPE
    logical = schema.get("logicalType")
    return f"{kind} ({logical})" if logical else str(kind)


def _record_kind(schema: Mapping[str, Any]) -> str:
    fields = [field["name"] for field in schema["fields"]]
    if schema["name"].endswith("UDT"):
        return "record"
    return "entry" if fields == ["key", "value"] else "tuple" if fields[0] == "field_0" else "record"


def _same(registered: str, wanted: str) -> bool:
    """Whether two shapes are equal; the fields of user-defined types are the registry's business."""
    if registered == wanted or _USER_TYPE not in wanted:
        return registered == wanted
    head, _, tail = wanted.partition(_USER_TYPE)
    return registered.startswith(head + "record (") and registered.endswith(tail.rpartition(_USER_TYPE)[2])


def _named(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every record in a schema by its full name."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _named(branch)
    elif isinstance(schema, dict):
        if schema.get("type") == "record":
            namespace = schema.get("namespace")
            yield f"{namespace}.{schema['name']}" if namespace else schema["name"], schema
            for field in schema["fields"]:
                yield from _named(field["type"])
        else:
            yield from _named(schema.get("items"))
            yield from _named(schema["type"])


def _record(schema: Any) -> dict[str, Any] | None:
    """The record that a nullable field holds; the one that is written out there, to be changed in place."""
    for branch in schema if isinstance(schema, list) else [schema]:
        if isinstance(branch, dict) and branch.get("type") == "record":
            return branch
    return None
