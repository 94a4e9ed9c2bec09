"""What is put around a model: a bound on its calls in flight and those waiting; its calls counted, timed and priced.

A breaker and a hedge have modules of their own. From outside in: Bounded, Breaking, Hedged, Metered, the model itself.
"""

import asyncio
import logging
import time
from collections.abc import Mapping

from opentelemetry.trace import Span, SpanKind

from service import metrics, tracing
from service.core.errors import AnswerTooLong, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, Model, OnText
from service.models.turns import Turns
from service.turnstile import Turnstile

_log = logging.getLogger(__name__)

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
    """A model asked in turns; waiting for one is part of the time that a call has.

    What has come back is let out through a turnstile: where many replies come at once, the calls that waited for their
    turns are sent before all that is done with those replies.
    """

    def __init__(self, model: Model, turns: Turns) -> None:
        super().__init__(model)
        self._turns = turns
        self._out = Turnstile()

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        async with self._turns.taken(timeout_seconds) as left_seconds:
            completion = await self._model.complete(prompt, left_seconds, on_text)
        await self._out.through()
        return completion


class Metered(Around):
    """A model whose calls, tokens, cost and outcomes the metrics know.

    `billed`: somebody may charge for a call that was given up, and nobody says how much, so it is one of unknown price.
    """

    def __init__(self, model: Model, *, billed: bool = False) -> None:
        super().__init__(model)
        self._billed = billed

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        outcome, started = "failed", time.perf_counter()
        try:
            with tracing.span(f"chat {self.name}", self._asked(prompt), kind=SpanKind.CLIENT) as span:
                completion = await self._model.complete(prompt, timeout_seconds, on_text)
                if span.is_recording():
                    _describe(span, completion)
            outcome = "cut_off" if completion.cut_off and prompt.most_tokens > 1 else "ok"
        except BaseException as error:
            outcome = _OUTCOMES.get(type(error), outcome)
            if self._billed and isinstance(error, asyncio.CancelledError | JudgeTimedOut):
                metrics.UNPRICED_CALLS.labels(self.name).inc()
            raise
        finally:
            self._ended(outcome, time.perf_counter() - started)
        self._spent(completion)
        return completion

    def _asked(self, prompt: Prompt) -> Mapping[str, str | int]:
        """A call as OpenTelemetry's conventions for generative AI tell of it."""
        provider, _, model = self.name.rpartition("/")
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider.partition("/")[0] or self.name.partition(":")[0],
            "gen_ai.request.model": model,
            "gen_ai.request.max_tokens": prompt.most_tokens,
        }

    def _ended(self, outcome: str, seconds: float) -> None:
        metrics.labelled(metrics.JUDGE_CALLS, self.name, outcome).inc()
        metrics.observe(metrics.labelled(metrics.JUDGE_SECONDS, self.name), seconds)
        if _log.isEnabledFor(logging.DEBUG):
            said = {"model": self.name, "outcome": outcome, "seconds": round(seconds, 4)}
            _log.debug("model asked", extra=said)

    def _spent(self, completion: Completion) -> None:
        tokens = {
            "input": completion.input_tokens - completion.cached_tokens,
            "cached": completion.cached_tokens,
            "output": completion.output_tokens,
        }
        for kind, count in tokens.items():
            metrics.labelled(metrics.TOKENS, self.name, kind).inc(count)
        if completion.cost_usd is None:
            metrics.UNPRICED_CALLS.labels(self.name).inc()
        else:
            metrics.labelled(metrics.COST_USD, self.name, metrics.QUESTION_SET.get()).inc(completion.cost_usd)


def _describe(span: Span, completion: Completion) -> None:
    """What it took; of what was written, nothing."""
    span.set_attribute("gen_ai.response.finish_reasons", ["length" if completion.cut_off else "stop"])
    span.set_attribute("gen_ai.usage.input_tokens", completion.input_tokens)
    span.set_attribute("gen_ai.usage.cache_read.input_tokens", completion.cached_tokens)
    span.set_attribute("gen_ai.usage.output_tokens", completion.output_tokens)
    tracing.noted_on(span, cost_usd=completion.cost_usd)
