"""A remembered grade is given whole, and is the same reply, with the same counts, as one made of its verdicts."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from service.api.requests import LARGEST_BODY, LONGEST_ANSWER
from service.core.errors import JudgeUnavailable
from service.models.scripted import ScriptedModel
from tests.redis_server import RedisServer
from tests.service.api.doors import BODY, REPLY, RUBRIC, TEXT, added, counted, door

WHOLE = ("grader_replies_remembered_total",)
SECRET = "a secret of the tests"


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of either store."""
    if request.param == "memory":
        return {}
    server: RedisServer = request.getfixturevalue("redis_server")
    with Redis.from_url(server.url) as raw:
        raw.flushall()
    return {"redis_url": server.url, "secret": SECRET}


async def grade(client: httpx.AsyncClient, body: dict[str, Any] = BODY, request_id: str = "") -> httpx.Response:
    headers = {"content-type": "application/json", "x-request-id": request_id}
    reply = await client.post("/grade", content=json.dumps(body), headers=headers)
    assert reply.status_code == 200, reply.text
    return reply


def told(reply: httpx.Response) -> dict[str, Any]:
    """A reply but for what is its own each time."""
    said: dict[str, Any] = reply.json()
    assert said.pop("request_id") == reply.headers["x-request-id"]
    assert 0 <= said["judge"].pop("seconds") < 60
    return said


def whole(before: dict[tuple[str, ...], float]) -> float:
    """How many replies were given whole since."""
    return added(before).get(WHOLE, 0)


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        {**BODY, "rubric": {key: RUBRIC[key] for key in ("question", "points")} | {"star": True}},
        {**BODY, "rubric": {"question": "Why?", "pitfalls": RUBRIC["pitfalls"]}},
        {**BODY, "options": {"judge": "one_call", "deadline_seconds": 5}},
        {**BODY, "options": {"samples": 2}},
        {**BODY, "answer": f"  é\u200b\U0001f600\ud800\t{TEXT}\n\n“{TEXT[:60]}” \\ \u2028 "},
    ],
    ids=["STAR and an injection", "points alone", "pitfalls alone", "options", "a panel", "odd characters"],
)
async def test_a_reply_given_whole_is_the_reply_made_of_its_verdicts(
    store: dict[str, str], body: dict[str, Any]
) -> None:
    model = ScriptedModel([REPLY], cost_usd=0.004)
    async with door(model, store) as client:
        await grade(client, body)
        asked, before = len(model.prompts), counted()
        by_verdict = await grade(client, body)
        by_verdict_counted, before_whole = added(before), counted()
        at_once = await grade(client, body)
        at_once_counted = added(before_whole)
    assert len(model.prompts) == asked
    assert WHOLE not in by_verdict_counted
    assert at_once_counted.pop(WHOLE) == 1
    for counts in (by_verdict_counted, at_once_counted):
        for operation in ("read", "write"):
            counts.pop(("grader_store_seconds_count", f"operation={operation}"), None)
    assert at_once_counted == by_verdict_counted
    assert told(at_once) == told(by_verdict)
    assert at_once.content != by_verdict.content  # by the request's id
    for header in ("x-cache", "content-type"):
        assert at_once.headers[header] == by_verdict.headers[header]
    assert told(at_once)["judge"]["cost_saved_usd"] > 0
    assert (at_once.headers["x-cache"], told(at_once)["judge"]["calls"], told(at_once)["cache"]) == ("hit", 0, "hit")


async def test_an_answer_that_differs_in_what_is_invisible_has_evidence_of_its_own(store: dict[str, str]) -> None:
    other = "\u200b" + TEXT
    async with door(settings=store) as client:
        for _ in range(3):
            await grade(client)
        before = counted()
        replies = [await grade(client, {**BODY, "answer": other}) for _ in range(3)]
    assert whole(before) == 2  # but the first, which found the verdicts and no reply
    assert told(replies[0]) == told(replies[1]) == told(replies[2])
    for reply in replies:
        assert reply.headers["x-cache"] == "hit"
        for span in reply.json()["points"][0]["evidence"]:
            assert other[span["start"] : span["end"]] == span["text"]
    assert replies[0].json()["points"][0]["evidence"][0]["start"] == TEXT.index("The cause") + 1


async def test_a_question_of_the_catalog_and_the_same_rubric_in_a_request_are_one(tmp_path: Path) -> None:
    (tmp_path / "pumps.yaml").write_text(json.dumps(RUBRIC))
    async with door(settings={"rubrics_dir": tmp_path}) as client:
        for _ in range(2):
            await grade(client)
        before = counted()
        assert (await grade(client, {"question_id": "pumps", "answer": TEXT})).json()["question_id"] == "pumps"
    assert whole(before) == 1


