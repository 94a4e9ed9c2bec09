"""A connection is opened before the first call, and a provider that is away keeps nobody from starting."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import respx

from bench.upstream import Upstream, listen
from service.core.errors import JudgeUnavailable
from tests.service.models.hosted.wire import NOBODY, PROMPT, failure, hosted


class Counting(Upstream):
    """Notes how many connections were opened."""

    connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await super().serve(reader, writer)


@pytest.fixture
async def upstream() -> AsyncIterator[tuple[Counting, str]]:
    counting = Counting()
    async with await listen(counting, 0) as server:
        yield counting, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def test_the_first_call_finds_a_connection_open_and_nothing_was_asked_before(
    upstream: tuple[Counting, str],
) -> None:
    counting, address = upstream
    model = hosted("openai/own", address)
    await model.warm()
    assert (counting.connections, counting.stats.calls) == (1, 0)
    assert (await model.complete(PROMPT, 30)).text
    assert (counting.connections, counting.stats.calls) == (1, 1)
    await model.close()


async def test_a_model_that_nobody_warmed_spends_its_deadline_on_the_call_alone(
    upstream: tuple[Counting, str],
) -> None:
    counting, address = upstream
    model = hosted("openai/own", address)
    assert (await model.complete(PROMPT, 30)).text
    assert counting.connections == 1
    await model.close()


@pytest.mark.parametrize("address", [NOBODY, "http://no-such-host.invalid/v1"])
async def test_a_provider_that_is_away_is_no_error_before_it_is_asked(address: str) -> None:
    model = hosted("openai/own", address)
    await model.warm()
    assert type(await failure(model)) is JudgeUnavailable
    await model.close()


async def test_a_provider_that_says_nothing_is_waited_for_a_second_and_no_longer() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        model = hosted("openai/own", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        began = time.monotonic()
        async with asyncio.timeout(20):
            await model.warm()
        assert time.monotonic() - began > 0.9  # it was waited for: the silence was met
        await model.close()


async def test_no_key_goes_out_before_somebody_asks(wire: respx.MockRouter) -> None:
    opened = wire.head("https://api.openai.com/").respond(404)
    asked = wire.post("https://api.openai.com/v1/chat/completions")
    await hosted().warm()
    assert opened.call_count == 1
    assert "authorization" not in opened.calls.last.request.headers
    assert not asked.called
