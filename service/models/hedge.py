"""Ask a second time where a reply is later than nearly all before it, and take whichever comes first."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from service import metrics
from service.core.errors import JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, Model, OnText
from service.models.around import Around
from service.models.turns import Turns

_SHARE = 0.95  # of calls that are quicker than one that is worth a second
_REMEMBERED = 200
_LEAST = 20  # calls before a 95th percentile means something

_Call = asyncio.Task[Completion]


class Hedged(Around):
    """A model whose slowest twentieth of calls are made twice, where `turns` has one to spare: under load a second
    call would only take another's place.

    The first good reply wins and the other call is cancelled. What that one cost nobody says, so the completion's
    `cost_usd` is None then, while its `calls` are 2.
    """

    def __init__(self, model: Model, turns: Turns, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(model)
        self._turns = turns
        self._clock = clock
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        if on_text:  # a reply that is read as it is written cannot be two
            return await self._model.complete(prompt, timeout_seconds, on_text)
        patience, started = self._usual_seconds(), self._clock()
        calls: list[_Call] = [asyncio.create_task(self._model.complete(prompt, timeout_seconds))]
        overtaken = False
        try:
            await asyncio.wait(calls, timeout=patience)
            if calls[0].done():
                return calls[0].result()
            async with self._turns.spare() as there_is_one:
                if not there_is_one:
                    return await calls[0]
                left = timeout_seconds - (self._clock() - started)
                calls.append(asyncio.create_task(self._model.complete(prompt, left)))
                winner = await _first_good(calls)
                overtaken = winner is not calls[0]
                metrics.HEDGES.labels(self.name, _who(calls, winner)).inc()
                return replace(winner.result(), calls=2, cost_usd=_cost_usd(calls))
        finally:
            # Of one that was overtaken the time so far: the least that it would have taken.
            if overtaken or _good(calls[0]):
                self._seconds.append(self._clock() - started)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    def _usual_seconds(self) -> float | None:
        """The time within which 95 % of the last calls were done; None before there were enough."""
        if len(self._seconds) < _LEAST:
            return None
        return sorted(self._seconds)[int(_SHARE * len(self._seconds))]


async def _first_good(calls: list[_Call]) -> _Call:
    """The call that decides: the first with a reply, or with a refusal, which would come again; else the first."""
    pending = set(calls)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for call in calls:
            if call in done and not isinstance(call.exception(), JudgeUnavailable | JudgeTimedOut):
                return call
    return calls[0]


def _who(calls: list[_Call], winner: _Call) -> str:
    """As the metrics name it."""
    return "none" if winner.exception() else "first" if winner is calls[0] else "second"


def _cost_usd(calls: list[_Call]) -> float | None:
    """Of both, where both were done and priced."""
    costs = [call.result().cost_usd if _good(call) else None for call in calls]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(calls) else None


def _good(call: _Call) -> bool:
    return call.done() and not call.cancelled() and call.exception() is None
