"""What goes through a model while one answer is graded, kept apart from what goes through it for others meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from service.core.errors import GradingError
from service.core.prompt import Prompt
from service.models import Completion, OnText
from service.models.around import Around


@dataclass
class Calls:
    """Replies in the order in which they came, and why other calls brought none (`Type: message`).

    `abouts` is what each reply's prompt said of itself.
    """

    abouts: list[str] = field(default_factory=list)
    replies: list[Completion] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


_CALLS: ContextVar[Calls | None] = ContextVar("calls", default=None)


@contextmanager
def recorded() -> Iterator[Calls]:
    """What is called in here, and in tasks begun in here, is noted; what other tasks call is not."""
    calls = Calls()
    before = _CALLS.set(calls)
    try:
        yield calls
    finally:
        _CALLS.reset(before)


class Recording(Around):
    """A model whose replies and failures are noted for whoever records; outside of `recorded()` it only passes on."""

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        calls = _CALLS.get()
        try:
            completion = await self._model.complete(prompt, timeout_seconds, on_text)
        except (GradingError, asyncio.CancelledError) as error:  # cancelled: the deadline passed meanwhile
            if calls:
                calls.failures.append(told(error))
            raise
        if calls:
            calls.replies.append(completion)
            calls.abouts.append(prompt.about)
        return completion


def told(error: BaseException) -> str:
    """`Type: message`, or the type alone where it has no message."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")
