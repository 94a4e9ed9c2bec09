"""Two real service processes and one real Redis: the same asked of both is judged once, whoever is killed meanwhile."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.processes import PATIENCE_SECONDS, Serving, serving
from tests.redis_server import RedisServer
from tests.service.api.test_app import BODY, REPLY

CALLS = re.compile(r'^grader_judge_calls_total\{.*outcome="ok".*\} ([\d.]+)$', re.MULTILINE)


@contextmanager
def service(tmp_path: Path, redis: RedisServer, seconds: float) -> Iterator[Serving]:
    """One process whose (scripted) judge takes so long."""
    script = tmp_path / f"{seconds}.json"
    script.write_text(json.dumps({"replies": [REPLY], "seconds": seconds}))
    settings = {"GRADER_MODEL": f"scripted:{script}", "GRADER_JUDGE": "one_call", "GRADER_REDIS_URL": redis.url}
    with serving(settings | {"GRADER_SECRET": "a secret of the tests"}) as started:
        yield started


def judge_calls(client: httpx.Client) -> int:
    return sum(int(float(count)) for count in CALLS.findall(client.get("/metrics").text))


async def graded(clients: list[httpx.Client], number: int) -> list[dict[str, Any]]:
    """So many identical requests at once, spread over the processes."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=limits) as c:
        urls = [f"{clients[n % len(clients)].base_url}/grade" for n in range(number)]
        replies = await asyncio.gather(*(c.post(url, json=BODY) for url in urls))
    assert {reply.status_code for reply in replies} == {200}
    return [reply.json() for reply in replies]


def wait_for_lease(redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client:
        while not list(client.scan_iter("grader:lease:*")):
            pass


@pytest.mark.parametrize("frozen", [False, True])
async def test_a_hundred_identical_requests_over_two_processes(tmp_path: Path, frozen: bool) -> None:
    with RedisServer() as redis, service(tmp_path, redis, 2) as (_, a), service(tmp_path, redis, 2) as (_, b):
        if frozen:
            redis.freeze()
        grades = await graded([a, b], 100)
        calls = [judge_calls(a), judge_calls(b)]
        if frozen:
            redis.thaw()
    counted = Counter(grade["cache"] for grade in grades)
    assert {grade["status"] for grade in grades} == {"graded"}
    if frozen:  # each process by itself, and nothing failed
        assert (calls, counted) == ([1, 1], Counter(miss=2, coalesced=98))
    else:
        assert sum(calls) == 1
        assert counted["miss"] == 1
        assert set(counted) <= {"miss", "coalesced", "hit"}
        assert counted["coalesced"] > 1


async def test_a_leader_killed_in_the_middle_hands_over(tmp_path: Path) -> None:
    with RedisServer() as redis, service(tmp_path, redis, 600) as (leader, a), service(tmp_path, redis, 0) as (_, b):
        async with httpx.AsyncClient(base_url=a.base_url, timeout=PATIENCE_SECONDS) as caller:
            lost = asyncio.create_task(caller.post("/grade", json=BODY))
            await asyncio.to_thread(wait_for_lease, redis)
            followers = asyncio.create_task(graded([b], 10))
            await asyncio.sleep(0.5)
            assert not followers.done()
            leader.kill()  # SIGKILL: it can give nothing back
            grades = await followers
            with pytest.raises(httpx.TransportError):
                await lost
        assert judge_calls(b) == 1
        assert Counter(grade["cache"] for grade in grades) == Counter(miss=1, coalesced=9)
        assert 'grader_flights_total{part="took_over"} 1.0' in b.get("/metrics").text
