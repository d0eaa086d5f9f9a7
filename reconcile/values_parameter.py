"""Canonical values -> the text that PostgreSQL reads them from, with the content that the sink would have written."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from reconcile.values_cql import members
from reconcile.values_json import dump_json, to_json
from reconcile.values_postgres import PgType
from reconcile.values_text import US_PER_DAY, civil_from_days, days_from_civil, to_text
from reconcile.values_types import Unreadable, ValueType

_TEXTS: Final = ("text", "character varying", "character", "bpchar")
_INTEGER_BITS: Final = {"smallint": 15, "integer": 31, "bigint": 63}
_NUMERIC_DIGITS_BEFORE_POINT: Final = 131_072
_NUMERIC_DIGITS_AFTER_POINT: Final = 16_383
_FIRST_DAY: Final = days_from_civil(-4713, 11, 24)
"""4714-11-24 BC, where PostgreSQL's dates and timestamps begin."""
_LAST_DATE_DAY: Final = days_from_civil(5_874_897, 12, 31)
_LAST_TIMESTAMP_DAY: Final = days_from_civil(294_276, 12, 31)


class UnrepresentableError(ValueError):
    """PostgreSQL's column cannot hold the value. The message says why, without the value."""

    def __init__(self, reason: str, *, lossy: bool = False) -> None:
        super().__init__(reason)
        self.lossy = lossy
        """True when the column would take a changed value: rounded, padded or cut."""


def parameter(value_type: ValueType, pg_type: PgType, value: Any) -> str:
    """Return PostgreSQL's input text for a canonical value. Raises UnrepresentableError."""
    if isinstance(value, Unreadable):
        raise UnrepresentableError(str(value))
    if pg_type.is_array:
        text = _array(value_type, pg_type, value)
    elif not value_type.is_scalar:
        text = dump_json(to_json(value_type, value))
        if pg_type.name == "jsonb" and "\\u0000" in text.replace("\\\\", ""):
            raise UnrepresentableError("jsonb cannot hold the NUL character")
    else:
        write = _WRITERS.get(pg_type.name)
        text = write(value_type, pg_type, value) if write else to_text(value_type.name, value)
    if "\0" in text:
        raise UnrepresentableError("PostgreSQL's text cannot hold the NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UnrepresentableError("the text is not UTF-8")
    return text


def _array(value_type: ValueType, pg_type: PgType, value: Any) -> str:
    element = value_type.arguments[0]
    items = sorted(members(value), key=repr) if value_type.name == "set" else value
    texts = ["NULL" if item is None else _quoted(parameter(element, pg_type.element, item)) for item in items]
    return "{" + ",".join(texts) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value_type: ValueType, pg_type: PgType, value: Any) -> str:
    text = to_text(value_type.name, value)
    if pg_type.name == "bpchar" or not pg_type.modifiers:
        return text
    (length,) = pg_type.modifiers
    if len(text) > length:
        raise UnrepresentableError(f"the text has {len(text)} characters, the column takes {length}", lossy=True)
    if pg_type.name == "character" and len(text) < length:
        raise UnrepresentableError(f"character({length}) pads the text with blanks", lossy=True)
    return text


def _integer(value_type: ValueType, pg_type: PgType, value: Any) -> str:
    number = int(value)
    if not -(1 << _INTEGER_BITS[pg_type.name]) <= number < 1 << _INTEGER_BITS[pg_type.name]:
        raise UnrepresentableError(f"the number is out of the range of {pg_type.name}")
    return to_text("varint", Decimal(number)) if value_type.name == "varint" else str(number)


def _numeric(value_type: ValueType, pg_type: PgType, value: Any) -> str:
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    decimals = max(0, -exponent) if isinstance(exponent, int) else 0
    if pg_type.modifiers:
        precision, scale = pg_type.modifiers
        if number and number.adjusted() >= precision - scale:
            raise UnrepresentableError(f"the number does not fit into numeric({precision},{scale})")
        if decimals > scale and number.quantize(Decimal(1).scaleb(-scale)) != number:
            raise UnrepresentableError(f"numeric({precision},{scale}) rounds the number", lossy=True)
    if number.adjusted() >= _NUMERIC_DIGITS_BEFORE_POINT or decimals > _NUMERIC_DIGITS_AFTER_POINT:
        raise UnrepresentableError("the number has more digits than numeric takes")
    return to_text(value_type.name, value)


def _float(_value_type: ValueType, _pg_type: PgType, value: Any) -> str:
    # In full, so that a float in a column of double precision becomes what the sink binds.
    return to_text("double", value)


def _timestamp(_value_type: ValueType, pg_type: PgType, value: Any) -> str:
    days, us = divmod(value, US_PER_DAY)
    if pg_type.modifiers and us % 10 ** (6 - pg_type.modifiers[0]):
        raise UnrepresentableError(f"a timestamp of precision {pg_type.modifiers[0]} rounds the value", lossy=True)
    date, era = _date_and_era(days, _LAST_TIMESTAMP_DAY)
    seconds, micros = divmod(us, 1_000_000)
    zone = "+00" if "with time zone" in pg_type.name else ""
    return f"{date} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}{zone}{era}"


def _date(_value_type: ValueType, _pg_type: PgType, value: Any) -> str:
    return "".join(_date_and_era(value, _LAST_DATE_DAY))


def _date_and_era(days: int, last_day: int) -> tuple[str, str]:
    if not _FIRST_DAY <= days <= last_day:
        raise UnrepresentableError("the date is out of PostgreSQL's range")
    year, month, day = civil_from_days(days)
    era = "" if year > 0 else " BC"
    return f"{year if year > 0 else 1 - year:04}-{month:02}-{day:02}", era


def _time(_value_type: ValueType, _pg_type: PgType, value: Any) -> str:
    seconds, nanoseconds = divmod(value, 1_000_000_000)
    if nanoseconds % 1000:
        raise UnrepresentableError("PostgreSQL's time has no nanoseconds", lossy=True)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{nanoseconds // 1000:06}"


def _bytea(_value_type: ValueType, _pg_type: PgType, value: Any) -> str:
    return "\\x" + bytes(value).hex()


_WRITERS: Final[dict[str, Callable[[ValueType, PgType, Any], str]]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_INTEGER_BITS, _integer),
    "numeric": _numeric,
    "real": _float,
    "double precision": _float,
    "timestamp with time zone": _timestamp,
    "timestamp without time zone": _timestamp,
    "date": _date,
    "time without time zone": _time,
    "bytea": _bytea,
}
