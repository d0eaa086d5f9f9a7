"""The service: one thread writes, one looks whether it arrived, and /metrics and /healthz are answered on one port.

A database that does not answer is what the canary is there to notice: it says so in its metrics and tries again.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import structlog

from reconcile.canary.databases import (
    STATEMENT_SECONDS,
    OpenSource,
    OpenTarget,
    PostgresRows,
    ScyllaRows,
    Source,
    Target,
)
from reconcile.canary.metrics import CanaryMetrics
from reconcile.canary.settings import CanarySettings
from reconcile.canary.watch import Watch
from reconcile.serve import application, listening

RETRY_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 1.0
"""Between two looks while no row is on its way."""

_log = structlog.get_logger("canary")


def now_ms() -> int:
    """Return the time in ms since 1970."""
    return int(time.time() * 1000)


@dataclass
class Writer:
    """Writes a row every so often."""

    settings: CanarySettings
    watch: Watch
    metrics: CanaryMetrics
    open_source: OpenSource
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.9, 1.1))  # noqa: S311 no secret
    """Factor of the interval; rows at exact intervals would always meet the source's windows at one moment."""
    _source: Source | None = None

    def step(self) -> float:
        """Write one row; returns how long to wait until the next, s."""
        begin = self.clock()
        try:
            source = self._source = self._source or self.open_source()
            begin = self.clock()
            beat = self.watch.next_beat(now_ms(), begin)
            try:
                source.write(beat)
            except BaseException:
                self.watch.forget(beat)
                raise
        except Exception as error:  # noqa: BLE001 the drivers' exceptions have no common base
            self._failed(error)
            return RETRY_SECONDS
        taken = self.clock() - begin
        self.metrics.write.observe(taken)
        self.metrics.up.labels("scylla").set(1)
        return max(0.0, self.settings.every_seconds * self.jitter() - taken)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._source:
            self._source.close()
        self._source = None

    def _failed(self, error: Exception) -> None:
        _log.warning("writing a canary row failed", error=_short(error))
        self.metrics.errors.labels("scylla").inc()
        self.metrics.up.labels("scylla").set(0)
        self.close()


@dataclass
class Reader:
    """Looks which rows have arrived."""

    settings: CanarySettings
    watch: Watch
    metrics: CanaryMetrics
    open_target: OpenTarget
    clock: Callable[[], float] = time.monotonic
    _target: Target | None = None
    _begun: bool = False

    def step(self) -> float:
        """Look once; returns how long to wait until the next look, s."""
        try:
            target = self._target = self._target or self.open_target()
            rows = target.rows()
        except Exception as error:  # noqa: BLE001 the drivers' exceptions have no common base
            _log.warning("looking for canary rows failed", error=_short(error))
            self.metrics.errors.labels("postgres").inc()
            self.metrics.up.labels("postgres").set(0)
            self.close()
            return RETRY_SECONDS
        if not self._begun:
            self.watch.begin(rows)
            self._begun = True
        for latency in self.watch.seen(rows, self.clock()):
            self.metrics.latency.observe(latency)
        self.metrics.up.labels("postgres").set(1)
        return self.settings.poll_seconds if self.watch.waiting else min(IDLE_SECONDS, self.settings.every_seconds)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._target:
            self._target.close()
        self._target = None


def _short(error: Exception) -> str:
    """Return the kind of error and the first line of its text, which quotes no row: the statements have no values."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def keep_on(step: Callable[[], float], close: Callable[[], None], stop: threading.Event, name: str) -> threading.Thread:
    """Run a step, wait as long as it says, and again until `stop` is set, in a thread of its own."""

    def work() -> None:
        try:
            while not stop.wait(step()):
                pass
        finally:
            close()

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def serve(settings: CanarySettings) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch = Watch(settings.slots, now_ms())
    metrics = CanaryMetrics(settings, watch)
    target = replace(settings.postgres, statement_timeout_seconds=STATEMENT_SECONDS)
    source = replace(settings.scylla, request_timeout_seconds=STATEMENT_SECONDS)
    writer = Writer(settings, watch, metrics, partial(ScyllaRows, source, settings.source))
    reader = Reader(settings, watch, metrics, partial(PostgresRows, target, settings.target))
    threads = [keep_on(part.step, part.close, stop, type(part).__name__.lower()) for part in (reader, writer)]

    def health() -> tuple[bool, dict[str, Any]]:
        alive = {thread.name: thread.is_alive() for thread in threads}
        return all(alive.values()), {"status": "ok" if all(alive.values()) else "failing", **alive}

    with listening(application(metrics.registry, health), settings.serve.host, settings.serve.port) as port:
        _log.info("listening", host=settings.serve.host, port=port)
        stop.wait()
    for thread in threads:
        thread.join(STATEMENT_SECONDS)
