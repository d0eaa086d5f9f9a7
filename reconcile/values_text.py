"""Text forms of CQL values: as ScyllaDB's connector and the sink write them, and back.

Times are exact over the whole range of the CQL types, far beyond Python's years 1 to 9999.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import numpy as np

US_PER_DAY: Final = 86_400_000_000
NAN: Final = "NaN"
"""Canonical NaN: equal to itself, unlike a float's."""
MINUS_ZERO: Final = "-0.0"
"""Canonical minus zero as a key of a map, which may have zero as well; elsewhere both are the same."""

_DATE = r"([+-]?\d{4,})-(\d\d)-(\d\d)"
_TIME = r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?"
_DATE_FORM: Final = re.compile(_DATE)
_TIMESTAMP_FORM: Final = re.compile(rf"{_DATE}T{_TIME}Z")
_DURATION_FORM: Final = re.compile(r"(\d+)(y|mo|w|d|h|ms|m|s|us|µs|ns)")
_DURATION_MONTHS: Final = {"y": 12, "mo": 1}
_DURATION_DAYS: Final = {"w": 7, "d": 1}
_DURATION_NS: Final = {
    "h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000,
    "ms": 1_000_000, "us": 1_000, "µs": 1_000, "ns": 1,
}  # fmt: skip

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the proleptic Gregorian calendar; year 0 is 1 BC."""
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a count of days from 1970-01-01."""
    shifted = days + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + (3 if month_from_march < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day


def date_text(days: int | str) -> str:
    """Return ISO 8601 as Java prints it: years beyond 9999 with a sign. An infinity of PostgreSQL stays as it is."""
    if isinstance(days, str):
        return days
    year, month, day = civil_from_days(days)
    sign = "+" if year > 9999 else "-" if year < 0 else ""
    return f"{sign}{abs(year):04}-{month:02}-{day:02}"


def timestamp_text(us: int | str) -> str:
    """Return ISO 8601 in UTC with as many groups of three decimals as needed, as Java's `Instant` prints it."""
    if isinstance(us, str):
        return us
    days, rest = divmod(us, US_PER_DAY)
    seconds, micros = divmod(rest, 1_000_000)
    fraction = "" if not micros else f".{micros // 1000:03}" if micros % 1000 == 0 else f".{micros:06}"
    return f"{date_text(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}Z"


def _parse_date(text: str) -> int | str:
    if text in ("infinity", "-infinity"):
        return text
    return _days(_match(_DATE_FORM, text))


def _parse_timestamp(text: str) -> int | str:
    if text in ("infinity", "-infinity"):
        return text
    match = _match(_TIMESTAMP_FORM, text)
    hours, minutes, seconds = int(match[4]), int(match[5]), int(match[6] or 0)
    micros = int((match[7] or "").ljust(6, "0"))
    return _days(match) * US_PER_DAY + ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros


def _days(match: re.Match[str]) -> int:
    days = days_from_civil(int(match[1]), int(match[2]), int(match[3]))
    if civil_from_days(days) != (int(match[1]), int(match[2]), int(match[3])):
        raise ValueError(f"{match[0]} is not a date")
    return days


def _match(form: re.Pattern[str], text: str) -> re.Match[str]:
    match = form.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not of the form expected")
    return match


def duration_text(duration: tuple[int, int, int]) -> str:
    """Return months, days and nanoseconds as Cassandra prints them, such as `1y2mo3d4h5ms`; nothing for zero."""
    months, days, nanoseconds = (abs(part) for part in duration)
    parts = [(months // 12, "y"), (months % 12, "mo"), (days, "d")]
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        count, nanoseconds = divmod(nanoseconds, _DURATION_NS[unit])
        parts.append((count, unit))
    sign = "-" if any(part < 0 for part in duration) else ""
    return sign + "".join(f"{count}{unit}" for count, unit in parts if count)


def _parse_duration(text: str) -> tuple[int, int, int]:
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text)
    months = days = nanoseconds = position = 0
    for match in _DURATION_FORM.finditer(body):
        if match.start() != position:
            break
        position = match.end()
        count, unit = int(match[1]), match[2]
        months += count * _DURATION_MONTHS.get(unit, 0)
        days += count * _DURATION_DAYS.get(unit, 0)
        nanoseconds += count * _DURATION_NS.get(unit, 0)
    if position != len(body):
        raise ValueError(f"{text!r} is not a duration")
    return sign * months, sign * days, sign * nanoseconds


def address(packed: bytes | str) -> IpAddress:
    """Return an address; an IPv4 address that is mapped into IPv6 is IPv4, as Java has it. Raises ValueError."""
    parsed = ipaddress.ip_address(packed)
    return parsed.ipv4_mapped or parsed if isinstance(parsed, ipaddress.IPv6Address) else parsed


def address_text(value: IpAddress) -> str:
    """Return the form of Java's `getHostAddress`: no group of IPv6 is left out, none has leading zeros."""
    if isinstance(value, ipaddress.IPv4Address):
        return str(value)
    return ":".join(f"{int(group, 16):x}" for group in value.exploded.split(":"))


def canonical_double(value: float) -> float | str:
    """Return the value with one NaN, as text, and one zero."""
    return NAN if value != value else value or 0.0


def canonical_map_key(value: float) -> float | str:
    """Return a key of a map: as `canonical_double`, but minus zero is not zero."""
    return MINUS_ZERO if str(value) == MINUS_ZERO else canonical_double(value)


def canonical_float(value: float) -> float | str:
    """Return the nearest float of 32 bits, with one NaN and one zero."""
    try:
        return canonical_double(struct.unpack(">f", struct.pack(">f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _double_text(value: float | str) -> str:
    return value if isinstance(value, str) else repr(value).replace("inf", "Infinity")


def _float_text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return str(np.float32(value)).replace("inf", "Infinity")


def _parse_decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not value.is_finite():
        raise ValueError(f"{text} is not a number that ScyllaDB can hold")
    return value


def _parse_varint(text: str) -> Decimal:
    value = _parse_decimal(text)
    if value != value.to_integral_value():
        raise ValueError(f"{text} is not a whole number")
    return value


def _parse_bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is not a boolean")
    return text == "true"


def _parse_blob(text: str) -> bytes:
    if not text.startswith("0x"):
        raise ValueError("a blob is written as 0x and hexadecimal digits")
    return bytes.fromhex(text[2:])


_WRITE: Final[dict[str, Callable[[Any], str]]] = {
    "boolean": lambda value: "true" if value else "false",
    "varint": lambda value: format(value, "f"),
    "float": _float_text,
    "double": _double_text,
    "timestamp": timestamp_text,
    "date": date_text,
    "duration": duration_text,
    "inet": address_text,
    "blob": lambda value: "0x" + value.hex(),
}
_READ: Final[dict[str, Callable[[str], Any]]] = {
    "text": str,
    "ascii": str,
    "uuid": UUID,
    "timeuuid": UUID,
    "tinyint": int,
    "smallint": int,
    "int": int,
    "bigint": int,
    "counter": int,
    "time": int,
    "varint": _parse_varint,
    "decimal": _parse_decimal,
    "float": lambda text: canonical_float(float(text)),
    "double": lambda text: canonical_double(float(text)),
    "boolean": _parse_bool,
    "timestamp": _parse_timestamp,
    "date": _parse_date,
    "duration": _parse_duration,
    "inet": address,
    "blob": _parse_blob,
}


def to_text(name: str, value: Any) -> str:
    """Return the text form of a canonical value of a plain CQL type, as the connector writes it."""
    return _WRITE.get(name, str)(value)


def from_text(name: str, text: str) -> Any:
    """Return the canonical value of a text form. Raises ValueError."""
    return _READ[name](text)
