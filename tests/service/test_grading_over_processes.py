"""Graders that share nothing but a Redis are asked the same at one moment: it is judged once."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from redis.asyncio import Redis

from service.cache import RedisStore
from service.core.errors import JudgeTimedOut, JudgeUnavailable
from service.leases import RedisLeases, Turn
from service.models.scripted import Line
from tests.redis_server import RedisServer
from tests.service.test_grading import Bench
from tests.service.test_grading_once import FULL, Held, begun, flights


class Watched(RedisLeases):
    """Tells which lease was wanted last, and when one was found held."""

    def __init__(self, url: str, timeout_seconds: float = 5) -> None:
        super().__init__(url, timeout_seconds, lease_seconds=60)
        self.wanted = ""
        self.found_held = asyncio.Event()

    async def turns(self, name: str) -> AsyncGenerator[Turn, None]:
        self.wanted = name
        async with aclosing(super().turns(name)) as turns:
            async for turn in turns:
                if turn is Turn.ANOTHERS:
                    self.found_held.set()
                yield turn


class Process(Bench):
    """A grader that shares nothing with others but a Redis."""

    def __init__(self, server: RedisServer, *script: Line, timeout_seconds: float = 5) -> None:
        self.model, self.leases = Held(*script), Watched(server.url, timeout_seconds)
        store = RedisStore(server.url, 60, timeout_seconds)
        super().__init__(self.model, store=store, leases=self.leases)


@asynccontextmanager
async def processes(*both: Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for process in both:
            await process.grader.close()
            await process.store.close()


@pytest.fixture
def server(redis_server: RedisServer) -> RedisServer:
    return redis_server


def text(number: int) -> str:
    """An answer for each test, as they share one Redis."""
    return f"The pump number {number} leaked because a seal was old. I changed the seal. Since then it holds."


async def test_over_two_processes_with_one_redis_it_is_one_call_too(server: RedisServer) -> None:
    here, there = Process(server, FULL), Process(server, FULL)
    async with processes(here, there):
        tasks = [begun(here.grade(text(1))) for _ in range(10)]
        await here.model.called.acquire()
        tasks += [begun(there.grade(text(1))) for _ in range(10)]
        await there.leases.found_held.wait()
        here.model.allow()
        grades = await asyncio.gather(*tasks)
    assert (here.calls, there.calls) == ([1], [0])
    found = Counter(grade.cache for grade in grades)  # miss: whichever looked first; hit: it looked when all was over
    assert (found["miss"], found["coalesced"] + found["hit"]) == (1, 19)
    assert "miss" in {grade.cache for grade in grades[:10]}
    assert sorted(grade.judge.cost_usd or 0 for grade in grades) == [0.0] * 19 + [0.003]
    assert sorted(round(grade.judge.cost_saved_usd or 0, 6) for grade in grades) == [0.0] + [0.003] * 19


async def test_a_leader_elsewhere_that_fails_lets_another_process_try(server: RedisServer) -> None:
    here, there = Process(server, JudgeUnavailable("gone")), Process(server, FULL)
    took_over = flights("took_over")
    async with processes(here, there):
        leader = begun(here.grade(text(2)))
        await here.model.called.acquire()
        follower = begun(there.grade(text(2)))
        await there.leases.found_held.wait()
        here.model.allow()
        there.model.allow()
        with pytest.raises(JudgeUnavailable):
            await leader
        assert (await follower).cache == "miss"
    assert flights("took_over") == took_over + 1


async def test_a_leader_elsewhere_whose_caller_leaves_lets_another_process_try(server: RedisServer) -> None:
    here, there = Process(server, FULL), Process(server, FULL)
    async with processes(here, there):
        leader = begun(here.grade(text(7)))
        await here.model.called.acquire()
        follower = begun(there.grade(text(7)))
        await there.leases.found_held.wait()
        leader.cancel()
        there.model.allow()
        assert (await follower).cache == "miss"
    assert here.model.stopped == 1


async def test_a_lease_that_nobody_renews_keeps_nobody_for_longer_than_it_lasts(server: RedisServer) -> None:
    process, took_over = Process(server, FULL, FULL), flights("took_over")
    async with processes(process):
        await asyncio.gather(begun(process.grade(text(3), deadline_seconds=0.2)), return_exceptions=True)
        await process.leases.close()
        redis = Redis.from_url(server.url)
        await redis.set(f"grader:lease:{process.leases.wanted}", "one that was killed", px=300)
        await redis.aclose()
        process.model.allow()
        assert (await process.grade(text(3))).cache == "miss"
    assert flights("took_over") == took_over + 1


async def test_a_follower_elsewhere_keeps_its_own_deadline(server: RedisServer) -> None:
    here, there = Process(server, FULL), Process(server, FULL)
    async with processes(here, there):
        leader = begun(here.grade(text(4)))
        await here.model.called.acquire()
        with pytest.raises(JudgeTimedOut):
            await there.grade(text(4), deadline_seconds=0.2)
        here.model.allow()
        assert (await leader).status == "graded"
    assert there.calls == [0]


async def test_owners_are_not_coalesced_over_processes_either(server: RedisServer) -> None:
    here, there = Process(server, FULL), Process(server, FULL)
    async with processes(here, there):
        leader = begun(here.grade(text(5), owner="a"))
        await here.model.called.acquire()
        there.model.allow()
        assert (await there.grade(text(5), owner="b")).cache == "miss"
        here.model.allow()
        await leader


async def test_a_hit_touches_no_lease(server: RedisServer) -> None:
    here, there = Process(server, FULL), Process(server, FULL)
    async with processes(here, there):
        here.model.allow()
        await here.grade(text(6))
        assert (await there.grade(text(6))).cache == "hit"
    assert (here.leases.wanted != "", there.leases.wanted) == (True, "")


async def test_with_a_frozen_redis_each_process_judges_for_itself_and_nothing_fails() -> None:
    with RedisServer() as own:
        here, there = (Process(own, FULL, timeout_seconds=0.1) for _ in range(2))
        async with processes(here, there):
            own.freeze()
            for process in (here, there):
                process.model.allow()
            grades = await asyncio.gather(*(process.grade() for process in (here, there) for _ in range(5)))
            own.thaw()
    assert {grade.status for grade in grades} == {"graded"}
    assert (here.calls, there.calls) == ([1], [1])
