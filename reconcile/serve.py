"""The service: the schedule, and /metrics and /healthz on one port."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from socketserver import ThreadingMixIn
from types import FrameType
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, Gauge, make_wsgi_app

from reconcile.connect import ConnectAccess
from reconcile.errors import ReconcileError
from reconcile.metrics import BookkeepingCollector
from reconcile.model import Patience
from reconcile.schedule import Child, ScheduledRuns, utc_now
from reconcile.settings import Settings
from reconcile.store import Store
from reconcile.supervisor import Supervisor, SupervisorCollector, supervise
from reconcile.target import TargetClient

QUERY_TIMEOUT_SECONDS: Final = 20.0

_log = structlog.get_logger("reconcile.serve")

NEXT_RUN = "reconcile_next_run_timestamp_seconds"
NEXT_RUN_HELP = "When the next scheduled run is due; Unix time, s"


def bookkeeping(settings: Settings) -> Callable[[], Store]:
    """Return what opens the bookkeeping tables, for readers that would rather fail than wait long."""
    target = replace(settings.postgres, statement_timeout_seconds=QUERY_TIMEOUT_SECONDS)

    def connect() -> Store:
        client = TargetClient(target, application_name="reconcile/serve")
        return Store(client.connection, target.bookkeeping_schema)

    return connect


def make_supervisor(settings: Settings) -> Supervisor | None:
    """Return what restarts failed connectors; None when that is turned off or the pipeline is not known."""
    pipeline, chosen = settings.pipeline, settings.supervise
    names = tuple(name for name in (pipeline.source_connector, pipeline.sink_connector) if name)
    if not chosen.enabled or not pipeline.connect_url or not names:
        return None
    patience = Patience(chosen.first_pause, chosen.longest_pause, chosen.most_restarts, chosen.forget_after)
    return Supervisor(pipeline.connect_url, names, patience, access=ConnectAccess.of(pipeline))


def registry(
    settings: Settings, runs: ScheduledRuns, open_store: Callable[[], Store], supervisor: Supervisor | None = None
) -> CollectorRegistry:
    """Return everything that /metrics shows."""
    found = CollectorRegistry()
    if supervisor:
        found.register(SupervisorCollector(supervisor))
    found.register(BookkeepingCollector(open_store, [table.source for table in settings.tables]))
    next_run = Gauge(NEXT_RUN, NEXT_RUN_HELP, registry=found)
    next_run.set_function(lambda: moment.timestamp() if (moment := runs.next_run()) else 0)
    return found


def health(runs: ScheduledRuns, open_store: Callable[[], Store]) -> tuple[bool, dict[str, Any]]:
    """Return whether the service does its work, and what it consists of."""
    try:
        with open_store() as store:
            store.rows("SELECT 1")
        database = "ok"
    except ReconcileError as error:
        database = str(error)
    ok = runs.alive and database == "ok"
    return ok, {
        "status": "ok" if ok else "failing",
        "postgres": database,
        "schedule": "alive" if runs.alive else "stopped",
        "next_run": str(runs.next_run()),
    }


def application(metrics: CollectorRegistry, check: Callable[[], tuple[bool, dict[str, Any]]]) -> WSGIApplication:
    """Return the two pages as a WSGI application."""
    show_metrics = make_wsgi_app(metrics)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            shown: Iterable[bytes] = show_metrics(environ, start_response)
            return shown
        if path == "/healthz":
            ok, body = check()
            start_response("200 OK" if ok else "503 Service Unavailable", [("Content-Type", "application/json")])
            return [json.dumps(body).encode(), b"\n"]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics and /healthz are here\n"]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """A line for each scrape helps nobody."""


@contextmanager
def listening(app: WSGIApplication, host: str, port: int) -> Iterator[int]:
    """Answer requests in the background; yields the port, which the system chooses for port 0."""
    with make_server(host, port, app, server_class=_Server, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def serve(settings: Settings, config: Path | None, *, http: bool = True) -> None:
    """Run schedule and supervisor until SIGTERM or SIGINT; a run in progress then stops at a checkpoint."""
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        _log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    child, open_store = Child(config), bookkeeping(settings)
    runs = ScheduledRuns(settings, child, open_store, clock=utc_now)
    supervisor = make_supervisor(settings) if http else None
    runs.start()
    if supervisor:
        supervise(supervisor, settings.supervise.every, stop)
    try:
        if http:
            app = application(registry(settings, runs, open_store, supervisor), lambda: health(runs, open_store))
            with listening(app, settings.serve.host, settings.serve.port) as port:
                _log.info("listening", host=settings.serve.host, port=port)
                stop.wait()
        else:
            stop.wait()
    finally:
        runs.stop()
        child.stop()
