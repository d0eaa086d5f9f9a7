"""What a worker does: one unit at a time, with clients of its own; the same in a process here and on Dask."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from reconcile import full, incremental
from reconcile.errors import ConfigError, ReconcileError
from reconcile.model import ScanOptions, SourceSettings, TargetSettings, Unit, UnitKind, UnitResult
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.target import TargetClient


@dataclass(frozen=True)
class WorkContext:
    """What is the same for all units of a run. Small and picklable."""

    run_id: str
    source: SourceSettings
    target: TargetSettings
    plan: TablePlan
    options: ScanOptions


class UnitError(ReconcileError):
    """A unit could not be done. Holds text only, so that it comes through from any machine."""


@dataclass
class _Clients:
    run_id: str
    source: SourceClient
    target: TargetClient

    def close(self) -> None:
        self.source.close()
        self.target.close()


_clients: Final[dict[int, _Clients]] = {}
"""By thread: drivers' connections are not to be shared."""
_lock: Final = threading.Lock()


def run_unit(context: WorkContext, unit: Unit) -> UnitResult:
    """Do a unit.

    Raises:
        ConfigError: the unit makes no sense with the tables as they are; trying again does not help.
        UnitError: anything else that went wrong, as text.
    """
    try:
        clients = _open(context)
        if unit.kind is UnitKind.LOG:
            return incremental.log_unit(clients.source, clients.target, context.plan, unit, context.options)
        return full.scan_unit(clients.source, clients.target, context.plan, unit, context.options)
    except ConfigError:
        raise
    except ReconcileError as error:
        close_thread()  # a connection that failed once is not used again
        raise UnitError(str(error)) from None
    except Exception as error:  # noqa: BLE001 no error of a driver is sure to survive the way to the coordinator
        close_thread()
        raise UnitError(f"{type(error).__name__}: {' '.join(str(error).split())}") from None


def _open(context: WorkContext) -> _Clients:
    """Return this thread's clients, those of an earlier run closed."""
    found = _clients.get(threading.get_ident())
    if found and found.run_id == context.run_id:
        return found
    close_thread()
    source = SourceClient(context.source)
    target = TargetClient(context.target, application_name=f"reconcile/{context.run_id}")
    clients = _Clients(context.run_id, source, target)
    with _lock:
        _clients[threading.get_ident()] = clients
    return clients


def close_thread() -> None:
    """Close the clients of this thread."""
    with _lock:
        found = _clients.pop(threading.get_ident(), None)
    if found:
        found.close()


def close_all(run_id: str) -> None:
    """Close the clients of a run in all threads of this process. Call it when no unit of the run is being done."""
    with _lock:
        mine = [thread for thread, clients in _clients.items() if clients.run_id == run_id]
        found = [_clients.pop(thread) for thread in mine]
    for clients in found:
        clients.close()
