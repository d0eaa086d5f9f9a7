"""Which records of the queue a command is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from ops.dlq.letters import Letter, State


@dataclass(frozen=True)
class Selection:
    """All that is set has to fit."""

    ids: tuple[str, ...] = ()
    topic: str = ""
    """A topic, a source table or a target table."""
    error: str = ""
    """Part of the code, name, class or message."""
    key: str = ""
    """Part of the key as text, such as `4711` or `"id": "4711"`."""
    since: datetime | None = None
    until: datetime | None = None
    every_state: bool = False
    """Also what was replayed or dropped."""

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it down."""
        return not (self.ids or self.topic or self.error or self.key or self.since or self.until)

    def of(
        self, letters: Iterable[Letter], names: Callable[[str], Iterable[str]], key_text: Callable[[Letter], str]
    ) -> list[Letter]:
        """Return the records that fit, in the same order.

        Args:
            names: what a topic may be called: itself, its source table, its target table.
            key_text: the key of a record as text.
        """
        return [each for each in letters if self._fits(each, names, key_text)]

    def _fits(self, each: Letter, names: Callable[[str], Iterable[str]], key_text: Callable[[Letter], str]) -> bool:
        fault = each.fault
        error_texts = (fault.code, fault.name, fault.error_class, fault.message)
        return (
            (self.every_state or each.state is State.OPEN)
            and (not self.ids or each.id in self.ids)
            and (not self.topic or self.topic in names(each.topic))
            and (not self.error or any(self.error.lower() in text.lower() for text in error_texts))
            and (self.since is None or each.dead_at >= self.since)
            and (self.until is None or each.dead_at < self.until)
            and (not self.key or self.key.lower() in key_text(each).lower())
        )
