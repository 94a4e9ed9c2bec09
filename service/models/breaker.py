"""Leave a model alone for a while that has failed again and again: a circuit breaker around its calls."""

import math
from typing import Any

from interlock import CircuitBreaker, CircuitOpenError, Config
from interlock.protocols import Clock, CoreEventListener

from service import metrics
from service.core.errors import JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, Model, OnText
from service.models.around import Around

_GAUGE = {"closed": 0, "half_open": 1, "open": 2}


class _TooShort(BaseException):
    """Carries a time-out that says nothing of the model past the breaker, which counts exceptions of other bases."""

    def __init__(self, error: JudgeTimedOut) -> None:
        self.error = error


class Breaking(Around):
    """A model that is not asked for `open_seconds` once half of its last 2 × `failures` calls, or of the first
    `failures`, brought nothing. Then one call at a time is let through: a good one closes the breaker, a bad one opens
    it again. While it is open, JudgeUnavailable comes at once, so that a fallback takes over.

    Unreachable, overloaded and late is failing. A refusal is an answer, and so is "too long"; a cancelled call counts
    as nothing, and so does a time-out in less than `patience_seconds`, or an impatient caller could open it for all.
    """

    def __init__(
        self, model: Model, failures: int, open_seconds: float, patience_seconds: float, clock: Clock | None = None
    ) -> None:
        super().__init__(model)
        self._patience_seconds = patience_seconds
        self._breaker = CircuitBreaker(
            name=model.name,
            config=Config(
                failure_rate_threshold=0.5,
                minimum_number_of_calls=failures,
                window_size=2 * failures,
                permitted_calls_in_half_open=1,
                wait_duration_in_open=open_seconds,
                slow_call_duration_threshold=math.inf,  # slowness is the deadline's matter
            ),
            clock=clock,
            classifier=_Failing(),
            listener=_Watched(),
        )
        metrics.BREAKER_STATE.labels(model.name).set(_GAUGE["closed"])

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        try:
            return await self._breaker.call_async(self._ask, prompt, timeout_seconds, on_text)
        except CircuitOpenError as closed_door:
            seconds = max(1, math.ceil(closed_door.retry_after or 0.0))
            raise JudgeUnavailable(
                f"{self.name!r} has failed too often and is left alone for now; try again in {seconds} s",
                retry_after_seconds=seconds,
            ) from None
        except _TooShort as carried:
            raise carried.error from None

    async def _ask(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None) -> Completion:
        try:
            return await self._model.complete(prompt, timeout_seconds, on_text)
        except JudgeTimedOut as error:
            if timeout_seconds < self._patience_seconds:
                raise _TooShort(error) from None
            raise


class _Failing:
    def is_failure(self, *, result: object, exception: Exception | None) -> bool:  # noqa: ARG002 - the library's form
        return isinstance(exception, JudgeUnavailable | JudgeTimedOut)


class _Watched(CoreEventListener):
    """Keeps the metrics up to date."""

    def on_state_change(self, *, name: str, old: Any, new: Any) -> None:  # noqa: ARG002
        metrics.BREAKER_STATE.labels(name).set(_GAUGE[new])

    def on_rejected(self, *, name: str) -> None:
        metrics.BREAKER_REJECTIONS.labels(name).inc()
