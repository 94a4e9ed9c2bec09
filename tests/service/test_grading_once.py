"""What is asked at the same moment is judged once: in one process, and over two with one Redis."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from service.cache import RedisStore
from service.core.errors import JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.grade import Grade
from service.core.prompt import Prompt
from service.core.rubric import Point
from service.leases import RedisLeases, Turn
from service.models import Completion, OnText
from service.models.scripted import Line, ScriptedModel
from tests.redis_server import RedisServer
from tests.service.test_grading import CLEAN, MET, RUBRIC, WHOLE, Bench, reply

FULL = reply(**WHOLE)


class Held(ScriptedModel):
    """Says each of its lines once that is allowed; notes calls that were stopped."""

    def __init__(self, *script: Line) -> None:
        super().__init__(script, cost_usd=0.003)
        self.called = asyncio.Semaphore(0)
        self.stopped = 0
        self.was_stopped = asyncio.Event()
        self._allowed = asyncio.Semaphore(0)

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        self.called.release()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._allowed.acquire()
        except TimeoutError:
            raise JudgeTimedOut("held too long") from None
        except asyncio.CancelledError:
            self.stopped += 1
            self.was_stopped.set()
            raise
        return await super().complete(prompt, timeout_seconds, on_text)

    def allow(self, calls: int = 1) -> None:
        for _ in range(calls):
            self._allowed.release()


def begun(grade: Coroutine[Any, Any, Grade]) -> "asyncio.Task[Grade]":
    return asyncio.create_task(grade)


async def settled() -> None:
    """Let every task go as far as it can without the model."""
    for _ in range(50):
        await asyncio.sleep(0)


def flights(part: str) -> float:
    return REGISTRY.get_sample_value("grader_flights_total", {"part": part}) or 0.0


async def test_fifty_identical_grades_cost_one_call_and_the_followers_say_so() -> None:
    model, joined = Held(FULL), flights("joined")
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(50)]
    await settled()
    model.allow(50)
    grades = await asyncio.gather(*tasks)
    assert bench.calls == [1]
    assert [grade.cache for grade in grades] == ["miss"] + ["coalesced"] * 49
    assert flights("joined") == joined + 49
    leader, *followers = grades
    assert (leader.judge.cost_usd, leader.judge.cost_saved_usd, leader.judge.calls) == (0.003, 0.0, 1)
    for follower in followers:
        assert (follower.judge.cost_usd, follower.judge.calls, follower.points) == (0.0, 0, leader.points)
        assert follower.judge.cost_saved_usd == pytest.approx(0.003)
    assert (await bench.grade()).cache == "hit"


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "b"},
        {"samples": 2},
        {"text": "The pump leaked because a seal was old. I sold the pump."},
        {"rubric": RUBRIC.model_copy(update={"question": "What went wrong with the old pump?"})},
        {"rubric": RUBRIC.model_copy(update={"points": (RUBRIC.points[0], Point(id="p2", text="Names the price"))})},
    ],
)
async def test_what_differs_in_anything_that_could_matter_is_not_shared(other: dict[str, Any]) -> None:
    model = Held(FULL)
    bench = Bench(model)
    model.allow(9)
    grades = await asyncio.gather(bench.grade(), bench.grade(**other))
    assert [grade.cache for grade in grades] == ["miss", "miss"]


async def test_ids_and_weights_that_differ_are_shared_each_under_its_own_id() -> None:
    model = Held(FULL)
    bench = Bench(model)
    renamed = RUBRIC.model_copy(
        update={"points": (Point(id="cause", text="Names the cause", weight=3), RUBRIC.points[1])}
    )
    tasks = [begun(bench.grade()), begun(bench.grade(rubric=renamed))]
    await settled()
    model.allow()
    first, second = await asyncio.gather(*tasks)
    assert (bench.calls, second.cache) == ([1], "coalesced")
    assert [point.id for point in second.points] == ["cause", "p2"]
    assert second.points[0].evidence == first.points[0].evidence


async def test_when_the_leader_leaves_the_call_goes_on_for_its_followers() -> None:
    model = Held(FULL)
    bench = Bench(model)
    leader, follower = begun(bench.grade()), begun(bench.grade())
    await settled()
    leader.cancel()
    await settled()
    model.allow()
    assert (await follower).cache == "coalesced"
    assert (bench.calls, model.stopped) == ([1], 0)


async def test_when_all_have_left_the_call_is_stopped() -> None:
    model = Held(FULL)
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(3)]
    await settled()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (bench.calls, model.stopped) == ([0], 1)  # it was stopped before it said anything


async def test_after_a_leader_that_failed_the_followers_try_one_at_a_time() -> None:
    model = Held(JudgeUnavailable("gone"), JudgeUnavailable("still gone"), FULL)
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(5)]
    for attempt in (1, 2, 3):
        await settled()
        assert len(bench.models[0].prompts) == attempt - 1
        model.allow()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results[:2]] == [JudgeUnavailable] * 2
    assert [grade.cache for grade in results[2:] if isinstance(grade, Grade)] == ["miss", "coalesced", "coalesced"]
    assert bench.calls == [3]


async def test_a_refusal_is_everybodys_for_trying_again_will_not_help() -> None:
    model = Held(JudgeRefused("bad key"))
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(5)]
    await settled()
    model.allow(5)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {JudgeRefused}
    assert bench.calls == [1]


async def test_who_has_less_time_left_than_the_failure_took_does_not_try_again() -> None:
    model = Held(JudgeUnavailable("gone"), FULL)
    bench = Bench(model)
    leader = begun(bench.grade())
    follower = begun(bench.grade(deadline_seconds=0.6))
    await asyncio.sleep(0.4)  # of the follower's 0.6 s
    model.allow(2)
    results = await asyncio.gather(leader, follower, return_exceptions=True)
    assert [type(result) for result in results] == [JudgeUnavailable, JudgeUnavailable]
    assert bench.calls == [1]


async def test_what_a_leader_got_before_it_failed_is_shared_and_only_the_rest_is_asked_again() -> None:
    model = Held(reply(p1=MET), JudgeUnavailable("gone"), reply(p2=WHOLE["p2"], f1=CLEAN))
    bench = Bench(model)
    tasks = [begun(bench.grade()), begun(bench.grade())]
    await settled()
    model.allow(3)
    leader, follower = await asyncio.gather(*tasks)
    assert (leader.status, leader.cache) == ("partial", "miss")
    assert (follower.status, follower.cache) == ("graded", "mixed")
    assert bench.asked(2) == {"p2", "f1"}


async def test_a_follower_whose_time_is_over_gets_what_is_known_and_the_leader_all() -> None:
    model = Held(reply(p1=MET), reply(p2=WHOLE["p2"], f1=CLEAN))
    bench = Bench(model)
    leader = begun(bench.grade())
    hasty = begun(bench.grade(deadline_seconds=0.3))
    await settled()
    model.allow()
    follower = await hasty
    assert (follower.status, follower.cache) == ("partial", "coalesced")
    assert [point.verdict for point in follower.points] == ["met", "unassessed"]
    model.allow()
    assert (await leader).status == "graded"


async def test_a_leader_whose_time_is_over_leaves_the_work_to_those_who_have_more() -> None:
    model = Held(FULL)
    bench = Bench(model)
    hasty = begun(bench.grade(deadline_seconds=0.05))
    follower = begun(bench.grade())
    with pytest.raises(JudgeTimedOut):
        await hasty
    await settled()
    model.allow()
    assert (await follower).status == "graded"
    assert bench.calls == [1]


# Over processes: two graders that share nothing but a Redis


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
    assert [grade.cache for grade in grades[:11]] == ["miss"] + ["coalesced"] * 10
    assert {grade.cache for grade in grades[11:]} <= {"coalesced", "hit"}  # hit: it looked when all was over
    assert [grade.judge.cost_usd for grade in grades] == [0.003] + [0.0] * 19
    assert [round(grade.judge.cost_saved_usd or 0, 6) for grade in grades] == [0.0] + [0.003] * 19


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
