"""Runs the schema check on a stack, for the command and for `cdc up`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import psycopg

from components.provider_errors import ProviderError, redact
from ops.errors import OpsError
from ops.outputs import StackOutputs
from ops.project import stack_file
from ops.schema.check import SchemaReport, check_tables, declared_tables, open_services, parse_assumptions
from ops.stack_config import get
from ops.workspace import Workspace


class UncheckedError(OpsError):
    """A service does not answer, so nothing can be said about the schemas."""


def check_stack(
    workspace: Workspace, stack: str, outputs: StackOutputs, assumptions: Sequence[str] = ()
) -> SchemaReport:
    """Compare the tables that the stack file names with what is there, or would be under the assumptions.

    Raises:
        UncheckedError: a service does not answer.
        OpsError: the stack file cannot be read.
    """
    configured: Any = get(stack_file(stack, workspace.project_dir), "tables") or []
    tables = declared_tables(configured, outputs)
    assumed = parse_assumptions(assumptions, tables)
    try:
        with ExitStack() as opened:
            return check_tables(tables, open_services(outputs, opened), assumed)
    except (ProviderError, psycopg.Error) as problem:
        reason = redact(str(problem).strip()).splitlines()[0]
        raise UncheckedError(f"The schemas cannot be checked: {reason}", "`make status` shows what runs.") from None
