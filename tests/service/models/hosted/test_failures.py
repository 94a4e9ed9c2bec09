"""Real errors from the wire come back as the service's own few, and quietly."""

import asyncio
import logging
import traceback

import httpx
import pytest
import respx

from service.core.errors import AnswerTooLong, GradingError, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from tests.service.models.hosted.wire import (
    ANSWER,
    ANTHROPIC,
    KEY,
    OPENAI,
    OWN_SERVER,
    PROMPT,
    failure,
    hosted,
    refusal,
    reply,
)


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
