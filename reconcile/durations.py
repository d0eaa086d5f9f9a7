"""Times as people write them: `90s`, `24h`, `1d12h`, `2025-12-08`, `2025-12-08T14:30Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_seconds(text: str | float) -> float:
    """Return a duration in seconds; a bare number is seconds.

    Raises:
        ValueError: says what a duration looks like.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        seconds = float(text)
    else:
        stripped = str(text).strip().lower()
        if re.fullmatch(r"\d+(?:\.\d+)?", stripped):
            seconds = float(stripped)
        elif _WHOLE.fullmatch(stripped):
            seconds = sum(float(number) * _UNITS_SECONDS[unit] for number, unit in _PART.findall(stripped))
        else:
            raise ValueError(f"{text!r} is not a duration; write for example 90s, 15m, 24h or 7d")
    if seconds < 0:
        raise ValueError(f"{text!r} is negative; a duration is not")
    return seconds


def parse_time(text: str, now: datetime) -> datetime:
    """Return a moment in UTC: a duration counts back from `now`; a date or time without a zone is UTC.

    Raises:
        ValueError: says what a time looks like.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            # A bare number would be seconds, which nobody means by `--since 24`.
            return now - timedelta(seconds=parse_seconds(text if text[-1:].isalpha() else ""))
        except (ValueError, OverflowError):
            raise ValueError(
                f"{text!r} is not a time; write a duration that counts back from now (24h, 7d), a date (2025-12-08) "
                "or a time (2025-12-08T14:30Z, without a zone UTC)"
            ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def show_seconds(seconds: float) -> str:
    """Return a duration as people write it: `45s`, `2m05s`, `26h00m`, `3d4h`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, day_hours = divmod(hours, 24)
    if days > 1:
        return f"{days}d{day_hours}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
