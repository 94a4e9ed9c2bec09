"""A model that says what it was told to: a fake, for tests and demos. It judges nothing."""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterable, Mapping

from service.core.errors import GradingError, JudgeTimedOut
from service.core.prompt import Prompt
from service.models import Completion, OnText

Line = str | Mapping[str, float] | GradingError
"""A reply's text, or the odds of its first token, or an error to raise."""

_PIECE = 4  # characters of a reply that is told piece by piece


class ScriptedModel:
    """Gives its lines in turn, then the last one for ever, or asks a function of the prompt. Keeps all prompts.

    `seconds` is how long it takes to write one, evenly; errors are raised when that time is over.
    """

    gives_odds = True

    def __init__(
        self,
        script: Iterable[Line] | Callable[[Prompt], Line],
        *,
        cost_usd: float | None = 0.0,
        seconds: float = 0.0,
    ) -> None:
        self.name = self.identity = "scripted"
        self.prompts: list[Prompt] = []
        self._cost_usd = cost_usd
        self._seconds = seconds
        self._line = script if callable(script) else _in_turn(script)

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        self.prompts.append(prompt)
        line = self._line(prompt)
        text = (
            line if isinstance(line, str) else "" if isinstance(line, GradingError) else max(line, key=line.__getitem__)
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._write(text, on_text)
        except TimeoutError:
            raise JudgeTimedOut(
                f"{self.name!r} was told to take {self._seconds:g} seconds, and was given less"
            ) from None
        if isinstance(line, GradingError):
            raise line
        return Completion(
            text=text,
            model=self.name,
            first_token_odds=None if isinstance(line, str) else line,
            input_tokens=_tokens(prompt.system) + _tokens(prompt.user),
            output_tokens=_tokens(text),
            cost_usd=self._cost_usd,
        )

    async def _write(self, text: str, on_text: OnText | None) -> None:
        if on_text is None:
            await asyncio.sleep(self._seconds)
            return
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)] or [""]
        for piece in pieces:
            await asyncio.sleep(self._seconds / len(pieces))
            on_text(piece)

    async def warm(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to let go of."""


def _in_turn(script: Iterable[Line]) -> Callable[[Prompt], Line]:
    lines, calls = tuple(script), itertools.count()
    return lambda _: lines[min(next(calls), len(lines) - 1)]


def _tokens(text: str) -> int:
    """About as many as a tokenizer would count."""
    return len(re.findall(r"\w+|[^\w\s]", text))
