"""What answers share is kept by the provider where it can be, and what it kept is told and priced as such."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx

from service.core.prompt import Prompt
from service.models.hosted import HostedModel

OWN_SERVER = "http://own.test:8080/v1"
RUBRIC = "p1: Names the cause of the leak\n" * 600  # 19,200 characters, 4,800 tokens by our measure
LONG = Prompt(system="You grade.", user=f"{RUBRIC}<answer-1>\nIt leaked.", most_tokens=50, shared=len(RUBRIC))
SHORT = Prompt(system="You grade.", user="p1: Names it\n<answer-1>\nIt leaked.", most_tokens=50, shared=13)
OPENAI_USAGE = {"prompt_tokens": 1600, "completion_tokens": 100, "total_tokens": 1700}


@pytest_asyncio.fixture
async def wire(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[respx.MockRouter]:
    monkeypatch.setenv("DISABLE_AIOHTTP_TRANSPORT", "True")  # respx stands in for httpx alone
    last = HostedModel("openai/any", OWN_SERVER)
    await last.warm()
    with respx.mock as router:
        yield router
    await last.close()


def from_openai(**usage: Any) -> httpx.Response:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return httpx.Response(200, json={**body, "usage": {**OPENAI_USAGE, **usage}})


def from_anthropic(**usage: int) -> httpx.Response:
    body = {"id": "m1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_reason": "end_turn"}
    return httpx.Response(200, json={**body, "content": [{"type": "text", "text": "{}"}], "usage": usage})


def hosted(name: str, api_base: str | None = None) -> HostedModel:
    return HostedModel(name, api_base, 1, "sk-test")


def messages(route: respx.Route) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(route.calls.last.request.content)["messages"]
    return told


async def test_a_long_rubric_is_marked_for_claude_and_the_answer_is_not_in_the_marked_part(
    wire: respx.MockRouter,
) -> None:
    route = wire.route().mock(from_anthropic(input_tokens=9, output_tokens=1))
    await hosted("anthropic/claude-sonnet-4-5").complete(LONG, 30)
    first, second = messages(route)[0]["content"]
    assert (first["text"], first["cache_control"]) == (RUBRIC, {"type": "ephemeral"})
    assert (second["text"], "cache_control" in second) == ("<answer-1>\nIt leaked.", False)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("anthropic/claude-sonnet-4-5", SHORT),  # of fewer than 1,024 tokens nothing is kept
        ("anthropic/claude-haiku-4-5", Prompt(system="", user=RUBRIC[:16_000], most_tokens=9, shared=16_000)),  # 4,096
        ("anthropic/claude-sonnet-4-5", Prompt(system="You grade.", user=LONG.user, most_tokens=9)),  # nothing shared
    ],
)
async def test_what_would_not_be_kept_is_not_marked(name: str, prompt: Prompt, wire: respx.MockRouter) -> None:
    route = wire.route().mock(from_anthropic(input_tokens=9, output_tokens=1))
    await hosted(name).complete(prompt, 30)
    assert "cache_control" not in json.dumps(messages(route))


async def test_others_get_their_text_in_one_piece(wire: respx.MockRouter) -> None:
    route = wire.route().mock(from_openai())
    await hosted("openai/gpt-4o-mini").complete(LONG, 30)
    assert messages(route)[1] == {"role": "user", "content": LONG.user}


async def test_what_claude_read_from_its_cache_is_told_and_costs_a_tenth(wire: respx.MockRouter) -> None:
    wire.route().mock(
        from_anthropic(input_tokens=100, cache_read_input_tokens=1500, cache_creation_input_tokens=0, output_tokens=100)
    )
    completion = await hosted("anthropic/claude-sonnet-4-5").complete(LONG, 30)
    assert (completion.input_tokens, completion.cached_tokens, completion.output_tokens) == (1600, 1500, 100)
    # Per million tokens $3, cached $0.30, output $15: (100*3 + 1500*0.30 + 100*15) / 1e6
    assert completion.cost_usd == pytest.approx(0.00225)


async def test_what_claude_wrote_into_its_cache_costs_a_quarter_more_and_is_not_cached_yet(
    wire: respx.MockRouter,
) -> None:
    wire.route().mock(
        from_anthropic(input_tokens=100, cache_read_input_tokens=0, cache_creation_input_tokens=1500, output_tokens=100)
    )
    completion = await hosted("anthropic/claude-sonnet-4-5").complete(LONG, 30)
    assert (completion.input_tokens, completion.cached_tokens) == (1600, 0)
    # Per million tokens $3, written to the cache $3.75, output $15: (100*3 + 1500*3.75 + 100*15) / 1e6
    assert completion.cost_usd == pytest.approx(0.007425)


@pytest.mark.parametrize(
    ("name", "api_base", "usage"),
    [
        ("openai/gpt-4o-mini", None, {"prompt_tokens_details": {"cached_tokens": 1500}}),
        ("openai/own", OWN_SERVER, {"prompt_tokens_details": {"cached_tokens": 1500}}),  # llama.cpp, vLLM
        ("deepseek/deepseek-chat", None, {"prompt_cache_hit_tokens": 1500, "prompt_cache_miss_tokens": 100}),
        ("openai/own", OWN_SERVER, {"prompt_cache_hit_tokens": 1500, "prompt_cache_miss_tokens": 100}),
    ],
)
async def test_cached_tokens_are_told_in_every_providers_way_of_telling_them(
    name: str, api_base: str | None, usage: dict[str, Any], wire: respx.MockRouter
) -> None:
    wire.route().mock(from_openai(**usage))
    completion = await hosted(name, api_base).complete(LONG, 30)
    assert (completion.input_tokens, completion.cached_tokens) == (1600, 1500)


async def test_deepseeks_cached_tokens_are_priced_as_cached(wire: respx.MockRouter) -> None:
    wire.route().mock(from_openai(prompt_cache_hit_tokens=1500, prompt_cache_miss_tokens=100))
    completion = await hosted("deepseek/deepseek-chat").complete(LONG, 30)
    # Per million tokens $0.28, cached $0.028, output $0.42: (100*0.28 + 1500*0.028 + 100*0.42) / 1e6
    assert completion.cost_usd == pytest.approx(0.000112)
