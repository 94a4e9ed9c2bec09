"""Who may pass with API keys, and that one owner's verdicts are never another's."""

import json
from pathlib import Path

import httpx
import pytest

from service.api.keys import Revocation, add_line
from service.models.scripted import ScriptedModel
from tests.redis_server import RedisServer
from tests.service.api.doors import BODY, REPLY, added, counted, door
from tests.service.api.test_keys import NOW, made

GUARDED = [
    ("POST", "/grade"),
    ("POST", "/grade/batch"),
    ("DELETE", "/grades"),
    ("GET", "/questions"),
    ("GET", "/questions/2.2"),
    ("GET", "/no/such/route"),
    ("GET", "/docs/../grade"),
    ("GET", "/static-offline-docs"),
]
OPEN = ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/static-offline-docs/swagger-ui-bundle.js"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


async def asked(client: httpx.AsyncClient, headers: dict[str, str], body: object = BODY) -> httpx.Response:
    return await client.post(
        "/grade", content=json.dumps(body), headers={"content-type": "application/json", **headers}
    )


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_without_a_key_nothing_is_given_and_the_reply_says_what_is_wanted(
    keys: Path, method: str, path: str
) -> None:
    made(keys)
    model = ScriptedModel([REPLY])
    async with door(model, keys=keys) as client:
        reply = await client.request(method, path, json=BODY)
    assert (reply.status_code, reply.json()["title"]) == (401, "No API key")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["www-authenticate"] == 'Bearer realm="grader"'
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert model.prompts == []


@pytest.mark.parametrize("path", OPEN)
async def test_probes_and_docs_need_no_key(keys: Path, path: str) -> None:
    made(keys)
    async with door(keys=keys) as client:
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer {key}"},
        {"authorization": "bearer   {key} "},
        {"x-api-key": "{key}"},
        {"X-API-Key": " {key} "},
        {"authorization": "Basic Zm9vOmJhcg==", "x-api-key": "{key}"},  # the first may be meant for a proxy
    ],
)
async def test_a_good_key_passes_in_either_header(keys: Path, headers: dict[str, str]) -> None:
    key, _ = made(keys)
    async with door(keys=keys) as client:
        for _ in range(3):
            reply = await asked(client, {name: value.format(key=key) for name, value in headers.items()})
            assert reply.status_code == 200
        assert reply.headers["x-cache"] == "hit"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer {key}x"},
        {"authorization": "Bearer "},
        {"x-api-key": "é"},
        {"authorization": "Bearer wrong", "x-api-key": "{key}"},
    ],
)
async def test_a_wrong_key_is_refused_before_the_body_is_looked_at(keys: Path, headers: dict[str, str]) -> None:
    key, _ = made(keys)
    async with door(keys=keys) as client:
        for _ in range(3):  # remembered as it is, nothing is given to who may not ask
            await asked(client, {"x-api-key": key})
        for body in (BODY, "no request"):
            sent = {name: value.format(key=key).encode("latin-1") for name, value in headers.items()}
            reply = await client.post("/grade", json=body, headers=[(n.encode(), v) for n, v in sent.items()])
            assert (reply.status_code, reply.json()["title"]) == (401, "Wrong API key")
            assert reply.headers["www-authenticate"] == 'Bearer realm="grader", error="invalid_token"'
            assert key not in reply.text


async def test_a_key_revoked_meanwhile_is_not_allowed_though_the_grade_is_remembered(keys: Path) -> None:
    now = 0.0
    key, kept = made(keys)
    async with door(keys=keys, clock=lambda: now) as client:
        for _ in range(3):
            assert (await asked(client, {"x-api-key": key})).status_code == 200
        add_line(keys, Revocation(id=kept.id, revoked=NOW))
        now = 1.0
        reply = await asked(client, {"x-api-key": key})
    assert (reply.status_code, reply.json()["title"]) == (403, "Key not allowed")
    assert kept.id in reply.json()["detail"]


@pytest.mark.parametrize("over_redis", [False, True])
async def test_owners_share_no_verdict_and_no_whole_reply_but_the_keys_of_one_owner_do(
    keys: Path, redis_server: RedisServer, over_redis: bool
) -> None:
    settings = {"redis_url": redis_server.url, "secret": f"of this test {over_redis}"} if over_redis else {}
    ours, theirs, ours_too = made(keys, "ours")[0], made(keys, "theirs")[0], made(keys, "ours")[0]
    model = ScriptedModel([REPLY])
    body = {**BODY, "answer": f"{BODY['answer']} Over Redis: {over_redis}, of {keys}."}
    async with door(model, settings, keys=keys) as client:
        caches = [
            [(await asked(client, {"x-api-key": key}, body)).headers["x-cache"] for _ in range(3)]
            for key in (ours, theirs, ours_too)
        ]
    assert caches == [["miss", "hit", "hit"], ["miss", "hit", "hit"], ["hit", "hit", "hit"]]
    assert len(model.prompts) == 2


async def test_without_keys_everybody_is_one_owner() -> None:
    async with door() as client:
        replies = [await asked(client, {"x-api-key": key}) for key in ("one", "other")]
    assert [reply.headers["x-cache"] for reply in replies] == ["miss", "hit"]


async def test_a_refusal_is_counted_and_no_key_is_a_label(keys: Path) -> None:
    key, kept = made(keys)
    before = counted()
    async with door(keys=keys) as client:
        await asked(client, {"x-api-key": key[:-1]})
    more = added(before)
    assert more["grader_requests_total", "route=unknown", "status=401"] == 1
    assert not any(part in str(more) for part in (key[:-1], kept.id, kept.owner))
