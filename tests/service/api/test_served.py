"""`grader serve` as a process, over a real Redis, with API keys."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.processes import grader
from tests.redis_server import RedisServer
from tests.service.api.doors import BODY, REPLY
from tests.service.api.test_keys import made


def test_a_served_grade_needs_a_key_is_given_whole_and_outlives_a_frozen_store(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([REPLY]))
    key, _ = made(tmp_path / "keys.jsonl")
    with RedisServer() as redis:
        settings = {
            "GRADER_MODEL": f"scripted:{script}",
            "GRADER_JUDGE": "one_call",
            "GRADER_REDIS_URL": redis.url,
            "GRADER_SECRET": "a secret of the tests",
            "GRADER_API_KEYS_FILE": str(tmp_path / "keys.jsonl"),
        }
        headers = {"Authorization": f"Bearer {key}"}
        with grader(**settings) as client, ThreadPoolExecutor(20) as callers:

            def grade(_: int) -> tuple[int, str, float]:
                reply = client.post("/grade", json=BODY, headers=headers)
                return reply.status_code, reply.headers["x-cache"], reply.json()["score"]

            assert client.post("/grade", json=BODY).status_code == 401
            in_turn = [grade(n) for n in range(3)]
            at_once = list(callers.map(grade, range(40)))
            redis.freeze()
            frozen = list(callers.map(grade, range(40)))
            redis.thaw()
            metrics = client.get("/metrics").text
    assert in_turn == [(200, "miss", 90.0), (200, "hit", 90.0), (200, "hit", 90.0)]
    assert at_once == [(200, "hit", 90.0)] * 40
    assert {(status, score) for status, _, score in frozen} == {(200, 90.0)}
    assert {cache for _, cache, _ in frozen} <= {"miss", "coalesced"}
    assert "\ngrader_replies_remembered_total 41.0\n" in metrics
