"""Turns at a model: in order, no more than allowed, and none waited for in vain."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from service.core.errors import JudgeTimedOut, JudgeUnavailable
from service.models.turns import Turns


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def measured(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "m"}) or 0.0


class Callers:
    """Tasks that each hold a turn until told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str, timeout_seconds: float = 60, calls: int = 1) -> None:
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._call(name, timeout_seconds, calls))
            await settled()

    async def _call(self, name: str, timeout_seconds: float, calls: int) -> None:
        for number in range(calls):
            async with self.turns.taken(timeout_seconds):
                self.began.append(name)
                if number == calls - 1:
                    await self.ends[name].wait()

    async def go(self, *names: str) -> None:
        for name in names:
            self.ends[name].set()
            await self.tasks[name]
            await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_waits_is_served_in_order() -> None:
    callers = Callers(Turns("m", 1, 9))
    await callers.come("a", "b", "c")
    assert callers.began == ["a"]
    assert (measured("grader_calls_in_flight"), measured("grader_calls_queued")) == (1, 2)
    await callers.go("a", "b", "c")
    assert callers.began == ["a", "b", "c"]
    assert (measured("grader_calls_in_flight"), measured("grader_calls_queued")) == (0, 0)


async def test_past_the_queues_bound_a_newcomer_is_turned_away_at_once() -> None:
    callers, shed = Callers(Turns("m", 1, 1)), measured("grader_calls_shed_total")
    await callers.come("a", "b", "c")
    with pytest.raises(JudgeUnavailable, match="'m' is busy, with 1 calls waiting") as refusal:
        await callers.tasks["c"]
    assert (refusal.value.retry_after_seconds, measured("grader_calls_shed_total") - shed) == (1, 1)
    await callers.go("a", "b")


async def test_where_none_may_wait_a_free_turn_can_still_be_had() -> None:
    callers = Callers(Turns("m", 2, 0))
    await callers.come("a", "b", "c")
    assert callers.began == ["a", "b"]
    with pytest.raises(JudgeUnavailable):
        await callers.tasks["c"]
    await callers.go("a", "b")


async def test_a_newcomer_who_could_not_be_served_in_its_time_is_turned_away_and_told_when_to_come() -> None:
    clock = Clock()
    callers = Callers(Turns("m", 2, 99, clock=clock))
    await callers.come("a")
    clock.now = 8.0
    await callers.go("a")  # a turn takes 8 s, so with two at once one comes free every 4 s
    await callers.come("b", "c", "d", timeout_seconds=5)
    await callers.come("e", timeout_seconds=5)  # behind d: 8 s
    with pytest.raises(JudgeUnavailable) as refusal:
        await callers.tasks["e"]
    assert refusal.value.retry_after_seconds == 8
    assert not callers.tasks["d"].done()
    await callers.come("f", timeout_seconds=9)  # has more time
    await callers.go("b", "c", "d", "f")
    assert callers.began == ["a", "b", "c", "d", "f"]


async def test_who_waits_past_its_deadline_leaves_the_queue() -> None:
    callers = Callers(Turns("m", 1, 1))
    await callers.come("a")
    await callers.come("b", timeout_seconds=0.01)
    with pytest.raises(JudgeTimedOut, match="no call to 'm' came free in"):
        await callers.tasks["b"]
    await callers.come("c")  # the place is free again
    await callers.go("a", "c")
    assert callers.began == ["a", "c"]


async def test_who_is_cancelled_leaves_the_queue() -> None:
    callers = Callers(Turns("m", 1, 1))
    await callers.come("a", "b")
    callers.tasks["b"].cancel()
    await settled()
    await callers.come("c")
    await callers.go("a", "c")
    assert callers.began == ["a", "c"]
    assert measured("grader_calls_queued") == 0


async def test_what_is_left_of_the_time_is_told_when_the_turn_has_come() -> None:
    clock = Clock()
    turns = Turns("m", 1, 9, clock=clock)
    callers = Callers(turns)
    await callers.come("a")

    async def late() -> float:
        async with turns.taken(10) as left_seconds:
            return left_seconds

    waiting = asyncio.create_task(late())
    await settled()
    clock.now = 4.0
    await callers.go("a")
    assert await waiting == 6.0


async def test_who_has_had_a_turn_is_not_turned_away_from_its_next() -> None:
    turns = Turns("m", 1, 0)
    callers = Callers(turns)

    async def twice() -> str:
        async with turns.taken(60):
            pass
        await asyncio.sleep(0)
        await callers.come("other")
        async with turns.taken(60):
            return "served"

    graded = asyncio.create_task(twice())
    await settled()
    await settled()
    assert callers.began == ["other"]
    await callers.go("other")
    assert await graded == "served"


async def test_a_whole_answers_calls_are_made_before_the_next_answers() -> None:
    callers = Callers(Turns("m", 1, 9, whole=True))
    await callers.come("a", calls=3)
    await callers.come("b", calls=2)
    callers.ends["a"].set()
    callers.ends["b"].set()
    await asyncio.gather(*callers.tasks.values())
    assert callers.began == ["a", "a", "a", "b", "b"]


async def test_who_asks_on_and_on_lets_others_in_after_a_while() -> None:
    clock = Clock()
    turns = Turns("m", 1, 9, whole=True, clock=clock)
    began = []

    async def answers_one_after_the_other() -> None:
        for _ in range(3):
            async with turns.taken(600):
                began.append("many")
                await settled()  # for the other to come
                clock.now += 40

    async def one_answer() -> None:
        async with turns.taken(600):
            began.append("one")

    await asyncio.gather(answers_one_after_the_other(), one_answer())
    assert began == ["many", "many", "one", "many"]


async def test_call_by_call_answers_take_turns() -> None:
    callers = Callers(Turns("m", 1, 9))
    await callers.come("a")
    await callers.come("b", "c", calls=2)
    for end in callers.ends.values():
        end.set()
    await asyncio.gather(*callers.tasks.values())
    assert callers.began == ["a", "b", "c", "b", "c"]


async def test_a_spare_turn_is_one_that_nobody_else_needs() -> None:
    turns = Turns("m", 2, 9)
    callers = Callers(turns)
    await callers.come("a")
    async with turns.spare() as first, turns.spare() as second:
        assert (first, second) == (True, False)
        await callers.come("b")
        assert callers.began == ["a"]
    await settled()
    assert callers.began == ["a", "b"]
    await callers.go("a", "b")
