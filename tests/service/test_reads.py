"""What is asked within one turn of the loop goes out together, and nobody is harmed by who else is aboard."""

import asyncio
from collections.abc import Sequence

import pytest

from service.reads import Together


class Upstream:
    """Replies with ten times what was asked once the gate is open; keeps what each round trip carried."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.trips: list[list[int]] = []
        self.gate = asyncio.Event()
        self._error = error

    async def send(self, asked: Sequence[int]) -> list[int]:
        self.trips.append(list(asked))
        await self.gate.wait()
        if self._error:
            raise self._error
        return [10 * number for number in asked]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_is_asked_in_one_turn_is_one_round_trip_and_each_has_its_own_reply() -> None:
    upstream = Upstream()
    upstream.gate.set()
    together = Together(upstream.send)
    assert await asyncio.gather(*(together.ask(n) for n in range(5))) == [0, 10, 20, 30, 40]
    assert upstream.trips == [[0, 1, 2, 3, 4]]


async def test_what_is_asked_later_does_not_wait_for_the_round_trip_before() -> None:
    upstream = Upstream()
    together = Together(upstream.send)
    first = asyncio.create_task(together.ask(1))
    await turns()
    second = asyncio.create_task(together.ask(2))
    await turns()
    assert upstream.trips == [[1], [2]]
    upstream.gate.set()
    assert await first == 10
    assert await second == 20


@pytest.mark.parametrize("after_turns", [0, 1, 5], ids=["before it asked", "before departure", "under way"])
async def test_one_who_leaves_does_not_hurt_the_others(after_turns: int) -> None:
    upstream = Upstream()
    together = Together(upstream.send)
    leaver, stayer = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(2))
    await turns(after_turns)
    leaver.cancel()
    await turns()
    upstream.gate.set()
    assert await stayer == 20
    assert leaver.cancelled()


async def test_when_all_have_left_the_next_is_served() -> None:
    upstream = Upstream()
    together = Together(upstream.send)
    leaver = asyncio.create_task(together.ask(1))
    await turns(1)
    leaver.cancel()
    await turns()
    upstream.gate.set()
    assert await together.ask(2) == 20


async def test_a_failure_is_raised_to_each_and_the_next_is_tried_anew() -> None:
    upstream = Upstream(error=LookupError("gone"))
    upstream.gate.set()
    together = Together(upstream.send)
    replies = await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True)
    assert [type(reply) for reply in replies] == [LookupError, LookupError]
    with pytest.raises(LookupError):
        await together.ask(3)
    assert upstream.trips == [[1, 2], [3]]


async def test_a_round_trip_that_is_stopped_leaves_nobody_waiting() -> None:
    upstream = Upstream(error=asyncio.CancelledError())
    upstream.gate.set()
    replies = await asyncio.gather(Together(upstream.send).ask(1), return_exceptions=True)
    assert [type(reply) for reply in replies] == [asyncio.CancelledError]
