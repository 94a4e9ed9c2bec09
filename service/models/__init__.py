"""How a model is reached: one narrow seam, text (and the odds of its first token) out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from service.core.prompt import Prompt

OnText = Callable[[str], None]
"""Told each piece of a reply as it is written. It must not wait."""


@dataclass(frozen=True)
class Completion:
    """What a model wrote.

    `first_token_odds`: probability of each of the likeliest first tokens, None unless the prompt asked for them.
    `input_tokens` includes `cached_tokens`, those the model did not have to read again. `cost_usd` is None where the
    price is unknown. `cut_off`: it stopped at the prompt's most_tokens, or its connection broke after it had begun to
    be told piece by piece. `seconds` is the time it took, waits included.
    `calls`: two where a slow one was made again beside it (see `service.models.hedge`), whose cost counts too.
    """

    text: str
    model: str
    first_token_odds: Mapping[str, float] | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    cut_off: bool = False
    seconds: float = 0.0
    calls: int = 1


class Model(Protocol):
    """A language model behind whatever wire. `name` is shown to callers; `identity` tells any two apart whose
    verdicts may differ, so that one's are never taken for the other's; `gives_odds`: can report first-token odds.
    """

    @property
    def name(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def gives_odds(self) -> bool: ...

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        """Raises JudgeUnavailable, JudgeTimedOut, JudgeRefused, AnswerTooLong.

        `on_text` is told the text as it is written; by a model that cannot, never. The completion has all of it, and
        its pieces are of no other attempt: once one has been told, nothing is tried again.
        """
        ...

    async def warm(self) -> None:
        """Do now what the first call would otherwise wait for: imports, loading weights."""
        ...

    async def close(self) -> None:
        """Let go of connections and memory."""
        ...
