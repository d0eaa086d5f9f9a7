"""Where units are done: in processes of this machine, or on Dask. The same units, the same results."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_connection
from typing import Any, Final, Protocol

from reconcile.errors import ConfigError, UnreachableError
from reconcile.model import Unit, UnitResult
from reconcile.work import UnitError, WorkContext, close_all, run_unit

Work = Callable[[WorkContext, Unit], UnitResult]
Done = tuple[Unit, UnitResult | BaseException]

_DASK_TIMEOUT_SECONDS: Final = 30


class Executor(Protocol):
    """Does units, several at a time."""

    parallelism: int
    """Units that are done at a time."""

    def submit(self, unit: Unit) -> None:
        """Have a unit done."""
        ...

    def completed(self, timeout_seconds: float) -> list[Done]:
        """Return units that ended since the last call, each with its result or error; wait for one if there is none."""
        ...

    def close(self) -> None:
        """End; units that are being done are abandoned."""
        ...


def default_workers() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


class LocalExecutor:
    """Worker processes on this machine. They end with their parent, however that ends."""

    def __init__(self, context: WorkContext, workers: int | None = None, work: Work = run_unit) -> None:
        self.parallelism = workers or default_workers()
        self._context = context
        self._work = work
        self._futures: dict[Future[UnitResult], Unit] = {}
        self._start()

    def _start(self) -> None:
        # Drivers do not survive a fork; spawned workers begin with nothing.
        processes = multiprocessing.get_context("spawn")
        self._alive_reader, self._alive_writer = processes.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self.parallelism, mp_context=processes, initializer=_begin_worker, initargs=(self._alive_reader,)
        )

    def submit(self, unit: Unit) -> None:
        """Have a unit done."""
        try:
            self._futures[self._pool.submit(self._work, self._context, unit)] = unit
        except BrokenProcessPool:
            self._restart()
            self._futures[self._pool.submit(self._work, self._context, unit)] = unit

    def completed(self, timeout_seconds: float) -> list[Done]:
        """Return units that ended; see `Executor`."""
        done, _ = wait(self._futures, timeout_seconds, FIRST_COMPLETED)
        ended = [(self._futures.pop(future), future.exception() or future.result()) for future in done]
        if any(isinstance(result, BrokenProcessPool) for _, result in ended):
            self._restart()
            lost = UnitError("a worker process died, perhaps for want of memory (try fewer --workers)")
            return [(unit, lost if isinstance(result, BrokenProcessPool) else result) for unit, result in ended]
        return ended

    def _restart(self) -> None:
        self._stop()
        self._start()

    def _stop(self) -> None:
        self._alive_writer.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._alive_reader.close()

    def close(self) -> None:
        """End the processes."""
        self._stop()


def _begin_worker(alive: Connection) -> None:
    """Ctrl-C goes to the whole terminal, and the parent decides what to do; without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True, name="end-with-parent").start()


def _end_with_parent(alive: Connection) -> None:
    wait_for_connection([alive])  # nothing is ever sent: readable means that the other end is closed
    os._exit(1)


class DaskExecutor:
    """Workers of a Dask cluster. Each needs this package, the credentials files, and a way to both databases."""

    def __init__(self, context: WorkContext, scheduler: str, workers: int | None = None, work: Work = run_unit) -> None:
        for side, settings in (("scylla", context.source), ("postgres", context.target)):
            if settings.password is not None:
                raise ConfigError(
                    f"with --executor dask {side} needs credentials_file, a file that every worker has: "
                    "a password would travel through the scheduler in clear"
                )
        try:
            self._distributed: Any = import_module("distributed")
        except ImportError:
            raise ConfigError("--executor dask needs the package `distributed` (extra `dask`)") from None
        try:
            self._client = self._distributed.Client(scheduler, timeout=_DASK_TIMEOUT_SECONDS, set_as_default=False)
        except OSError as error:
            raise UnreachableError(f"the Dask scheduler at {scheduler} does not answer: {error}") from None
        threads = sum(self._client.nthreads().values())
        if not threads:
            self._client.close()
            raise UnreachableError(f"the Dask scheduler at {scheduler} has no workers; start `dask worker {scheduler}`")
        self.parallelism = workers or threads
        self._context = context
        self._work = work
        self._futures: dict[Any, Unit] = {}

    def submit(self, unit: Unit) -> None:
        """Have a unit done. Dask itself does it again when a worker is lost."""
        future = self._client.submit(self._work, self._context, unit, pure=False)
        self._futures[future] = unit

    def completed(self, timeout_seconds: float) -> list[Done]:
        """Return units that ended; see `Executor`."""
        if not self._futures:
            return []
        try:
            done, _ = self._distributed.wait(list(self._futures), timeout_seconds, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return []
        return [(self._futures.pop(future), self._result(future)) for future in done]

    def _result(self, future: Any) -> UnitResult | BaseException:
        if future.status == "finished":
            result: UnitResult = future.result()
            return result
        error = future.exception() if future.status == "error" else None
        if isinstance(error, UnitError):
            return error
        return UnitError(f"Dask: {future.status}: {error}") if not isinstance(error, Exception) else error

    def close(self) -> None:
        """Abandon what is being done, close the workers' clients, and leave."""
        self._client.cancel(list(self._futures), force=True)
        self._futures.clear()
        self._client.run(close_all, self._context.run_id)
        self._client.close()
