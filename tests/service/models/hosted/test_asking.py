"""Hosted models over litellm itself: what is asked, what comes back, and the model's place in the service."""

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import respx

from service.core.prompt import Prompt
from service.models.hosted import HostedModel
from tests.service.models.hosted.wire import (
    ANSWER,
    KEY,
    OPENAI,
    OWN_SERVER,
    PROMPT,
    SCHEMA,
    failure,
    hosted,
    reply,
    sent,
)


async def test_a_reply_comes_back_with_its_tokens_and_price(wire: respx.MockRouter) -> None:
    wire.post(OPENAI).mock(reply())
    completion = await hosted().complete(PROMPT, 30)
    assert (completion.text, completion.model) == ('{"p1": "met"}', "openai/gpt-4o-mini")
    assert (completion.input_tokens, completion.cached_tokens, completion.output_tokens) == (1000, 400, 100)
    # Per million tokens $0.15, cached $0.075, output $0.60: (600*0.15 + 400*0.075 + 100*0.60) / 1e6
    assert completion.cost_usd == pytest.approx(0.00018)
    assert completion.seconds > 0
    assert not completion.cut_off
    assert completion.first_token_odds is None


async def test_the_prompt_is_sent_as_system_and_user_and_its_schema_strictly(wire: respx.MockRouter) -> None:
    route = wire.post(OPENAI).mock(reply())
    await hosted().complete(PROMPT, 30)
    assert sent(route) == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "system", "content": "You grade answers."}, {"role": "user", "content": ANSWER}],
        "temperature": 0,
        "max_tokens": 50,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdicts", "strict": True, "schema": SCHEMA},
        },
    }
    assert route.calls.last.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("name", "api_base", "taken"),
    [
        ("openai/gpt-4o-mini", None, True),
        ("openai/gpt-3.5-turbo", None, False),  # in litellm's table, as one that doesn't
        ("openai/not-in-the-table", None, False),
        ("openai/not-in-the-table", OWN_SERVER, True),
    ],
)
async def test_a_schema_is_sent_where_it_is_understood(
    name: str, api_base: str | None, taken: bool, wire: respx.MockRouter
) -> None:
    route = wire.route().mock(reply())
    await hosted(name, api_base).complete(PROMPT, 30)
    assert ("response_format" in sent(route)) is taken


async def test_without_a_schema_no_format_is_asked_for(wire: respx.MockRouter) -> None:
    route = wire.post(OPENAI).mock(reply())
    await hosted().complete(Prompt(system="s", user="u", most_tokens=5), 30)
    assert "response_format" not in sent(route)


async def test_a_model_that_accepts_no_temperature_is_given_none(wire: respx.MockRouter) -> None:
    route = wire.post(OPENAI).mock(reply())
    await hosted("openai/gpt-5-mini").complete(PROMPT, 30)
    assert "temperature" not in sent(route)
    assert sent(route)["max_completion_tokens"] == 50


async def test_a_model_is_priced_by_its_own_name_not_by_the_one_in_the_reply(wire: respx.MockRouter) -> None:
    wire.route().mock(reply())  # names gpt-4o-mini, whose price is known
    unknown = await hosted("openai/not-in-the-table", OWN_SERVER).complete(PROMPT, 30)
    assert unknown.cost_usd is None
    dearer = await hosted("openai/gpt-4o").complete(PROMPT, 30)
    # Per million tokens $2.50, cached $1.25, output $10: (600*2.50 + 400*1.25 + 100*10) / 1e6
    assert dearer.cost_usd == pytest.approx(0.003)


async def test_ollama_is_held_to_the_schema_unpriced_and_asked_once(wire: respx.MockRouter) -> None:
    body = {"model": "qwen", "message": {"role": "assistant", "content": "{}"}, "done": True, "done_reason": "stop"}
    route = wire.route().mock(httpx.Response(200, json={**body, "prompt_eval_count": 7, "eval_count": 3}))
    completion = await hosted("ollama_chat/qwen", "http://own.test:11434", api_key=None).complete(PROMPT, 30)
    assert (completion.text, completion.input_tokens, completion.cost_usd) == ("{}", 7, None)
    assert sent(route)["format"] == SCHEMA
    assert [str(call.request.url) for call in wire.calls] == ["http://own.test:11434/api/chat"]


