"""What is tried again, how often, and after how long."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import respx

from service.core.errors import JudgeUnavailable
from tests.service.models.hosted.wire import NOBODY, OPENAI, PROMPT, Pauses, failure, hosted, refusal, reply, retries

OF_EACH_PROVIDER = [
    "openai/gpt-4o-mini",
    "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-flash",
    "mistral/mistral-small-latest",
    "openrouter/meta-llama/llama-3.1-8b-instruct",
    "groq/llama-3.1-8b-instant",
    "deepseek/deepseek-chat",
    "together_ai/meta-llama/Llama-3-8b-chat-hf",
    "xai/grok-3",
    "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct",
    "perplexity/sonar",
    "hosted_vllm/own",
    "ollama/llama3",
    "ollama_chat/llama3",
]


async def test_an_overloaded_provider_is_tried_again_and_the_retry_counted(wire: respx.MockRouter) -> None:
    route = wire.post(OPENAI).mock(side_effect=[refusal(500), refusal(503), reply()])
    before, pauses = retries("openai/gpt-4o-mini"), Pauses()
    completion = await hosted(attempts=3, sleep=pauses).complete(PROMPT, 30)
    assert completion.text == '{"p1": "met"}'
    assert route.call_count == 3
    assert retries("openai/gpt-4o-mini") - before == 2
    assert 0 <= pauses[0] <= 1  # full jitter: anything up to 1 s, then up to 2 s
    assert 0 <= pauses[1] <= 2


async def test_no_more_attempts_are_made_than_allowed(wire: respx.MockRouter) -> None:
    route = wire.post(OPENAI).mock(refusal(503))
    assert type(await failure(hosted(attempts=3))) is JudgeUnavailable
    assert route.call_count == 3


@pytest.mark.parametrize("final", [refusal(401, "invalid_api_key"), refusal(400, "invalid_value")])
async def test_a_refusal_is_not_tried_again_whatever_words_it_quotes(
    final: httpx.Response, wire: respx.MockRouter
) -> None:
    route = wire.post(OPENAI).mock(final)
    await failure(hosted(attempts=3))
    assert route.call_count == 1


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.RemoteProtocolError])
@pytest.mark.parametrize("name", OF_EACH_PROVIDER)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_broken_connection_costs_one_attempt_each_time(
    name: str, streamed: bool, trouble: type[Exception], wire: respx.MockRouter
) -> None:
    route = wire.post().mock(side_effect=trouble)
    model = hosted(name, NOBODY if "ollama" in name or "vllm" in name else None, attempts=2)
    with pytest.raises(JudgeUnavailable):
        await model.complete(PROMPT, 30, (lambda _: None) if streamed else None)
    assert route.call_count == 2  # litellm by itself would ask twice an attempt


def in_seven_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=7.999), usegmt=True)


@pytest.mark.parametrize("asked", ["7", "7.0", in_seven_seconds()])
async def test_the_wait_is_no_shorter_than_the_provider_asks(asked: str, wire: respx.MockRouter) -> None:
    again = in_seven_seconds() if "GMT" in asked else asked
    wire.post(OPENAI).mock(side_effect=[refusal(429, **{"Retry-After": again}), reply()])
    pauses = Pauses()
    await hosted(attempts=2, sleep=pauses).complete(PROMPT, 600)
    assert 5 < pauses[0] <= 9


async def test_a_wait_beyond_the_deadline_is_left_to_the_caller(wire: respx.MockRouter) -> None:
    route = wire.post(OPENAI).mock(refusal(429, **{"Retry-After": "40"}))
    pauses = Pauses()
    caught = await failure(hosted(attempts=3, sleep=pauses), timeout_seconds=30)
    assert isinstance(caught, JudgeUnavailable)
    assert caught.retry_after_seconds == 40
    assert (route.call_count, pauses) == (1, [])


@pytest.mark.parametrize("asked", ["", "soon", "nan", "inf", "-3", "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_a_retry_after_that_makes_no_sense_is_no_wait(asked: str, wire: respx.MockRouter) -> None:
    wire.post(OPENAI).mock(refusal(429, **{"Retry-After": asked}))
    caught = await failure(hosted())
    assert isinstance(caught, JudgeUnavailable)
    assert not caught.retry_after_seconds
