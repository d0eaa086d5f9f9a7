"""Reads single keys of the stack configuration, and collects what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pulumi

T = TypeVar("T")


class SettingsError(pulumi.RunError):
    """The stack's configuration is missing something or contradicts itself."""


class Reader:
    """Reads keys; `problems` says what is wrong with them."""

    def __init__(self, config: pulumi.Config) -> None:
        self._config = config
        self.problems: list[str] = []

    def problem(self, key: str, what: str, example: str) -> None:
        """Note what is wrong with a key, with a value to paste."""
        yaml = f"config:\n      {self._config.name}:{key}: {example}"
        self.problems.append(f"{key}: {what}. In Pulumi.{pulumi.get_stack()}.yaml:\n    {yaml}")

    def _typed(self, key: str, read: Callable[[str], T | None], example: str, fallback: T) -> T:
        try:
            value = read(key)
        except pulumi.ConfigTypeError as error:
            self.problem(key, str(error), example)
            return fallback
        if value is None:
            self.problem(key, "is missing", example)
            return fallback
        return value

    def text(self, key: str, example: str = "...") -> str:
        """A string that must be there."""
        return self._typed(key, self._config.get, example, "")

    def optional(self, key: str) -> str:
        """A string; empty when it is not set."""
        return self._config.get(key) or ""

    def integer(self, key: str, minimum: int = 0) -> int:
        """A whole number."""
        value = self._typed(key, self._config.get_int, str(minimum), minimum)
        if value < minimum:
            self.problem(key, f"is {value}, the minimum is {minimum}", str(minimum))
        return value

    def ratio(self, key: str) -> float:
        """A part of a whole."""
        value = self._typed(key, self._config.get_float, "0.01", 0.0)
        if not 0 <= value <= 1:
            self.problem(key, f"is {value:g}, but a ratio is from 0 to 1", "0.01")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        return self._typed(key, self._config.get_bool, "false", False)

    def choice(self, key: str, *allowed: str) -> Any:
        """One of some strings."""
        value = self.text(key, allowed[0])
        if value not in allowed:
            self.problem(key, f"is {value!r}, allowed: {', '.join(allowed)}", allowed[0])
        return value

    def items(self, key: str, example: str) -> list[Any]:
        """A list."""
        value: Any = self._typed(key, self._config.get_object, example, [])
        if not isinstance(value, list):
            self.problem(key, "must be a list", example)
            return []
        return value

    def mapping(self, key: str) -> dict[str, str]:
        """Strings by name."""
        value: Any = self._typed(key, self._config.get_object, "{}", {})
        if not isinstance(value, dict):
            self.problem(key, "must be a mapping", "{}")
            return {}
        return {str(name): str(item) for name, item in value.items()}

    def addresses(self, key: str, example: str) -> dict[str, list[str]]:
        """Lists of `host:port` by name."""
        value: Any = self._typed(key, self._config.get_object, example, {})
        if not isinstance(value, dict) or not all(isinstance(each, list) for each in value.values()):
            self.problem(key, "must be a mapping of lists", example)
            return {}
        return {str(name): [str(address) for address in each] for name, each in value.items()}

    def secret(self, key: str) -> pulumi.Output[str]:
        """A secret that must be there."""
        if not self._config.get(key):
            self.problems.append(
                f"{key}: the secret is missing. `make up` generates it, or:\n"
                f"    pulumi config set --secret {self._config.name}:{key} --stack {pulumi.get_stack()}"
            )
        return pulumi.Output.secret(self._config.get(key) or "")

    def external(self, mode: str, key: str, value: T, example: str) -> T:
        """A value that mode `external` cannot do without."""
        if mode == "external" and not value:
            self.problem(key, "is needed when the service is external", example)
        return value
