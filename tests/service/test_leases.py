"""Of all processes with one Redis one is at a piece of work; a Redis that is away lets all of them go ahead."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from redis.asyncio import Redis

from service.leases import NoLeases, RedisLeases, Turn
from tests.redis_server import RedisServer
from tests.service.stores import Clock

KEY = "grader:lease:work"


class Steps:
    """Stands in for sleeping: each sleep lasts until a step is allowed."""

    def __init__(self) -> None:
        self._steps = asyncio.Semaphore(0)

    async def __call__(self, _seconds: float) -> None:
        await self._steps.acquire()

    def allow(self) -> None:
        self._steps.release()


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def leases(
    server: RedisServer, sleep: Callable[[float], Awaitable[None]] = at_once, lease_seconds: float = 60
) -> AsyncIterator[RedisLeases]:
    held = RedisLeases(server.url, timeout_seconds=5, lease_seconds=lease_seconds, sleep=sleep)
    yield held
    await held.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator["Redis"]:
    client = Redis.from_url(redis_server.url, decode_responses=True)
    await client.flushdb()
    yield client
    await client.aclose()


async def test_a_process_alone_has_every_turn() -> None:
    assert [turn async for turn in NoLeases().turns("work")] == [Turn.OURS]


async def test_one_holds_it_and_the_other_has_its_turn_once_it_is_given_back(
    redis_server: RedisServer, redis: Redis
) -> None:
    seen: list[Turn] = []
    async with (
        leases(redis_server, Steps()) as first,
        leases(redis_server) as second,
        aclosing(first.turns("work")) as held,
        aclosing(second.turns("work")) as waiting,
    ):
        assert await anext(held) is Turn.OURS
        assert [await anext(waiting) for _ in range(3)] == [Turn.ANOTHERS] * 3
        await held.aclose()
        async for turn in waiting:
            seen.append(turn)
            if turn is Turn.OURS:
                break
    assert seen[-1] is Turn.OURS
    assert await redis.exists(KEY) == 0


async def test_what_is_not_given_back_ends_by_itself(redis_server: RedisServer, redis: Redis) -> None:
    await redis.set(KEY, "one that was killed", px=50)
    async with leases(redis_server, asyncio.sleep) as another, aclosing(another.turns("work")) as turns:
        assert [turn async for turn in turns][-1] is Turn.OURS


async def test_a_holder_that_lives_renews_it(redis_server: RedisServer, redis: Redis) -> None:
    steps = Steps()
    async with leases(redis_server, steps) as holder, aclosing(holder.turns("work")) as turns:
        await anext(turns)
        await redis.pexpire(KEY, 20_000)  # most of its time is over
        steps.allow()
        while await redis.pttl(KEY) <= 20_000:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.01)
        assert 20_000 < await redis.pttl(KEY) <= 60_000


async def test_what_has_become_anothers_is_neither_renewed_nor_given_back(
    redis_server: RedisServer, redis: Redis
) -> None:
    steps = Steps()
    async with leases(redis_server, steps) as paused:
        async with aclosing(paused.turns("work")) as turns:
            await anext(turns)
            await redis.set(KEY, "another's", px=20_000)
            steps.allow()
            await asyncio.sleep(0.05)
        await paused.close()
    assert await redis.get(KEY) == "another's"
    assert await redis.pttl(KEY) <= 20_000


async def test_a_redis_that_is_away_or_frozen_cannot_tell_and_keeps_nobody() -> None:
    with RedisServer() as server:
        held = RedisLeases(server.url, timeout_seconds=0.1, sleep=at_once)
        server.freeze()
        assert [turn async for turn in held.turns("work")] == [Turn.UNKNOWN]
        server.thaw()
        server.stop()
        assert [turn async for turn in held.turns("work")] == [Turn.UNKNOWN]
        await held.close()


async def test_a_redis_that_stays_frozen_is_no_longer_asked() -> None:
    with RedisServer() as server:
        clock = Clock()
        held = RedisLeases(server.url, timeout_seconds=0.05, sleep=at_once, clock=clock)
        server.freeze()
        for _ in range(10):
            assert [turn async for turn in held.turns("work")] == [Turn.UNKNOWN]
        server.thaw()
        behind = Redis.from_url(server.url)
        assert (await behind.info("stats"))["total_connections_received"] <= 4 + 2  # it and whoever started the server
        clock.now += 1
        assert [turn async for turn in held.turns("work")] == [Turn.OURS]
        await behind.aclose()
        await held.close()


async def test_who_waits_goes_ahead_when_redis_goes_away() -> None:
    with RedisServer() as server:
        async with (
            leases(server, Steps()) as first,
            leases(server) as second,
            aclosing(first.turns("work")) as held,
            aclosing(second.turns("work")) as waiting,
        ):
            assert await anext(held) is Turn.OURS
            assert await anext(waiting) is Turn.ANOTHERS
            server.stop()
            assert [turn async for turn in waiting][-1] is Turn.UNKNOWN