async def test_after_an_edit_of_weights_the_score_is_the_new_one_and_nobody_is_asked(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    with Redis.from_url(redis_server.url) as raw:
        raw.flushall()
    settings = {"redis_url": redis_server.url, "secret": SECRET, "rubrics_dir": tmp_path}
    body = {"question_id": "pumps", "answer": TEXT}
    (tmp_path / "pumps.yaml").write_text(json.dumps(RUBRIC))
    async with door(settings=settings) as client:
        before, after = [(await grade(client, body)).json() for _ in range(3)], counted()
    points = [{**point, "weight": 1} for point in RUBRIC["points"]]
    (tmp_path / "pumps.yaml").write_text(json.dumps({**RUBRIC, "points": points}))
    unasked = ScriptedModel([JudgeUnavailable("nobody may be asked")])
    async with door(unasked, settings) as client:
        edited = [(await grade(client, body)).json() for _ in range(3)]
    (tmp_path / "_set.yaml").write_text("max_deduction: 0.5\nbands: {strong: 95}\n")
    async with door(unasked, settings) as client:
        ruled = [(await grade(client, body)).json() for _ in range(3)]
    # Points met, partial and met: (2 + 0.5 + 1) / 4 and (1 + 0.5 + 1) / 3; STAR is whole; no pitfall is committed.
    assert [grade["score"] for grade in before] == [90.0] * 3
    assert [grade["score"] for grade in edited] == [86.7] * 3
    assert [(grade["score"], grade["band"]) for grade in ruled] == [(86.7, "solid")] * 3
    assert len({grade["rubric_version"] for grade in (*before, *edited, *ruled)}) == 3
    assert unasked.prompts == []
    assert whole(after) == 2 + 2  # after each edit but the first


@pytest.mark.parametrize(
    "reply",
    [
        json.dumps({key: value for key, value in json.loads(REPLY).items() if key != "p2"}),
        "Ten out of ten!",
    ],
    ids=["partial", "unreadable"],
)
async def test_what_is_not_wholly_decided_is_never_given_whole(reply: str) -> None:
    before = counted()
    async with door(ScriptedModel([reply])) as client:
        replies = [await client.post("/grade", json=BODY) for _ in range(4)]
    assert whole(before) == 0
    assert all(reply.headers.get("x-cache") != "hit" for reply in replies)


async def test_an_abstained_grade_is_never_given_whole() -> None:
    before = counted()
    async with door() as client:
        replies = [(await grade(client, {**BODY, "answer": " "})).json() for _ in range(3)]
    assert [reply["cache"] for reply in replies] == [None] * 3
    assert whole(before) == 0


async def test_an_unreadable_reply_in_the_store_is_a_miss_and_counted(redis_server: RedisServer) -> None:
    async with door(settings={"redis_url": redis_server.url, "secret": SECRET}) as client:
        with Redis.from_url(redis_server.url) as raw:
            raw.flushall()
            for _ in range(2):
                expected = told(await grade(client))
            [slot] = raw.keys("*")
            [field] = [field for field in raw.hkeys(slot) if field.startswith(b"reply:")]
            raw.hset(slot, field, b'{"verdicts": "many"}\n{"score": 100')
        before = counted()
        assert told(await grade(client)) == expected
        assert added(before)["grader_store_failures_total", "operation=decode"] == 1
        assert whole(before) == 0


async def test_with_redis_gone_the_grade_is_made_anew() -> None:
    with RedisServer() as server:
        model = ScriptedModel([REPLY])
        async with door(model, {"redis_url": server.url, "secret": SECRET}) as client:
            for _ in range(3):
                await grade(client)
            server.stop()
            assert (await grade(client)).headers["x-cache"] == "miss"
    assert len(model.prompts) == 2


async def test_who_wants_a_stream_is_left_to_the_route() -> None:
    async with door() as client:
        for _ in range(3):
            await grade(client)
        before = counted()
        await client.post("/grade", json=BODY, headers={"accept": "text/html, text/event-stream;q=0.9"})
    assert whole(before) == 0


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("size", [1, 50, 5_000])
async def test_a_body_in_pieces_is_read_once_and_whole_by_hit_and_miss(size: int) -> None:
    body = json.dumps(BODY).encode()
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    before = counted()
    async with door() as client:
        replies = [await client.post("/grade", content=pieces(body, size), headers=headers) for _ in range(3)]
    assert [reply.headers["x-cache"] for reply in replies] == ["miss", "hit", "hit"]
    assert whole(before) == 1


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b" " * (LARGEST_BODY + 1), "Body too large"),
        (b'{"answer": "' + b"a" * (LARGEST_BODY + 1), "Body too large"),
        (json.dumps({**BODY, "answer": "a" * (LONGEST_ANSWER + 1)}).encode(), "Answer too long"),
        (b"", "Not JSON"),
        (b'{"answer": "\xff"}', "Not JSON"),
        (b"7", "Wrong fields"),
    ],
)
async def test_the_limits_hold_before_a_remembered_grade_as_after(body: bytes, title: str) -> None:
    async with door() as client:
        for _ in range(3):
            await grade(client)
        for content in (body, pieces(body, 70_000)):
            reply = await client.post("/grade", content=content, headers={"content-type": "application/json"})
            assert reply.json()["title"] == title
            assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2_3", True), ('"},"score":"', False), ("x" * 65, False)])
async def test_no_request_id_can_change_the_reply(sent: str, kept: bool) -> None:
    async with door() as client:
        replies = [await grade(client, request_id=sent) for _ in range(3)]
    for reply in replies:
        assert (reply.json()["request_id"] == sent) is kept
        assert told(reply)["score"] == 90.0


async def test_a_hit_is_counted_under_the_route_it_asked_for() -> None:
    async with door() as client:
        for _ in range(2):
            await grade(client)
        before = counted()
        await grade(client)
    more = added(before)
    assert more["grader_requests_total", "route=/grade", "status=200"] == 1
    assert more["grader_request_seconds_count", "route=/grade"] == 1
