"""Run the API under uvicorn in this process, quiet but for where it listens and what grades."""

import asyncio
import logging
import math
import select
import shlex
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from service.api.app import Parts, create_app
from service.api.keys import Keyring
from service.bootstrap import Service, deadline_seconds, running
from service.cli import logs
from service.cli.failing import Code
from service.cli.listening import bound, say
from service.core.errors import GradingError
from service.garbage import seldom_collected
from service.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call, not where to listen

_AFTER_DEADLINE_SECONDS = 2  # for what a grade does after its deadline: remember, and send
_LAST_LOOK_SECONDS = 0.2
# Longer than clients (5 s, often) and load balancers (60 s) keep a connection: closed from this end, it may be closed
# on a request that is on its way.
_KEEP_ALIVE_SECONDS = 75

Ready = Callable[[tuple[str, ...]], None]
"""Called with the greeting once requests are taken."""


@dataclass
class Start:
    """How the start went: the service once it is warm, or why it never was."""

    settings: Settings
    service: Service | None = None
    failure: GradingError | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Parts]:
        try:
            keys = Keyring(self.settings.api_keys_file) if self.settings.api_keys_file else None
            async with running(self.settings) as self.service:
                with seldom_collected():
                    yield Parts(self.service.grader, self.service.catalog, self.service.store.ready, keys)
        except GradingError as error:
            self.failure = error
            raise

    def unheard(self, _: logging.LogRecord) -> bool:
        """A log filter: once the start has failed, uvicorn's traceback of it is not wanted."""
        return self.failure is None


class Server(uvicorn.Server):
    """Says when it listens. Told to stop, it takes no more and finishes what it has; told again, it ends at once.

    One that is `led` is told again only by its leader, through `stop`: systemd and terminals send a signal to each
    process of a group, so that it comes twice, once from them and once by way of the leader.
    """

    def __init__(self, config: uvicorn.Config, start: Start, ready: Ready, *, led: bool) -> None:
        super().__init__(config)
        self._start = start
        self._ready = ready
        self._led = led

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._start.service and sockets:
            self._ready(greeting(self._start.service, *sockets[0].getsockname()[:2]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await let_in(sockets or [])
        for listening in self.servers:
            listening.close()
        # Clients are told with each reply that no other comes by that connection, or they would lose their next request
        # to its end. And connections taken a moment ago have requests in them still to be read.
        closing = [*self.server_state.default_headers, (b"connection", b"close")]
        self.server_state.default_headers = closing
        for connection in self.server_state.connections:
            if cycle := getattr(connection, "cycle", None):
                cycle.default_headers = closing
        await asyncio.sleep(_LAST_LOOK_SECONDS)
        if under_way := len(self.server_state.tasks):
            seconds = self.config.timeout_graceful_shutdown
            say(f"Stopping once {under_way} under way are answered, in {seconds} s at most. Again: at once.")
        await super().shutdown(sockets)

    def stop(self, at_once: bool = False) -> None:
        """May be called from any thread."""
        self.force_exit = self.force_exit or at_once
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._led:
            self.stop()
            return
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises GradingError where the start fails, SystemExit where requests were cut off."""
    with bound(settings.host, settings.port) as listener:
        serve(settings, listener, lambda greeting: say(*greeting))


def serve(
    settings: Settings, listener: socket.socket, ready: Ready, lead: Callable[[Server], None] | None = None
) -> None:
    """As `run` does, on that socket. `lead` is given the server before it starts, by who wants to stop it."""
    logs.set_up(settings)
    start = Start(settings)
    log = logging.getLogger("uvicorn.error")
    log.addFilter(start.unheard)
    config = uvicorn.Config(
        create_app(start),
        access_log=False,
        log_config=None,
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(deadline_seconds(settings)) + _AFTER_DEADLINE_SECONDS,
    )
    server = Server(config, start, ready, led=lead is not None)
    if lead:
        lead(server)
    try:
        with _told_once():
            server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    except SystemExit:
        if start.failure:
            raise start.failure from None
        raise
    finally:
        log.removeFilter(start.unheard)
    if server.force_exit:
        raise SystemExit(Code.STOPPED)


async def let_in(listeners: list[socket.socket]) -> None:
    """Whoever the kernel has let in already is let in here too: closing the port would cut them off, unheard."""
    ends = time.monotonic() + _LAST_LOOK_SECONDS
    quiet = 0  # turns of the event loop; it takes a connection in one, and attends to it in the next
    while quiet < 2 and time.monotonic() < ends:
        await asyncio.sleep(0)
        quiet = 0 if select.select(listeners, [], [], 0)[0] else quiet + 1


@contextmanager
def _told_once() -> Iterator[None]:
    """uvicorn sends itself the SIGTERM that stopped it once more when it is done; to have stopped is then a success."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def greeting(service: Service, host: str, port: int) -> tuple[str, ...]:
    """Where it listens, what grades, and a line to try."""
    host = _EVERYWHERE.get(host, host)
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    catalog = service.catalog
    question = next((rubric.id for rubric in catalog.listed), None) or next(iter(catalog.rubrics))
    body = f'{{"question_id": "{question}", "answer": "In my last project I …"}}'
    models = ", then ".join(model.name for model in service.models)
    return (
        f"Listening on {address} ({address}/docs), grading with {models}. Ctrl-C stops it. Try:",
        f"  curl -s {address}/grade -H 'Content-Type: application/json' -d {shlex.quote(body)}",
    )
