"""Imports go one way: infra -> components -> reconcile, ops -> components; reconcile stands alone."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
OURS = {"infra", "components", "reconcile", "ops", "testbed"}
MAY_IMPORT = {
    "infra": {"infra", "components", "reconcile", "testbed"},
    "components": {"components", "reconcile"},
    "reconcile": {"reconcile"},
    "ops": {"ops", "components", "reconcile", "testbed"},
    "testbed": {"testbed", "components"},
}


def parsed(source: str) -> ast.AST:
    """The module's tree. CPython 3.11 loses count of its recursion when a collection runs finalizers meanwhile."""
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def imported(source: str) -> Iterator[str]:
    """Top-level packages that a module imports, wherever the import stands."""
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    modules = list((PROJECT / package).rglob("*.py"))
    assert modules

    wrong = {
        f"{module.relative_to(PROJECT)} imports {name}"
        for module in modules
        for name in imported(module.read_text())
        if name in OURS - MAY_IMPORT[package]
    }

    assert wrong == set()


def test_reconcile_runs_without_pulumi() -> None:
    names = {name for module in (PROJECT / "reconcile").rglob("*.py") for name in imported(module.read_text())}

    assert "pulumi" not in names


def test_the_check_sees_imports_inside_functions() -> None:
    assert set(imported("def f():\n    import infra.stack\n    from ops import cli")) == {"infra", "ops"}