async def test_a_reply_without_usage_has_no_price(wire: respx.MockRouter) -> None:
    body = json.loads(reply().content)
    wire.post(OPENAI).mock(httpx.Response(200, json={**body, "usage": None}))
    assert (await hosted().complete(PROMPT, 30)).cost_usd is None


async def test_a_reply_that_reached_its_most_tokens_is_cut_off(wire: respx.MockRouter) -> None:
    wire.post(OPENAI).mock(reply('{"p1": "m', finish="length"))
    completion = await hosted().complete(PROMPT, 30)
    assert (completion.text, completion.cut_off) == ('{"p1": "m', True)


@pytest.mark.parametrize("withheld", [reply(None, finish="content_filter"), reply(None, refusal="I can't help.")])
async def test_a_withheld_reply_is_a_refusal(withheld: httpx.Response, wire: respx.MockRouter) -> None:
    wire.post(OPENAI).mock(withheld)
    assert "content policy" in str(await failure(hosted()))


@pytest.mark.parametrize("prompt", [Prompt("s", "u", 5, start="{"), Prompt("s", "u", 5, odds=5)])
async def test_what_only_local_models_can_do_is_never_ignored(prompt: Prompt) -> None:
    with pytest.raises(ValueError, match="openai/gpt-4o-mini"):
        await hosted().complete(prompt, 30)


async def test_what_is_for_litellm_alone_is_not_sent(wire: respx.MockRouter) -> None:
    route = wire.post(OPENAI).mock(reply())
    await hosted().complete(PROMPT, 30)
    assert not {"client", "base_model", "fallbacks", "drop_params", "num_retries", "max_retries"} & set(sent(route))


async def test_litellm_makes_up_no_log_entry_that_nobody_reads(
    wire: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litellm.litellm_core_utils.litellm_logging import Logging

    logged: list[str] = []

    async def note(self: Any, *_: Any, **__: Any) -> None:
        logged.append(self.model)

    monkeypatch.setattr(Logging, "async_success_handler", note)
    wire.post(OPENAI).mock(reply())
    await hosted().complete(PROMPT, 30)
    await asyncio.sleep(0.05)  # it would do so behind the caller's back
    assert logged == []


def test_identity_tells_the_same_name_at_two_addresses_apart() -> None:
    models = [hosted(), hosted("openai/gpt-4o"), hosted(api_base=OWN_SERVER)]
    assert len({model.identity for model in models}) == 3
    assert models[0].name == models[2].name == "openai/gpt-4o-mini"
    assert not models[0].gives_odds


def test_importing_the_module_does_not_import_litellm() -> None:
    code = "import sys, service.models.hosted; sys.exit('litellm' in sys.modules or 'openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_closed_model_opens_again_when_used(wire: respx.MockRouter) -> None:
    wire.post(OPENAI).mock(reply())
    model = hosted()
    await model.close()  # before it was ever used
    await model.complete(PROMPT, 30)
    await model.close()
    assert (await model.complete(PROMPT, 30)).text


@asynccontextmanager
async def keyless_server(connections: asyncio.Queue[str]) -> AsyncIterator[str]:
    """An OpenAI-like server on loopback. Notes each connection to it as it opens and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.put_nowait("opened")
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            body = reply().content
            start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(start.encode() + body)
            await writer.drain()

    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            connections.put_nowait("closed")
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(until_closed, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def test_calls_with_different_deadlines_share_one_connection_and_closing_ends_it() -> None:
    connections: asyncio.Queue[str] = asyncio.Queue()
    async with keyless_server(connections) as api_base:
        model = HostedModel("openai/own", api_base)
        replies = [await model.complete(PROMPT, seconds) for seconds in (20, 30, 40)]
        assert {completion.text for completion in replies} == {'{"p1": "met"}'}
        assert (connections.qsize(), connections.get_nowait()) == (1, "opened")
        await model.close()
        assert await asyncio.wait_for(connections.get(), 20) == "closed"
    del model
    gc.collect()  # what was left open is told of here, as a warning
