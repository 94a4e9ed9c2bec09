"""What is put around a model: a bound on its calls in flight; its calls counted, timed and priced."""

import asyncio

from service import metrics
from service.core.errors import AnswerTooLong, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, Model, OnText

_OUTCOMES = {
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
    """A model asked at most `most` things at once; the rest wait their turn, within their own deadlines."""

    def __init__(self, model: Model, most: int) -> None:
        super().__init__(model)
        self._turns = asyncio.Semaphore(most)

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        async with self._turns:
            return await self._model.complete(prompt, timeout_seconds, on_text)


class Metered(Around):
    """A model whose calls, tokens, cost and outcomes the metrics know."""

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        outcome = "failed"
        try:
            with metrics.JUDGE_SECONDS.labels(self.name).time():
                completion = await self._model.complete(prompt, timeout_seconds, on_text)
            outcome = "cut_off" if completion.cut_off and prompt.most_tokens > 1 else "ok"
        except Exception as error:
            outcome = _OUTCOMES.get(type(error), outcome)
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
            metrics.COST_USD.labels(self.name).inc(completion.cost_usd)
