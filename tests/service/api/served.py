"""The whole application under a real uvicorn on loopback, in a thread, over a scripted model that answers anything."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from bench.upstream import reply_to
from service.api.app import Parts, create_app
from service.bootstrap import assemble
from service.cli.listening import bound
from service.core.prompt import Prompt
from service.models.scripted import Line, ScriptedModel
from service.settings import Settings


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.listens.set()


ODDS = {"Yes": 0.7, "No": 0.2, "A": 0.1}


def filled(prompt: Prompt) -> Line:
    """A reply of the shape that was asked for: odds, or every criterion's entry."""
    if prompt.odds:
        return ODDS
    return reply_to({"messages": [], "response_format": {"json_schema": {"schema": prompt.schema}}})


@contextmanager
def served() -> Iterator[str]:
    """The service's address."""
    settings = Settings(model="scripted", judge="one_call", _env_file=None)

    @asynccontextmanager
    async def start() -> AsyncIterator[Parts]:
        service = assemble(settings, (ScriptedModel(filled),))
        yield Parts(service.grader, service.catalog, service.store.ready)

    with bound("127.0.0.1", 0) as listener:
        server = _Server(uvicorn.Config(create_app(start), log_config=None, access_log=False, lifespan="on"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        server.listens.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
