"""Single-flight inside one process: whoever asks for what is under way already follows it instead of beginning again.

A flight is a piece of work under a name, which runs for as long as anybody follows it. All followers are told all that
it says, from its beginning.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from service.core.errors import JudgeUnavailable

T = TypeVar("T")

SecondsLeft = Callable[[], float]
Work = Callable[[SecondsLeft], AsyncGenerator[T, None]]
"""Begins the work of a flight, which is told how long anybody will still wait for it."""

_CLOSING_SECONDS = 0.5  # what may be spent on keeping what was decided, before the last follower goes


@dataclass
class _Flight(Generic[T]):
    said: list[T] = field(default_factory=list)
    seats: "list[Seat[T]]" = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    failure: Exception | None = None
    task: "asyncio.Task[None] | None" = None
    began: float = field(default_factory=time.monotonic)

    def seconds_left(self) -> float:
        return max((seat.seconds_left() for seat in self.seats), default=0.0)

    def wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


@dataclass(frozen=True, eq=False)
class Seat(Generic[T]):
    """One follower's place. `leads`: the flight began with it."""

    leads: bool
    seconds_left: SecondsLeft
    _flight: _Flight[T]

    @property
    def age_seconds(self) -> float:
        """Since the flight began."""
        return time.monotonic() - self._flight.began

    async def told(self) -> AsyncGenerator[T, None]:
        """All that the flight says. Raises TimeoutError once this seat's time is over, and the flight's own failure."""
        heard = 0
        while True:
            while heard < len(self._flight.said):
                yield self._flight.said[heard]
                heard += 1
            if self._flight.ended:
                break
            async with asyncio.timeout(self.seconds_left()):
                await self._flight.news.wait()
        if self._flight.failure:
            raise self._flight.failure


class Flights(Generic[T]):
    """The flights under way. Work that fails fails for all who follow it; they may then begin anew."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def seat(self, name: str, seconds_left: SecondsLeft, work: Work[T]) -> AsyncIterator[Seat[T]]:
        """A place on the flight of this name, which begins with the first. When the last is left, the work stops."""
        flight = self._under_way.get(name)
        leads = flight is None
        if flight is None:
            flight = self._under_way[name] = _Flight()
        seat = Seat(leads, seconds_left, flight)
        flight.seats.append(seat)
        if flight.task is None:
            flight.task = asyncio.create_task(self._fly(name, flight, work))
            self._tasks.add(flight.task)
            flight.task.add_done_callback(self._tasks.discard)
        try:
            yield seat
        finally:
            flight.seats.remove(seat)
            if not flight.seats and not flight.ended:
                self._leave_behind(name, flight)
                flight.task.cancel()
                await asyncio.wait({flight.task}, timeout=_CLOSING_SECONDS)

    async def close(self) -> None:
        """Stop what is still under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fly(self, name: str, flight: _Flight[T], work: Work[T]) -> None:
        try:
            async with aclosing(work(flight.seconds_left)) as says:
                async for item in says:
                    flight.said.append(item)
                    flight.wake()
        except asyncio.CancelledError:
            flight.failure = JudgeUnavailable("the service is stopping; ask again")
            raise
        except Exception as error:  # whoever follows is told
            flight.failure = error
        finally:
            self._leave_behind(name, flight)
            flight.ended = True
            flight.wake()

    def _leave_behind(self, name: str, flight: _Flight[T]) -> None:
        """Nobody else boards it; a new one may already fly under its name."""
        if self._under_way.get(name) is flight:
            del self._under_way[name]
