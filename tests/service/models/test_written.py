"""A hosted model's reply taken piece by piece over a real socket: told as it comes, whole at the end."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.core.errors import JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models.hosted import HostedModel

PROMPT = Prompt(system="You grade answers.", user="u", most_tokens=50)
PIECES = ('{"p1"', ": 1", "}")
CUT = "cut"  # the connection is reset here
END = "end"  # it is closed here, as if all were said
STALL = "stall"  # nothing more is said, and the caller's leaving waited for


def event(choices: Sequence[object], **more: object) -> str:
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}
    return f"data: {json.dumps(body)}\n\n"


def delta(finish: str | None = None, **fields: str) -> str:
    return event([{"index": 0, "delta": fields, "finish_reason": finish}])


SAID = tuple(delta(content=piece) for piece in PIECES)
STOP, DONE = delta(finish="stop"), "data: [DONE]\n\n"
USAGE = event(
    [],
    usage={
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 400},
    },
)


class Provider:
    """Streams what it is given to say, the same at each call; keeps what it was asked."""

    def __init__(self, says: Sequence[str]) -> None:
        self.says = says
        self.asked: list[dict[str, Any]] = []
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        self.asked.append(json.loads(await reader.readexactly(int(length.split(b":")[1]))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for said in self.says:
            await asyncio.sleep(0.01)  # so that pieces don't come together
            match said:
                case "cut":
                    writer.transport.abort()
                    return
                case "end":
                    break
                case "stall":
                    await reader.read()
                    self.left.set()
                case _:
                    writer.write(said.encode())
        writer.close()


@asynccontextmanager
async def provider(*says: str) -> AsyncIterator[tuple[Provider, HostedModel]]:
    served = Provider(says)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    model = HostedModel("openai/gpt-4o-mini", address, attempts=2, api_key="sk-test", sleep=lambda _: asyncio.sleep(0))
    try:
        yield served, model
    finally:
        await model.close()
        server.close()


async def test_each_piece_is_told_and_the_completion_is_as_if_it_had_come_whole() -> None:
    told: list[str] = []
    async with provider(*SAID, STOP, USAGE, DONE) as (served, model):
        completion = await model.complete(PROMPT, 30, told.append)
    assert told == list(PIECES)
    assert (completion.text, completion.cut_off) == ("".join(PIECES), False)
    assert (completion.input_tokens, completion.cached_tokens, completion.output_tokens) == (1000, 400, 100)
    # Per million tokens $0.15, cached $0.075, output $0.60: (600*0.15 + 400*0.075 + 100*0.60) / 1e6
    assert completion.cost_usd == pytest.approx(0.00018)
    assert served.asked[0]["stream_options"] == {"include_usage": True}


async def test_a_provider_that_tells_no_usage_has_no_price() -> None:
    async with provider(*SAID, STOP, DONE) as (_, model):
        completion = await model.complete(PROMPT, 30, lambda _: None)
    assert (completion.text, completion.cost_usd, completion.output_tokens) == ("".join(PIECES), None, 0)


@pytest.mark.parametrize(
    "breaks",
    [
        (CUT,),
        (END,),
        ('data: {"error": {"message": "overloaded", "type": "server_error", "code": "x"}}\n\n',),
        ("data: {not json\n\n",),
    ],
)
async def test_of_a_stream_that_breaks_what_came_is_kept_and_nothing_is_tried_again(breaks: tuple[str, ...]) -> None:
    told: list[str] = []
    async with provider(*SAID[:2], *breaks) as (served, model):
        completion = await model.complete(PROMPT, 30, told.append)
    assert (completion.text, completion.cut_off, completion.cost_usd) == ('{"p1": 1', True, None)
    assert told == list(PIECES[:2])
    assert len(served.asked) == 1


async def test_a_stream_that_breaks_before_it_began_is_tried_again() -> None:
    async with provider(CUT) as (served, model):
        with pytest.raises(JudgeUnavailable):
            await model.complete(PROMPT, 30, lambda _: None)
    assert len(served.asked) == 2


async def test_a_stream_that_stalls_has_timed_out_and_its_connection_is_closed() -> None:
    told: list[str] = []
    async with provider(*SAID[:1], STALL) as (served, model):
        with pytest.raises(JudgeTimedOut):
            await model.complete(PROMPT, 2, told.append)
        await served.left.wait()
    assert told == [PIECES[0]]


async def test_a_caller_that_leaves_closes_the_connection() -> None:
    begun = asyncio.Event()
    async with provider(*SAID[:1], STALL) as (served, model):
        call = asyncio.create_task(model.complete(PROMPT, 30, lambda _: begun.set()))
        await begun.wait()
        call.cancel()
        await served.left.wait()
    assert call.cancelled()


async def test_a_reply_withheld_in_a_stream_is_a_refusal() -> None:
    async with provider(delta(finish="content_filter"), DONE) as (_, model):
        with pytest.raises(JudgeRefused, match="content policy"):
            await model.complete(PROMPT, 30, lambda _: None)


async def test_without_a_listener_no_stream_is_asked_for() -> None:
    async with provider(END) as (served, model):
        with pytest.raises(JudgeUnavailable):
            await model.complete(PROMPT, 30)
    assert "stream" not in served.asked[0]
