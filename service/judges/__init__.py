"""How a model is asked: a Judge is given the outstanding criteria and yields verdicts as they are known."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from service.core.answer import Answer
from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion
from service.core.verdict import Verdict
from service.models import Completion, Model


class Judgement(NamedTuple):
    """A verdict and its share of what its call cost; None where the price is unknown."""

    verdict: Verdict
    cost_usd: float | None


@dataclass
class Case:
    """One answer before its judges: how it is fenced, how long there is, and what their calls have used so far."""

    question: str
    answer: Answer
    fence: str
    seconds_left: Callable[[], float]
    completions: list[Completion] = field(default_factory=list)


class Judge(Protocol):
    """`rounds`: how often it is worth asking about what it left out; once where it would say the same again."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> Model: ...
    @property
    def rounds(self) -> int: ...

    @property
    def identity(self) -> str:
        """All that shapes its verdicts beside the prompt's wording. Its model must be warm."""
        ...

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        """The template by which it judges this criterion."""
        ...

    def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        """Verdicts on these criteria, perhaps fewer than asked. Raises JudgeFailed, AnswerTooLong.

        What was yielded before a failure stands.
        """
        ...
