"""Several processes behind one port, with metrics that are the sum of all: started, replaced and stopped together."""

import gc
import multiprocessing
import multiprocessing.connection
import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import SecretStr

from service.cli.failing import Code, code_of, fail
from service.cli.listening import bound, say
from service.core.errors import GradingError
from service.settings import Settings, runs_here

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from service.cli.server import Server

_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_MEMORY = "/dev/shm"  # noqa: S108 - the folder that is made there has a name of its own, and is ours alone
_PAUSE_SECONDS = 1.0  # before a worker that never took a request is replaced
_spawn = multiprocessing.get_context("spawn")  # a fork would share what a library has opened or locked


class Order(Enum):
    """What a worker is told. One whose leader has ended stops too."""

    STOP = "finish what is under way, take no more"
    AT_ONCE = "end now"


class Ready(NamedTuple):
    """A worker takes requests."""

    greeting: tuple[str, ...]


class Failed(NamedTuple):
    """A worker's start failed, and each one's would."""

    message: str
    code: Code


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises typer.Exit where the start of a worker fails, SystemExit where requests were cut
    off.
    """
    with _folder_of_metrics(), bound(settings.host, settings.port) as listener, _told() as told:
        Crew(alike(settings), listener, told).serve()


class Crew:
    """The workers. `told` can be read from each time that the crew is told to stop."""

    def __init__(self, settings: Settings, listener: socket.socket, told: "Connection[Any, Any]") -> None:
        self._settings = settings
        self._listener = listener
        self._told = told
        self._workers: list[Worker] = []
        self._greeted = False

    def serve(self) -> None:
        """Returns once told to stop and done. Raises typer.Exit, SystemExit."""
        self._workers = [Worker(self._settings, self._listener) for _ in range(self._settings.workers)]
        while not self._told.poll():
            self._wait()
            for place, worker in enumerate(self._workers):
                worker.hear()
                if isinstance(worker.said, Failed):
                    self._stop()
                    fail(*worker.said)
                if not worker.process.is_alive():
                    self._replace(place)
            self._greet()
        if code := self._stop():
            raise SystemExit(code)

    def _wait(self) -> None:
        """Until there is something to be seen to."""
        awaited = [self._told, *(thing for worker in self._workers for thing in worker.awaited())]
        multiprocessing.connection.wait(awaited)

    def _greet(self) -> None:
        """Once, when all take requests."""
        greetings = [worker.said.greeting for worker in self._workers if isinstance(worker.said, Ready)]
        if self._greeted or len(greetings) < len(self._workers):
            return
        self._greeted = True
        alone = "" if self._settings.redis_url else " Without GRADER_REDIS_URL each remembers for itself."
        say(f"{len(greetings)} workers share the port.{alone}", *greetings[0])

    def _replace(self, place: int) -> None:
        """Another for one that has ended, unless the crew has never been whole: then all of it ends."""
        lost = self._workers[place]
        lost.forget()
        if not isinstance(lost.said, Ready) and self._told.poll(_PAUSE_SECONDS):
            return  # told to stop, as it seems to have been itself
        if not self._greeted:
            self._stop()
            say(f"worker {lost.process.pid} {lost.end} before it took requests")
            raise SystemExit(_as_a_shell(lost.process.exitcode) or Code.FELL_SHORT)
        say(f"Worker {lost.process.pid} {lost.end}; another takes its place.")
        self._workers[place] = Worker(self._settings, self._listener)

    def _stop(self) -> int:
        """All finish what they have; told again, they end at once. The exit code: that of one that did not finish."""
        self._listener.close()  # or callers would still be let in, and wait for nobody
        self._tell(Order.STOP)
        if self._told.poll():
            self._told.recv()
        while alive := [worker.process.sentinel for worker in self._workers if worker.process.is_alive()]:
            if self._told in multiprocessing.connection.wait([self._told, *alive]):
                self._told.recv()
                self._tell(Order.AT_ONCE)
        for worker in self._workers:
            worker.hear()
            worker.forget()
        codes = [worker.process.exitcode for worker in self._workers if isinstance(worker.said, Ready)]
        return next((_as_a_shell(code) for code in codes if code), 0)

    def _tell(self, order: Order) -> None:
        for worker in self._workers:
            worker.tell(order)


class Worker:
    """One process that serves, and the first that it said of itself; None while it has said nothing."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self.said: Ready | Failed | None = None
        self._pipe, theirs = _spawn.Pipe()
        self._open = True
        self.process = _spawn.Process(target=_work, args=(settings, listener, theirs))
        with _no_interrupts():
            self.process.start()
        theirs.close()

    def awaited(self) -> list[Any]:
        """What to wait for: its end, and its word until that has come."""
        return [self.process.sentinel, *([self._pipe] if self._open else [])]

    def hear(self) -> None:
        """Take its word if it has one to say."""
        if self._open and self._pipe.poll():
            with suppress(EOFError, OSError):
                self.said = self._pipe.recv()
            self._open = False

    def tell(self, order: Order) -> None:
        with suppress(OSError):  # it has ended
            self._pipe.send(order)

    @property
    def end(self) -> str:
        """How it ended, in words."""
        code = self.process.exitcode or 0
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def forget(self) -> None:
        """Call once it has ended: what it had in hand is nothing now, what it has counted stays."""
        from prometheus_client.multiprocess import mark_process_dead

        self.process.join()
        self._open = False
        self._pipe.close()
        mark_process_dead(self.process.pid)  # type: ignore[no-untyped-call]


