"""What is put around a model: a bound on its calls in flight and those waiting; its calls counted, timed and priced.

A breaker and a hedge have modules of their own. From outside in: Bounded, Breaking, Hedged, Metered, the model itself.
"""

import asyncio

from service import metrics
from service.core.errors import AnswerTooLong, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, Model, OnText
from service.models.turns import Turns

_OUTCOMES: dict[type[BaseException], str] = {
    asyncio.CancelledError: "cancelled",
    JudgeUnavailable: "unavailable",
    JudgeTimedOut: "timed_out",
    JudgeRefused: "refused",
    AnswerTooLong: "too_long",
}


class Around:
    """All of a model but its `complete`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def identity(self) -> str:
        return self._model.identity

    @property
    def gives_odds(self) -> bool:
        return self._model.gives_odds

    async def warm(self) -> None:
        await self._model.warm()

    async def close(self) -> None:
        await self._model.close()


class Bounded(Around):
    """A model asked in turns; waiting for one is part of the time that a call has."""

    def __init__(self, model: Model, turns: Turns) -> None:
        super().__init__(model)
        self._turns = turns

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        async with self._turns.taken(timeout_seconds) as left_seconds:
            return await self._model.complete(prompt, left_seconds, on_text)


class Metered(Around):
    """A model whose calls, tokens, cost and outcomes the metrics know.

    `billed`: somebody may charge for a call that was given up, and nobody says how much, so it is one of unknown price.
    """

    def __init__(self, model: Model, *, billed: bool = False) -> None:
        super().__init__(model)
        self._billed = billed

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        outcome = "failed"
        try:
            with metrics.JUDGE_SECONDS.labels(self.name).time():
                completion = await self._model.complete(prompt, timeout_seconds, on_text)
            outcome = "cut_off" if completion.cut_off and prompt.most_tokens > 1 else "ok"
        except BaseException as error:
            outcome = _OUTCOMES.get(type(error), outcome)
            if self._billed and isinstance(error, asyncio.CancelledError | JudgeTimedOut):
                metrics.UNPRICED_CALLS.labels(self.name).inc()
            raise
        finally:
            metrics.JUDGE_CALLS.labels(self.name, outcome).inc()
        self._spent(completion)
        return completion

    def _spent(self, completion: Completion) -> None:
        tokens = {
            "input": completion.input_tokens - completion.cached_tokens,
            "cached": completion.cached_tokens,
            "output": completion.output_tokens,
        }
        for kind, count in tokens.items():
            metrics.TOKENS.labels(self.name, kind).inc(count)
        if completion.cost_usd is None:
            metrics.UNPRICED_CALLS.labels(self.name).inc()
        else:
            metrics.COST_USD.labels(self.name, metrics.QUESTION_SET.get()).inc(completion.cost_usd)
