"""Write the dashboards' JSON files: `python -m ops.dashboards`; `--check` fails when they are not current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from ops.dashboards.connectors import connectors
from ops.dashboards.overview import overview
from ops.dashboards.reconciliation import reconciliation
from ops.dashboards.schemas import schemas
from ops.project import PROJECT_DIR

FOLDER: Final = PROJECT_DIR / "components/observability/files/dashboards"


def rendered() -> dict[str, str]:
    """Return the text of each file by its name."""
    boards = (overview(), connectors(), schemas(), reconciliation())
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{board.uid}.json": encoder.encode(board) + "\n" for board in boards}


def main(argv: list[str], folder: Path = FOLDER) -> int:
    """Write the files, or with `--check` compare them."""
    wanted = rendered()
    present = {path.name: path.read_text() for path in folder.glob("*.json")}
    if "--check" in argv:
        if present != wanted:
            print("the dashboards are not current; run python -m ops.dashboards", file=sys.stderr)
        return int(present != wanted)
    folder.mkdir(parents=True, exist_ok=True)
    for name in present.keys() - wanted.keys():
        (folder / name).unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
