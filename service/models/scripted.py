"""A model that says what it was told to: a fake, for tests and demos. It judges nothing."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping

from service.core.errors import GradingError
from service.core.prompt import Prompt
from service.models import Completion

Line = str | Mapping[str, float] | GradingError
"""A reply's text, or the odds of its first token, or an error to raise."""


class ScriptedModel:
    """Gives its lines in turn, then the last one for ever, or asks a function of the prompt. Keeps all prompts."""

    gives_odds = True

    def __init__(self, script: Iterable[Line] | Callable[[Prompt], Line], *, cost_usd: float | None = 0.0) -> None:
        self.name = self.identity = "scripted"
        self.prompts: list[Prompt] = []
        self._cost_usd = cost_usd
        self._line = script if callable(script) else _in_turn(script)

    async def complete(self, prompt: Prompt, timeout_seconds: float) -> Completion:  # noqa: ARG002 - never waits
        self.prompts.append(prompt)
        line = self._line(prompt)
        if isinstance(line, GradingError):
            raise line
        text = line if isinstance(line, str) else max(line, key=lambda token: line[token])
        return Completion(
            text=text,
            model=self.name,
            first_token_odds=None if isinstance(line, str) else line,
            input_tokens=_tokens(prompt.system) + _tokens(prompt.user),
            output_tokens=_tokens(text),
            cost_usd=self._cost_usd,
        )

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
