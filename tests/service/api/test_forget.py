"""`DELETE /grades` forgets an answer: its verdicts under every rubric, its whole replies, and nobody else's."""

import json
from pathlib import Path

import httpx
import pytest
from redis import Redis

from service.models.scripted import ScriptedModel
from tests.redis_server import RedisServer
from tests.service.api.doors import BODY, REPLY, RUBRIC, TEXT, door
from tests.service.api.test_keys import made


async def forget(client: httpx.AsyncClient, body: object, key: str = "") -> httpx.Response:
    headers = {"content-type": "application/json", "x-api-key": key}
    return await client.request("DELETE", "/grades", content=json.dumps(body), headers=headers)


@pytest.mark.parametrize("over_redis", [False, True])
async def test_after_it_the_answer_is_as_new_under_every_rubric(redis_server: RedisServer, over_redis: bool) -> None:
    other = {**BODY, "rubric": {**RUBRIC, "question": "Another question?"}}
    settings = {"redis_url": redis_server.url, "secret": "of these tests"} if over_redis else {}
    with Redis.from_url(redis_server.url) as raw:
        raw.flushall()
        async with door(settings=settings) as client:
            for body in (BODY, other) * 3:
                await client.post("/grade", json=body)
            # As sent or with what is invisible: it is the same answer to the judge, and in the store.
            replies = [await forget(client, {"answer": "\u200b" + TEXT}), await forget(client, {"answer": TEXT})]
            assert raw.keys("*") == []
            again = [(await client.post("/grade", json=body)).headers["x-cache"] for body in (BODY, other)]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert [reply.json()["forgotten"] for reply in replies] == [True, False]
    assert replies[0].json()["request_id"] == replies[0].headers["x-request-id"]
    assert again == ["miss", "miss"]


async def test_only_the_callers_own_is_forgotten(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    ours, theirs = made(keys, "ours")[0], made(keys, "theirs")[0]
    async with door(keys=keys) as client:
        await client.post("/grade", json=BODY, headers={"x-api-key": theirs})
        assert (await forget(client, {"answer": TEXT}, ours)).json()["forgotten"] is False
        assert (await client.post("/grade", json=BODY, headers={"x-api-key": theirs})).headers["x-cache"] == "hit"
        assert (await forget(client, {"answer": TEXT}, theirs)).json()["forgotten"] is True


async def test_what_cannot_be_confirmed_is_not_claimed() -> None:
    with RedisServer() as server:
        async with door(settings={"redis_url": server.url, "secret": "s"}) as client:
            await client.post("/grade", json=BODY)
            server.stop()
            reply = await forget(client, {"answer": TEXT})
    assert (reply.status_code, reply.json()["title"]) == (503, "Store unavailable")
    assert TEXT not in reply.text


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"answer": ', "application/json", 400),
        (b"", "application/json", 400),
        (b'{"answer": "a"}', "text/plain", 415),
        (b"[]", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"answer": 5}', "application/json", 422),
        (b'{"answer": "a", "question_id": "2.2"}', "application/json", 422),
        (json.dumps({"answer": "a" * 20_001}).encode(), "application/json", 413),
        (b'"' + b"a" * 1_000_000 + b'"', "application/json", 413),
        (b'{"answer": "\\ud800"}', "application/json", 200),
    ],
)
async def test_a_body_that_is_not_an_answer_alone_is_refused_as_elsewhere(
    content: bytes, content_type: str, status: int
) -> None:
    async with door(ScriptedModel([REPLY])) as client:
        reply = await client.request("DELETE", "/grades", content=content, headers={"content-type": content_type})
    assert reply.status_code == status
    assert status == 200 or reply.headers["content-type"] == "application/problem+json"
