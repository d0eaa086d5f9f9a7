"""Errors of dynamic providers: short enough to read in `pulumi up`, and without row values or passwords.

The engine prints what a provider raises together with its whole traceback, and CI keeps that output, so
everything that leaves a provider method goes through here.
"""

import functools
import re
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HIDDEN: Final = "***"
_LIMIT_CHARACTERS: Final = 700


class ProviderError(RuntimeError):
    """An operation on a resource failed. The message names the thing, says what to do and holds no secret."""


_NOT_A_PLACEHOLDER: Final = r"(?!\$\{)"  # `${file:...}` only says where the secret lies
_RULES: Final = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), replacement)
    for pattern, replacement in (
        # The JDBC driver quotes the statement with the row's values in it.
        (
            r"(Batch entry \d+ (?:INSERT INTO|UPDATE|DELETE FROM) [\w.\"$]+).*?( was aborted)",
            rf"\1 {HIDDEN}\2",
        ),
        (
            r"(\bVALUES\s*)\(.*?(?= ON CONFLICT| RETURNING | was aborted|\n\s*at |\nCaused by|\Z)",
            rf"\1({HIDDEN})",
        ),
        # PostgreSQL's own messages quote the row, the key or the value.
        (r"(Failing row contains )\(.*?\)(?=\.?\s*(?:\n|\Z))", rf"\1({HIDDEN})"),
        (r"(Key \([^)]*\))=\(.*?\)(?= already| is not| is still| conflicts|\Z)", rf"\1=({HIDDEN})"),
        (r'(invalid input (?:syntax|value) for [^:\n]*: )".*?"(?=\s|\Z)', rf'\1"{HIDDEN}"'),
        (r'(\bvalue )"[^"\n]*"( is out of range)', rf'\1"{HIDDEN}"\2'),
        # Credentials in URLs, key=value pairs, JSON and SQL.
        (r"(://)[^/\s:@]*:[^/\s@]+@", rf"\1{HIDDEN}@"),
        (
            r"([\w.\-]*(?:password|passwd|pwd|secret|token)\b[\"']?(?:\s*[=:]\s*|\s+(?=')))"
            + _NOT_A_PLACEHOLDER
            + rf"(?:\"{_NOT_A_PLACEHOLDER}[^\"]*\"|'{_NOT_A_PLACEHOLDER}[^']*'|[^\s\"',;&)}}]+)",
            rf"\1{HIDDEN}",
        ),
    )
)


def redact(text: str) -> str:
    """Hide row values and credentials in somebody else's message; placeholders of config providers stay."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def shorten_trace(trace: str, limit_characters: int = _LIMIT_CHARACTERS) -> str:
    """The first line and the root cause of a Java stack trace on one line, redacted.

    >>> shorten_trace("org.x.ConnectException: Exiting\\n\\tat org.x.Y\\nCaused by: java.io.IOException: no")
    'ConnectException: Exiting; root cause: IOException: no'
    """
    messages = []
    for part in re.split(r"^\s*Caused by: ", redact(trace.strip()), flags=re.M):
        lines = re.split(r"^\s*(?:at |\.\.\. \d+ )", part, maxsplit=1, flags=re.M)
        messages.append(_without_package(" ".join(lines[0].split())))
    first, root = messages[0], messages[-1]
    text = first if len(messages) == 1 or root == first else f"{first}; root cause: {root}"
    return text if len(text) <= limit_characters else text[: limit_characters - 1].rstrip() + "…"


def _without_package(message: str) -> str:
    """`org.x.SomeException: text` -> `SomeException: text`."""
    return re.sub(r"^(?:[\w$]+\.)+(?=[A-Z])", "", message)


def short_errors(method: Callable[P, T]) -> Callable[P, T]:
    """For a provider's methods: let a ProviderError out without the frames and causes it came through.

    Any other exception is a mistake of ours and keeps its traceback.
    """

    @functools.wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except ProviderError as error:
            raise error.with_traceback(None) from None

    return wrapper