def _work(settings: Settings, listener: socket.socket, leader: "Connection[Any, Any]") -> None:
    """A worker's life."""
    gc.disable()  # as in service.cli.serve
    from service.cli import server

    def lead(served: "Server") -> None:
        threading.Thread(target=_obey, args=(served, leader), daemon=True).start()

    try:
        server.serve(settings, listener, lambda greeting: leader.send(Ready(greeting)), lead)
    except GradingError as error:
        leader.send(Failed(str(error), code_of(error)))


def _obey(served: "Server", leader: "Connection[Any, Any]") -> None:
    order = None
    while order is not Order.AT_ONCE:
        try:
            order = leader.recv()
        except (EOFError, OSError):
            served.stop()
            return
        served.stop(at_once=order is Order.AT_ONCE)


def alike(settings: Settings) -> Settings:
    """The settings with what all workers must have in common, and with each one's share of the processors."""
    shared: dict[str, Any] = {}
    if settings.secret is None:
        shared["secret"] = SecretStr(secrets.token_hex(32))
    if settings.threads is None and any(map(runs_here, settings.models)):
        shared["threads"] = max(1, _processors() // settings.workers)
    return settings.model_copy(update=shared)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _folder_of_metrics() -> Iterator[None]:
    """Where each worker keeps its counts for all to read: a folder of this run, or the one that an operator has set.

    Only processes started within use it: prometheus-client looks for it as it is imported.
    """
    if given := os.environ.get(_METRICS):
        if not (Path(given).is_dir() and os.access(given, os.W_OK | os.X_OK)):
            fail(f"{_METRICS}: {given!r} is no folder that can be written to; make it, or unset it for one of our own")
        yield
        return
    # In memory where that can be: on a disk that is full, the first new label would end a worker by SIGBUS.
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="grader-metrics-", dir=place, ignore_cleanup_errors=True) as folder:
        os.environ[_METRICS] = folder
        try:
            yield
        finally:
            del os.environ[_METRICS]


@contextmanager
def _told() -> "Iterator[Connection[Any, Any]]":
    """Can be read from once for each SIGTERM or Ctrl-C."""
    told, teller = _spawn.Pipe(duplex=False)
    before = {each: signal.signal(each, lambda *_: teller.send(None)) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        told.close()
        teller.close()


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """For a process started within there is no Ctrl-C: it is its leader who tells it."""
    resource_tracker.ensure_running()  # else the first start would do it, which lets interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _as_a_shell(code: int | None) -> int:
    """An exit code as a shell tells it."""
    return 128 - code if code is not None and code < 0 else code or 0
