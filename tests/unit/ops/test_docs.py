"""The documents name what exists."""

import re
from pathlib import Path

import pytest

from ops.outputs import StackOutputs, parse_outputs
from ops.project import PROJECT_DIR

DOCUMENTS = [PROJECT_DIR / "README.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]
README = (PROJECT_DIR / "README.md").read_text()
INTERNAL_TARGETS = {"help", "bootstrap", "test-java"}


def targets() -> set[str]:
    makefile = (PROJECT_DIR / "Makefile").read_text()
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_the_readme_lists_every_target_for_people() -> None:
    assert {target for target in targets() - INTERNAL_TARGETS if f"`make {target}`" not in README} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_command_in_a_document_exists(document: Path) -> None:
    assert set(re.findall(r"`make ([a-z-]+)", document.read_text())) <= targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_local_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_lists_every_output_that_the_commands_read() -> None:
    names = re.findall(r'raw\["(\w+)"\]', Path(parse_outputs.__code__.co_filename).read_text())
    assert StackOutputs.__doc__
    assert [name for name in names if f"| `{name}` |" not in README] == []


def test_every_decision_has_context_decision_and_consequences() -> None:
    for path in (PROJECT_DIR / "docs" / "adr").glob("*.md"):
        text = path.read_text()
        assert re.match(rf"# {int(path.name[:4])}\. ", text), path.name
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), path.name
