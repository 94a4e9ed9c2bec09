"""Whoever asks for what is under way follows it, hears all of it, and stops it only as the last to leave."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from service.core.errors import JudgeUnavailable
from service.flights import Flights, SecondsLeft


class Work:
    """Says what it is given to say, once each is allowed; counts how often it was begun."""

    def __init__(self, *says: str | Exception) -> None:
        self.says = says
        self.begun = self.stopped = 0
        self.allowed = asyncio.Semaphore(0)
        self.seconds_left: SecondsLeft = lambda: 0.0

    async def __call__(self, seconds_left: SecondsLeft) -> AsyncGenerator[str, None]:
        self.begun += 1
        self.seconds_left = seconds_left
        try:
            for said in self.says:
                await self.allowed.acquire()
                if isinstance(said, Exception):
                    raise said
                yield said
        except asyncio.CancelledError:
            self.stopped += 1
            raise

    def allow(self, number: int) -> None:
        for _ in range(number):
            self.allowed.release()


def patient() -> float:
    return 60.0


async def heard(
    flights: Flights[str], work: Work, seconds_left: Callable[[], float] = patient, name: str = "n"
) -> tuple[bool, list[str]]:
    async with flights.seat(name, seconds_left, work) as seat:
        return seat.leads, [said async for said in seat.told()]


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_ten_who_ask_for_the_same_begin_it_once_and_hear_the_same() -> None:
    flights, work = Flights[str](), Work("a", "b")
    work.allow(2)
    results = await asyncio.gather(*(heard(flights, work) for _ in range(10)))
    assert work.begun == 1
    assert [leads for leads, _ in results] == [True] + [False] * 9
    assert {tuple(said) for _, said in results} == {("a", "b")}


async def test_who_comes_late_hears_it_from_the_beginning_and_who_comes_after_the_end_begins_anew() -> None:
    flights, work = Flights[str](), Work("a", "b")
    first = asyncio.create_task(heard(flights, work))
    work.allow(1)
    await settled()
    second = asyncio.create_task(heard(flights, work))
    await settled()
    work.allow(1)
    assert (await first, await second) == ((True, ["a", "b"]), (False, ["a", "b"]))
    work.allow(2)
    assert await heard(flights, work) == (True, ["a", "b"])
    assert work.begun == 2


async def test_another_name_is_another_flight() -> None:
    flights, work = Flights[str](), Work("a")
    work.allow(2)
    await asyncio.gather(heard(flights, work, name="n"), heard(flights, work, name="m"))
    assert work.begun == 2


async def test_when_the_first_leaves_the_work_goes_on_for_the_others() -> None:
    flights, work = Flights[str](), Work("a")
    first, second = (asyncio.create_task(heard(flights, work)) for _ in range(2))
    await settled()
    first.cancel()
    await settled()
    work.allow(1)
    assert await second == (False, ["a"])
    assert (work.begun, work.stopped) == (1, 0)


async def test_when_the_last_leaves_the_work_stops_and_who_comes_then_begins_anew() -> None:
    flights, work = Flights[str](), Work("a")
    both = [asyncio.create_task(heard(flights, work)) for _ in range(2)]
    await settled()
    for one in both:
        one.cancel()
    await settled()
    assert (work.begun, work.stopped) == (1, 1)
    work.allow(1)
    assert await heard(flights, work) == (True, ["a"])


async def test_a_failure_is_everybodys_with_what_was_said_before() -> None:
    flights, work = Flights[str](), Work("a", JudgeUnavailable("gone"))
    said: list[str] = []

    async def follow() -> None:
        async with flights.seat("n", patient, work) as seat:
            async for item in seat.told():
                said.append(item)

    work.allow(2)
    results = await asyncio.gather(follow(), follow(), return_exceptions=True)
    assert said == ["a", "a"]
    assert all(isinstance(result, JudgeUnavailable) for result in results)


async def test_each_has_a_deadline_of_its_own_and_the_work_is_told_the_longest() -> None:
    flights, work = Flights[str](), Work("a")
    hasty = asyncio.create_task(heard(flights, work, lambda: 0.01))
    patient_one = asyncio.create_task(heard(flights, work))
    await settled()
    assert work.seconds_left() == 60.0
    with pytest.raises(TimeoutError):
        await hasty
    work.allow(1)
    assert await patient_one == (False, ["a"])


async def test_closing_stops_what_is_under_way_and_tells_those_who_wait() -> None:
    flights, work = Flights[str](), Work("a")
    waiting = asyncio.create_task(heard(flights, work))
    await settled()
    await flights.close()
    with pytest.raises(JudgeUnavailable, match="stopping"):
        await waiting
    assert work.stopped == 1
