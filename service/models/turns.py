"""Turns at a model: how many calls are in flight at once, and how many may wait before them."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakSet

from service import metrics, tracing
from service.core.errors import JudgeTimedOut, JudgeUnavailable

_PAUSE_SECONDS = 0.02  # how long a whole answer's turn is kept for its next call
_WHOLE_SECONDS = 60.0  # who asks on for longer, while others wait, has more than one answer to ask about
_NEWEST = 0.2  # weight of the newest turn in the mean of their lengths


class Turns:
    """At most `most` turns at once; who finds none free waits, in order, and `most_waiting` at most.

    A newcomer who would find the queue full, or could not have a turn within the time it has, is turned away at once: a
    503 now is worth more than a 504 later. A task that has had a turn is not turned away from its next one, since that
    would throw away what its grade has cost so far. `whole`: a turn is a task's until it stops asking, so that the
    answers of several callers do not push each other out of a model that remembers one prompt.
    """

    def __init__(
        self,
        name: str,
        most: int,
        most_waiting: int,
        *,
        whole: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._most = most
        self._most_waiting = most_waiting
        self._whole = whole
        self._clock = clock
        self._free = asyncio.Semaphore(most)
        self._waiting = 0
        self._known: WeakSet[asyncio.Task[object]] = WeakSet()
        self._kept: dict[asyncio.Task[object], tuple[asyncio.TimerHandle, float]] = {}
        self._mean_seconds: float | None = None  # of the newest turns; None before the first
        metrics.labelled(metrics.CALLS_MOST, name).set(most)

    @asynccontextmanager
    async def taken(self, timeout_seconds: float) -> AsyncIterator[float]:
        """A turn, and the seconds that are left of `timeout_seconds` once it has come.

        Raises JudgeUnavailable where the queue is too long, JudgeTimedOut where the turn does not come in time.
        """
        task, asked = asyncio.current_task(), self._clock()
        assert task
        since = self._still(task)
        if since is None:
            since = await self._next(task, timeout_seconds)
        try:
            yield timeout_seconds - (self._clock() - asked)
        finally:
            if self._whole and not (self._waiting and self._clock() - since > _WHOLE_SECONDS):
                later = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._let_go, task)
                self._kept[task] = later, since
            else:
                self._give_back(since)

    @asynccontextmanager
    async def spare(self) -> AsyncIterator[bool]:
        """A turn that nobody waits for; False where there is none."""
        if self._free.locked():
            yield False
            return
        since = await self._take()
        try:
            yield True
        finally:
            self._give_back(since)

    def _still(self, task: "asyncio.Task[object]") -> float | None:
        """When the turn that this task has not let go of began; None where it has none."""
        if task not in self._kept:
            return None
        later, since = self._kept.pop(task)
        later.cancel()
        return since

    async def _next(self, task: "asyncio.Task[object]", timeout_seconds: float) -> float:
        if self._free.locked() and task not in self._known:
            self._turn_away(timeout_seconds)
        asked = self._clock()
        self._waiting += 1
        metrics.labelled(metrics.QUEUED, self._name).inc()
        try:
            with tracing.span("wait for a turn"):
                async with asyncio.timeout(timeout_seconds):
                    since = await self._take()
        except TimeoutError:
            raise JudgeTimedOut(
                f"no call to {self._name!r} came free in {timeout_seconds:.3g} s; allow more, or send less at once"
            ) from None
        finally:
            self._waiting -= 1
            metrics.labelled(metrics.QUEUED, self._name).dec()
            metrics.labelled(metrics.WAIT_SECONDS, self._name).observe(self._clock() - asked)
        self._known.add(task)
        return since

    def _turn_away(self, timeout_seconds: float) -> None:
        """Raises JudgeUnavailable where waiting is in vain."""
        expected = (self._mean_seconds or 0.0) * (self._waiting + 1) / self._most
        if self._waiting < self._most_waiting and expected <= timeout_seconds:
            return
        metrics.labelled(metrics.SHED, self._name).inc()
        seconds = max(1, math.ceil(expected))
        raise JudgeUnavailable(
            f"{self._name!r} is busy, with {self._waiting} calls waiting before this one; try again in {seconds} s",
            retry_after_seconds=seconds,
        )

    async def _take(self) -> float:
        await self._free.acquire()
        metrics.labelled(metrics.IN_FLIGHT, self._name).inc()
        return self._clock()

    def _let_go(self, task: "asyncio.Task[object]") -> None:
        _, since = self._kept.pop(task)
        self._give_back(since)

    def _give_back(self, since: float) -> None:
        seconds = self._clock() - since
        mean = self._mean_seconds
        self._mean_seconds = seconds if mean is None else mean + _NEWEST * (seconds - mean)
        metrics.labelled(metrics.IN_FLIGHT, self._name).dec()
        self._free.release()
