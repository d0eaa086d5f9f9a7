"""Read what `pulumi up` and `pulumi destroy` print without a terminal, and keep it short."""

import re
from dataclasses import dataclass, field
from typing import Final

_LINE: Final = re.compile(
    r"^ *(?P<op>[-+~<>=]{0,2}) +(?P<type>[\w-]+:[\w./-]+:[\w-]+) (?P<name>\S+)"
    r" +\**(?P<status>[a-z]+(?: [a-z]+)*)\**(?: \((?P<took>[\d.]+m?s)\))?"
)
_RUNNING: Final = ("creating", "updating", "deleting", "replacing", "reading", "refreshing", "discarding")
_QUIET_TYPES: Final = ("pulumi:pulumi:", "pulumi:providers:")
_SECTIONS: Final = ("Diagnostics:", "Outputs:", "Resources:", "Duration:")
_NAMES_SHOWN: Final = 4


@dataclass
class EngineLines:
    """What has been read so far."""

    running: dict[str, None] = field(default_factory=dict)
    """Names of resources in work, in the order in which their work began."""
    changes: int = 0
    """How many resources were finished."""
    diagnostics: list[str] = field(default_factory=list)
    """The engine's own report of errors and warnings."""
    summary: list[str] = field(default_factory=list)
    """The closing lines: resources by operation, and the duration."""
    _section: str = ""

    def read(self, line: str) -> str:
        """Take in a line; return a short line when a resource was finished, else an empty string."""
        section = next((name for name in _SECTIONS if line.strip().startswith(name)), "")
        if section:
            self._section = section
        if self._section == "Diagnostics:" and not section:
            self.diagnostics.append(line)
        elif section == "Duration:" or (self._section == "Resources:" and not section and line.strip()):
            self.summary.append(line.strip())
        if self._section:
            return ""
        return self._resource(line)

    def _resource(self, line: str) -> str:
        found = _LINE.match(line)
        if found is None or found["type"].startswith(_QUIET_TYPES):
            return ""
        name, status = found["name"], found["status"]
        if status.startswith(_RUNNING) and "failed" not in status:
            self.running[name] = None
            return ""
        if status == "unchanged":
            return ""
        self.running.pop(name, None)
        self.changes += 1
        kind = found["type"].split(":")[-1]
        took = f" ({found['took']})" if found["took"] else ""
        return f"{kind} {name} {status}{took}"

    @property
    def doing(self) -> str:
        """What is in work right now."""
        names = list(self.running)
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        waiting = f", in work: {', '.join(names[:_NAMES_SHOWN])}{more}" if names else ""
        return f"{self.changes} done{waiting}"
