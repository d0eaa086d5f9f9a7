"""JSON as the sink's transform writes maps, tuples, user-defined types and nested collections, and back.

A map is an object with its keys as text, a user-defined type an object of its fields, a tuple an object of `field_0`,
`field_1`, ...; reading also takes a map as a list of {key, value} objects and a tuple as a list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any, Final

from reconcile.values_cql import members, multiset, none_if_all_none
from reconcile.values_text import MINUS_ZERO, canonical_double, canonical_float, from_text, to_text
from reconcile.values_types import ValueType

JsonReader = Callable[[Any], Any]

_INTEGERS: Final = frozenset({"tinyint", "smallint", "int", "bigint", "counter", "time"})


def parse_json(text: str | bytes) -> Any:
    """Parse with all numbers as Decimal, so that none loses digits. Raises ValueError."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def dump_json(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@cache
def json_reader(value_type: ValueType) -> JsonReader:
    """Return the function that turns parsed JSON into a canonical value.

    It raises ValueError or TypeError when the JSON is not of the type.
    """
    read = _scalar_reader(value_type.name) if value_type.is_scalar else _READERS[value_type.name](value_type)
    return lambda value: None if value is None else read(value)


def to_json(value_type: ValueType, value: Any) -> Any:
    """Return what `dump_json` takes for a canonical value."""
    if value is None:
        return None
    if value_type.is_scalar:
        return _scalar_to_json(value_type.name, value)
    return _WRITERS[value_type.name](value_type, value)


def _scalar_reader(name: str) -> JsonReader:
    if name in _INTEGERS:
        return _integer
    if name == "boolean":
        return _boolean
    if name == "float":
        return lambda value: canonical_float(_number(value))
    if name == "double":
        return lambda value: canonical_double(_number(value))
    if name in ("decimal", "varint"):
        return lambda value: from_text(name, str(value) if isinstance(value, Decimal) else _text(value))
    return lambda value: from_text(name, _text(value))


def _scalar_to_json(name: str, value: Any) -> Any:
    if name in _INTEGERS or name == "boolean":
        return value
    if name in ("float", "double"):
        text = to_text(name, value)
        # JSON has no NaN and no infinity; the sink's transform writes them as text.
        return text if text.strip("-").isalpha() else float(text)
    return to_text(name, value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"JSON holds {value!r} where text belongs")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Decimal | str):
        raise TypeError(f"JSON holds {value!r} where a number belongs")
    return float(value)


def _integer(value: Any) -> int:
    if not isinstance(value, Decimal) or value != value.to_integral_value():
        raise TypeError(f"JSON holds {value!r} where a whole number belongs")
    return int(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"JSON holds {value!r} where a boolean belongs")
    return value


def _expect(kind: type, value: Any, what: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"JSON holds {type(value).__name__} where {what} belongs")
    return value


def _collection(value_type: ValueType, build: Callable[[Iterable[Any]], Any]) -> JsonReader:
    read = json_reader(value_type.arguments[0])
    return lambda value: build([read(item) for item in _expect(list, value, "a list")])


def _map(value_type: ValueType) -> JsonReader:
    key_type, item_type = value_type.arguments
    read_key, read_item = json_reader(key_type), json_reader(item_type)

    def entries(value: Any) -> Any:
        if isinstance(value, list):
            pairs = [
                (_signed(key_type, read_key(each["key"]), each["key"]), read_item(each["value"])) for each in value
            ]
        else:
            items = _expect(dict, value, "a map").items()
            pairs = [(_key_from_text(key_type, key), read_item(item)) for key, item in items]
        return multiset(pairs)

    return entries


def _tuple(value_type: ValueType) -> JsonReader:
    names = [f"field_{index}" for index in range(len(value_type.arguments))]
    read = _fields(names, value_type)

    def parts(value: Any) -> Any:
        if isinstance(value, list):
            value = {f"field_{index}": item for index, item in enumerate(value)}
        return read(_expect(dict, value, "a tuple"))

    return parts


def _user_type(value_type: ValueType) -> JsonReader:
    read = _fields(value_type.fields, value_type)
    return lambda value: none_if_all_none(read(_expect(dict, value, "a user-defined type")))


def _fields(names: Iterable[str], value_type: ValueType) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    readers = {name: json_reader(argument) for name, argument in zip(names, value_type.arguments, strict=True)}

    def read(value: dict[str, Any]) -> tuple[Any, ...]:
        unknown = [name for name, item in value.items() if name not in readers and item is not None]
        if unknown:
            raise ValueError(f"JSON holds the unknown field {unknown[0]}")
        return tuple(read_field(value.get(name)) for name, read_field in readers.items())

    return read


def _signed(key_type: ValueType, key: Any, written: Any) -> Any:
    """A key, minus zero if it was written so."""
    is_minus_zero = key_type.name in ("float", "double") and key == 0 and str(written).startswith("-")
    return MINUS_ZERO if is_minus_zero else key


def _key_from_text(key_type: ValueType, text: str) -> Any:
    if key_type.is_scalar:
        return _signed(key_type, from_text(key_type.name, text), text)
    return json_reader(key_type)(parse_json(text))


def _key_to_text(key_type: ValueType, key: Any) -> str:
    value = to_json(key_type, key)
    return to_text(key_type.name, key) if key_type.is_scalar else dump_json(value)


def _list_to_json(value_type: ValueType, value: Any) -> list[Any]:
    return [to_json(value_type.arguments[0], item) for item in value]


def _set_to_json(value_type: ValueType, value: Any) -> list[Any]:
    return sorted((to_json(value_type.arguments[0], item) for item in members(value)), key=dump_json)


def _map_to_json(value_type: ValueType, value: Any) -> dict[str, Any]:
    key_type, item_type = value_type.arguments
    pairs = ((_key_to_text(key_type, key), to_json(item_type, item)) for key, item in members(value))
    return dict(sorted(pairs, key=lambda pair: pair[0]))


def _tuple_to_json(value_type: ValueType, value: Any) -> dict[str, Any]:
    items = zip(value_type.arguments, value, strict=True)
    return {f"field_{index}": to_json(argument, item) for index, (argument, item) in enumerate(items)}


def _user_type_to_json(value_type: ValueType, value: Any) -> dict[str, Any]:
    items = zip(value_type.fields, value_type.arguments, value, strict=True)
    return {name: to_json(argument, item) for name, argument, item in items}


_READERS: Final[dict[str, Callable[[ValueType], JsonReader]]] = {
    "list": lambda value_type: _collection(value_type, tuple),
    "set": lambda value_type: _collection(value_type, multiset),
    "map": _map,
    "tuple": _tuple,
    "udt": _user_type,
}
_WRITERS: Final[dict[str, Callable[[ValueType, Any], Any]]] = {
    "list": _list_to_json,
    "set": _set_to_json,
    "map": _map_to_json,
    "tuple": _tuple_to_json,
    "udt": _user_type_to_json,
}
