"""Server-sent events: verdicts as they are known, one grade last, and nothing goes on for who has left."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from service.api.app import Parts, create_app
from service.api.streaming import kept_alive
from service.bootstrap import assemble
from service.core.errors import AnswerTooLong, GradingError, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.settings import Settings
from tests.service.api.test_app import BODY, REPLY, TEXT, client
from tests.service.test_grading_once import Held, flights

EVENTS = {"accept": "text/event-stream"}


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Each event's name and data."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_verdicts_come_one_by_one_and_then_the_grade_as_the_plain_route_gives_it() -> None:
    async with client() as c:
        streamed = await c.post("/grade", json=BODY, headers=EVENTS)
        plain = (await c.post("/grade", json=BODY)).json()
    assert streamed.status_code == 200
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["cache-control"] == "no-store"
    *verdicts, (name, grade) = events(streamed.text)
    assert [(kind, data["kind"], data["id"], data["verdict"]) for kind, data in verdicts] == [
        ("verdict", "point", "p1", "met"),
        ("verdict", "pitfall", "f1", "avoided"),
    ]
    assert verdicts[0][1]["evidence"] == [{"start": 0, "end": len(TEXT), "text": TEXT}]
    assert (name, grade["cache"], plain["cache"]) == ("grade", "miss", "hit")
    different = {"judge", "cache", "request_id"}
    assert {k: v for k, v in grade.items() if k not in different} == {
        k: v for k, v in plain.items() if k not in different
    }
    assert grade["request_id"] == streamed.headers["x-request-id"]


@pytest.mark.parametrize("accept", ["text/event-stream, application/json", "application/json;q=0.5,TEXT/event-stream"])
async def test_events_are_sent_wherever_they_are_accepted_by_name(accept: str) -> None:
    async with client() as c:
        assert events((await c.post("/grade", json=BODY, headers={"accept": accept})).text)[-1][0] == "grade"
        assert (await c.post("/grade", json=BODY, headers={"accept": "*/*"})).json()["status"] == "graded"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (JudgeUnavailable("overloaded"), 503),
        (JudgeTimedOut("slow"), 504),
        (JudgeRefused("bad key"), 502),
        (AnswerTooLong("scripted reads at most 8192 tokens"), 413),
    ],
)
async def test_a_judge_that_decides_nothing_ends_the_stream_with_a_failed_grade(
    error: GradingError, status: int
) -> None:
    async with client(error) as c:
        streamed = await c.post("/grade", json=BODY, headers=EVENTS)
    assert streamed.status_code == 200
    [(name, grade)] = events(streamed.text)
    assert (name, grade["status"], grade["problem"]["status"]) == ("grade", "failed", status)
    assert grade["request_id"] == grade["problem"]["request_id"] == streamed.headers["x-request-id"]
    assert TEXT not in streamed.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question_id": "9.9", "answer": "a"}, 404),
        ({"question_id": "2.2"}, 422),
        ({**BODY, "options": {"judge": "cascade"}}, 422),
        ({**BODY, "options": {"judge": "per_criterion", "samples": 5}}, 422),
        ({**BODY, "answer": "a" * 20_001}, 413),
    ],
)
async def test_what_is_wrong_before_the_stream_begins_is_an_ordinary_problem(body: object, status: int) -> None:
    async with client() as c:
        reply = await c.post("/grade", json=body, headers=EVENTS)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")


async def test_silence_is_filled_with_comments_and_nothing_is_lost() -> None:
    go, silence = asyncio.Event(), 0.01

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield b"first"
        await go.wait()
        yield b"second"

    got: list[bytes] = []
    async for chunk in kept_alive(chunks(), silence):
        got.append(chunk)
        if chunk.startswith(b":"):
            go.set()
    assert (got[0], got[-1]) == (b"first", b"second")
    assert set(got[1:-1]) == {b": ping\n\n"}


# Over a real server and a socket that closes


@asynccontextmanager
async def served(model: Held) -> AsyncIterator[int]:
    """The application under uvicorn on a loopback port."""
    service = assemble(Settings(model="scripted", judge="one_call", _env_file=None), (model,))

    @asynccontextmanager
    async def start() -> AsyncIterator[Parts]:
        yield Parts(service.grader, service.catalog, service.store.ready)
        await service.grader.close()

    server = uvicorn.Server(uvicorn.Config(create_app(start), port=0, log_config=None, lifespan="on"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def asked(port: int, body: object, path: str = "/grade") -> asyncio.StreamWriter:
    """A caller who has sent its request."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    content = json.dumps(body).encode()
    writer.write(
        b"POST %s HTTP/1.1\r\nHost: g\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (path.encode(), len(content), content)
    )
    await writer.drain()
    return writer


async def test_a_caller_that_leaves_stops_the_judges_call() -> None:
    model = Held(REPLY)
    async with served(model) as port:
        caller = await asked(port, BODY)
        await model.called.acquire()
        caller.close()
        await model.was_stopped.wait()
    assert (model.stopped, model.prompts) == (1, [])


async def test_a_caller_that_leaves_does_not_stop_what_another_waits_for() -> None:
    model, joined = Held(REPLY), flights("joined")
    async with served(model) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as other:
        caller = await asked(port, BODY)
        await model.called.acquire()
        follower = asyncio.create_task(other.post("/grade", json=BODY))
        while flights("joined") == joined:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        caller.transport.abort()
        await asyncio.sleep(0.2)  # for the server to notice; were the call stopped then, the reply would be none
        model.allow()
        assert (await follower).json()["cache"] == "coalesced"
    assert model.stopped == 0


async def test_a_batchs_caller_that_leaves_stops_all_its_calls() -> None:
    model = Held(REPLY)
    items = [{**BODY, "answer": f"{TEXT} And that is reason number {n}."} for n in range(3)]
    async with served(model) as port:
        caller = await asked(port, {"items": items}, "/grade/batch")
        for _ in items:
            await model.called.acquire()
        caller.close()
        while model.stopped < len(items):
            await model.was_stopped.wait()
            model.was_stopped.clear()
    assert (model.stopped, model.prompts) == (3, [])
