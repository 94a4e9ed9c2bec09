"""Hosted models over litellm itself: real errors from the wire come back as the service's own few, and quietly."""

import asyncio
import gc
import json
import logging
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx
from prometheus_client import REGISTRY

from service.core.errors import AnswerTooLong, GradingError, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models.hosted import HostedModel

OPENAI = "https://api.openai.com/v1/chat/completions"
ANTHROPIC = "https://api.anthropic.com/v1/messages"
OWN_SERVER = "http://own.test:8080/v1"
KEY = "sk-abcdefghijklmnop"
ANSWER = "My salary was confidential, and we hit a rate limit of 429."  # litellm reads such words as a sign of overload
SCHEMA = {"type": "object", "properties": {"p1": {"type": "string"}}, "required": ["p1"], "additionalProperties": False}
PROMPT = Prompt(system="You grade answers.", user=ANSWER, most_tokens=50, schema=SCHEMA)
PROVIDER_KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


class Pauses(list[float]):
    """Stands in for sleeping: notes how long, and comes back at once."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture(autouse=True)
async def clean_environment(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    loaded = HostedModel("openai/any", None, api_key=KEY)
    await loaded.warm()  # first: litellm reads a .env as it is imported
    for name in PROVIDER_KEYS:
        monkeypatch.delenv(name, raising=False)
    yield
    await loaded.close()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.MockRouter]:
    monkeypatch.setenv("DISABLE_AIOHTTP_TRANSPORT", "True")  # respx stands in for httpx alone
    with respx.mock(assert_all_called=False) as router:
        yield router


def hosted(
    name: str = "openai/gpt-4o-mini", api_base: str | None = None, attempts: int = 1, **more: Any
) -> HostedModel:
    return HostedModel(name, api_base, attempts, **{"api_key": KEY, "sleep": Pauses(), **more})


def reply(content: str | None = '{"p1": "met"}', finish: str = "stop", **message: Any) -> httpx.Response:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 400},
    }
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
    return httpx.Response(200, json={**body, "choices": [choice], "usage": usage})


def refusal(status: int, code: str | None = None, **headers: str) -> httpx.Response:
    """OpenAI's form of an error, quoting what it was sent, as some servers do."""
    error = {
        "message": f"You sent: {ANSWER} with key {KEY}",
        "type": "invalid_request_error",
        "code": code,
        "param": None,
    }
    return httpx.Response(status, json={"error": error}, headers=headers)


def sent(route: respx.Route) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(route.calls.last.request.content)
    return body


async def failure(model: HostedModel, timeout_seconds: float = 30) -> GradingError:
    with pytest.raises(GradingError) as caught:
        await model.complete(PROMPT, timeout_seconds)
    return caught.value


def retries(model: str) -> float:
    return REGISTRY.get_sample_value("grader_judge_retries_total", {"model": model}) or 0.0


# What is asked, and what comes back


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


# What goes wrong


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (refusal(400, "invalid_value"), JudgeRefused, "400 Bad Request (invalid_value)"),
        (refusal(400, f"unknown: {ANSWER}"), JudgeRefused, "400 Bad Request (invalid_request_error)"),
        (refusal(400, KEY), JudgeRefused, "400 Bad Request (invalid_request_error)"),
        (refusal(400, "content_policy_violation"), JudgeRefused, "content_policy_violation"),
        (refusal(401, "invalid_api_key"), JudgeRefused, "401 Unauthorized (invalid_api_key); check its API key"),
        (refusal(403), JudgeRefused, "403 Forbidden"),
        (refusal(404, "model_not_found"), JudgeRefused, "check the model's name"),
        (httpx.Response(422, json={"detail": [{"loc": ["body", "top_p"], "msg": ANSWER}]}), JudgeRefused, "422"),
        (refusal(429, "insufficient_quota"), JudgeRefused, "quota is spent"),
        (refusal(400, "context_length_exceeded"), AnswerTooLong, "openai/gpt-4o-mini"),
        (httpx.Response(400, text="This model's maximum context length is 8192."), AnswerTooLong, "shorten"),
        (refusal(429, "rate_limit_exceeded"), JudgeUnavailable, "429 Too Many Requests (rate_limit_exceeded)"),
        (refusal(500), JudgeUnavailable, "500 Internal Server Error"),
        (httpx.Response(502, text=f"<html>{ANSWER}"), JudgeUnavailable, "502 Bad Gateway"),
        (httpx.Response(503, text=ANSWER), JudgeUnavailable, "503 Service Unavailable"),
        (httpx.Response(504, text=ANSWER), JudgeUnavailable, "504 Gateway Timeout"),
        (httpx.Response(529, text=ANSWER), JudgeUnavailable, "529"),
        (httpx.Response(200, text=f"<html>{ANSWER}"), JudgeUnavailable, "no readable reply"),
        (httpx.Response(200, json={"error": {"message": ANSWER, "code": 500}}), JudgeUnavailable, "no readable reply"),
        (httpx.Response(200, json={"id": "x", "choices": []}), JudgeUnavailable, "without an answer"),
        (httpx.Response(200, json={}), JudgeUnavailable, "no readable reply"),
    ],
)
async def test_what_the_provider_answers_becomes_one_of_our_errors_and_quotes_nothing(
    answer: httpx.Response,
    error: type[GradingError],
    words: str,
    wire: respx.MockRouter,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    wire.post(OPENAI).mock(answer)
    caught = await failure(hosted())
    assert type(caught) is error
    assert words in str(caught)
    output = capfd.readouterr()
    shown = "".join([*traceback.format_exception(caught), caplog.text, output.out, output.err])
    assert "salary" not in shown
    assert KEY not in shown
    assert (output.out, output.err) == ("", "")  # litellm likes to print


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (httpx.ConnectError, JudgeUnavailable),
        (httpx.RemoteProtocolError, JudgeUnavailable),
        (httpx.ReadTimeout, JudgeTimedOut),
        (httpx.ConnectTimeout, JudgeTimedOut),
    ],
)
async def test_trouble_on_the_way_is_told_apart_from_slowness(
    trouble: type[Exception], error: type[GradingError], wire: respx.MockRouter
) -> None:
    wire.post(OPENAI).mock(side_effect=trouble)
    assert type(await failure(hosted())) is error


