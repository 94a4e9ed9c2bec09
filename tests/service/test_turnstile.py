"""Of many who come at once, one comes through at a time, in order, and the loop goes round in between."""

import asyncio

from service.turnstile import Turnstile


async def test_others_have_their_turn_between_one_and_the_next() -> None:
    turnstile, events = Turnstile(), list[str]()

    async def come(name: str) -> None:
        await turnstile.through()
        events.append(name)

    async def other() -> None:
        while len(events) < 7:
            events.append("other")
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(come(name))
        group.create_task(other())
    assert [event for event in events if event != "other"] == list("abcd")
    assert not any(f"{one} {two}" in " ".join(events) for one, two in ("ab", "bc"))


async def test_one_who_leaves_holds_nobody_up() -> None:
    turnstile = Turnstile()
    first, second = (asyncio.create_task(turnstile.through()) for _ in range(2))
    third = asyncio.create_task(turnstile.through())
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    async with asyncio.timeout(5):
        await third
    assert first.cancelled()
    assert second.cancelled()
