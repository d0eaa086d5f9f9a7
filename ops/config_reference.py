"""Write docs/configuration.md from Pulumi.yaml: every key with its meaning, unit and default.

`python -m ops.config_reference` writes it, `--check` fails when it is not current.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from ops.project import PROJECT_DIR, PROJECT_NAME

DOCUMENT: Final = PROJECT_DIR / "docs" / "configuration.md"
_UNITS: Final = {"Ms": "ms", "Seconds": "s", "Hours": "h", "Mb": "MiB"}
_HEADING: Final = re.compile(r"^  # --- (?P<title>.+?) -+$")
_KEY: Final = re.compile(r"^  (?P<key>\w+):\s*$")
_INTRODUCTION: Final = f"""# Configuration

Generated from `Pulumi.yaml` by `python -m ops.config_reference`; do not edit.

Set a key in `Pulumi.<stack>.yaml` as `{PROJECT_NAME}:<key>`, or with `pulumi config set <key> <value>`. Keys of
type *secret* are set with `pulumi config set --secret <key>`; `make up` generates those that the stack needs and that
nobody else can know.
"""


def unit(key: str) -> str:
    """Return the unit that a key's name ends with; empty when it has none."""
    return next((unit for suffix, unit in _UNITS.items() if key.endswith(suffix)), "")


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each heading of the config section of Pulumi.yaml (`# --- Title ---`) with its keys."""
    title, keys = "General", list[str]()
    for line in text[text.index("\nconfig:") :].splitlines():
        heading, key = _HEADING.match(line), _KEY.match(line)
        if heading:
            if keys:
                yield title, keys
            title, keys = heading["title"], []
        elif key:
            keys.append(key["key"])
    if keys:
        yield title, keys


def render(text: str) -> str:
    """Return the document for the text of Pulumi.yaml."""
    config: dict[str, dict[str, Any]] = yaml.safe_load(text)["config"]
    parts = [_INTRODUCTION]
    for title, keys in sections(text):
        parts.append(f"## {title[0].upper()}{title[1:]}\n")
        parts.append("| key | type | unit | default | meaning |\n|---|---|---|---|---|")
        parts.extend(_row(key, config[key]) for key in keys)
        parts.append("")
    return "\n".join(parts)


def _row(key: str, schema: dict[str, Any]) -> str:
    secret = bool(schema.get("secret"))
    kind = "secret" if secret else str(schema["type"])
    default = "" if secret or "default" not in schema else f"`{json.dumps(schema['default'])}`"
    meaning = str(schema.get("description", "")).replace("|", "\\|")
    return f"| `{key}` | {kind} | {unit(key)} | {default} | {meaning} |"


def main(argv: list[str], project: Path = PROJECT_DIR / "Pulumi.yaml", document: Path = DOCUMENT) -> int:
    """Write the document, or with `--check` compare it."""
    wanted = render(project.read_text())
    if "--check" in argv:
        current = document.exists() and document.read_text() == wanted
        if not current:
            print(f"{document.name} is not current; run python -m ops.config_reference", file=sys.stderr)
        return 0 if current else 1
    document.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