async def test_an_answer_slower_than_the_deadline_has_timed_out(wire: respx.MockRouter) -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    wire.post(OPENAI).mock(side_effect=never)
    caught = await failure(hosted(attempts=3), timeout_seconds=0.05)
    assert type(caught) is JudgeTimedOut
    assert "0.05 seconds" in str(caught)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (429, "rate_limit_error", JudgeUnavailable),
        (529, "overloaded_error", JudgeUnavailable),
        (401, "authentication_error", JudgeRefused),
        (400, "invalid_request_error", JudgeRefused),
    ],
)
async def test_another_providers_errors_come_to_the_same(
    status: int, kind: str, error: type[GradingError], wire: respx.MockRouter
) -> None:
    body = {"type": "error", "error": {"type": kind, "message": f"{ANSWER} {KEY}"}}
    wire.route().mock(httpx.Response(status, json=body, headers={"retry-after": "9"}))
    caught = await failure(hosted("anthropic/claude-sonnet-4-5"))
    assert type(caught) is error
    assert getattr(caught, "retry_after_seconds", 9) == 9
    assert "salary" not in str(caught)
    assert [str(call.request.url) for call in wire.calls] == [ANTHROPIC]  # and nothing is downloaded on the way


async def test_a_name_without_a_provider_is_refused_at_once() -> None:
    with pytest.raises(JudgeRefused, match="no-such-model"):
        await hosted("no-such-model").warm()


@pytest.mark.parametrize(
    ("name", "api_base", "variable"),
    [
        ("openai/gpt-4o-mini", None, "OPENAI_API_KEY"),
        ("anthropic/claude-sonnet-4-5", None, "ANTHROPIC_API_KEY"),
        ("anthropic/claude-sonnet-4-5", OWN_SERVER, "ANTHROPIC_API_KEY"),
    ],
)
@pytest.mark.parametrize("blank", [False, True])
async def test_a_missing_key_is_asked_for_by_name(
    name: str, api_base: str | None, variable: str, blank: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if blank:
        monkeypatch.setenv(variable, "")
    caught = await failure(hosted(name, api_base, api_key=None))
    assert type(caught) is JudgeRefused
    assert variable in str(caught)


@pytest.mark.parametrize(("key", "header"), [(None, "Bearer none"), ("sk-mine", "Bearer sk-mine")])
async def test_a_server_of_ones_own_needs_no_key_and_is_given_one_that_is_set(
    key: str | None, header: str, wire: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    if key:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    route = wire.post(f"{OWN_SERVER}/chat/completions").mock(reply())
    await hosted("openai/own", OWN_SERVER, api_key=None).complete(PROMPT, 30)
    assert route.calls.last.request.headers["authorization"] == header


# Trying again


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
async def test_a_broken_connection_costs_one_attempt_each_time(
    trouble: type[Exception], wire: respx.MockRouter
) -> None:
    route = wire.post(OPENAI).mock(side_effect=trouble)
    assert type(await failure(hosted(attempts=2))) is JudgeUnavailable
    assert route.call_count == 2  # litellm by itself would ask twice an attempt


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


async def test_an_error_that_came_by_openais_client_has_its_word_too(
    wire: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_API_VERSION", "2024-10-21")
    wire.route().mock(refusal(429, "insufficient_quota"))
    caught = await failure(hosted("azure/gpt-4o", "https://own.test"))
    assert type(caught) is JudgeRefused
    assert "quota is spent" in str(caught)


@pytest.mark.parametrize("said", ["[1]", '"overloaded"', '{"error": "overloaded"}', "{" * 100_000])
async def test_an_error_of_another_shape_has_no_word_for_it(said: str, wire: respx.MockRouter) -> None:
    wire.post(OPENAI).mock(httpx.Response(400, text=said))
    assert str(await failure(hosted())).startswith("'openai/gpt-4o-mini' refused: 400 Bad Request; ")


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


# Its place in the service


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
