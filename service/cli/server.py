"""Run the API under uvicorn, one process, quiet but for where it listens and what grades."""

import gc
import logging
import shlex
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from service.api.app import Parts, create_app
from service.bootstrap import Service, running
from service.cli.console import err, shown
from service.cli.failing import fail
from service.core.errors import GradingError
from service.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call, not where to listen


@dataclass
class Start:
    """How the start went: the service once it is warm, or why it never was."""

    settings: Settings
    service: Service | None = None
    failure: GradingError | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Parts]:
        try:
            async with running(self.settings) as self.service:
                gc.freeze()  # what stays for good is not to be looked through while somebody waits
                gc.enable()
                yield Parts(self.service.grader, self.service.catalog, self.service.store.ready)
        except GradingError as error:
            self.failure = error
            raise

    def unheard(self, _: logging.LogRecord) -> bool:
        """A log filter: once the start has failed, uvicorn's traceback of it is not wanted."""
        return self.failure is None


class _Server(uvicorn.Server):
    """Says so when it listens."""

    def __init__(self, config: uvicorn.Config, start: Start) -> None:
        super().__init__(config)
        self._start = start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._start.service and sockets:
            for line in greeting(self._start.service, *sockets[0].getsockname()[:2]):
                err().print(shown(line), soft_wrap=True)


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises GradingError where the start fails."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    start = Start(settings)
    log = logging.getLogger("uvicorn.error")
    log.addFilter(start.unheard)
    config = uvicorn.Config(create_app(start), access_log=False, log_config=None, lifespan="on")
    try:
        with bound(settings.host, settings.port) as listener:
            _Server(config, start).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    except SystemExit:
        if start.failure:
            raise start.failure from None
        raise
    finally:
        log.removeFilter(start.unheard)


def bound(host: str, port: int) -> socket.socket:
    """A socket that has the address but takes no calls yet: a port in use is told before any weights are loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP by name: asyncio sends small replies at once only where the socket says that it is TCP, else 40 ms later.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        fail(f"cannot listen on {host} port {port}: {error.strerror}; choose others with --host and --port")
    return listener


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
