"""How a model is asked: a Judge is given the outstanding criteria and yields verdicts as they are known."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, runtime_checkable

from service import metrics, tracing
from service.core.answer import Answer, Sentence
from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion
from service.core.verdict import Verdict
from service.models import Completion, Model


class Judgement(NamedTuple):
    """A verdict and its share of what its calls cost; None where a price is unknown.

    One that is not `final` stands if nothing better follows from the same judge, and is not worth remembering.
    """

    verdict: Verdict
    cost_usd: float | None
    final: bool = True


@dataclass
class Case:
    """One answer before its judges: how it is fenced, how long there is, and what their calls have used so far.

    `example` is the rubric's example of a good answer, None where it has none.
    `unheard`: numbers of sentences that are kept from judges.
    `early`: somebody waits for each verdict, so a model is to be read while it still writes.
    """

    question: str
    answer: Answer
    fence: str
    seconds_left: Callable[[], float]
    completions: list[Completion] = field(default_factory=list)
    example: str | None = None
    early: bool = False
    unheard: frozenset[int] = frozenset()

    @property
    def heard(self) -> tuple[Sentence, ...]:
        """The sentences that a judge is to read."""
        return self.answer.without(self.unheard)

    def share(self, among: int) -> "Case":
        """The same case with an even part of the time that is left, for the first of `among` judges.

        So one that stalls cannot use up what those after it need. One that is done early leaves them all the rest.
        The part ends a little before its time, for the model to say itself that it is late.
        """
        left = self.seconds_left()
        part = left / among
        kept = left - part + min(0.05, part / 50)
        return replace(self, seconds_left=lambda: self.seconds_left() - kept)


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


@runtime_checkable
class OfJudges(Protocol):
    """A judge that puts its question to other judges."""

    @property
    def judges(self) -> tuple[Judge, ...]: ...


@runtime_checkable
class BesideExample(Protocol):
    """A judge that may look at the rubric's example answer."""

    @property
    def reads_example(self) -> bool: ...


async def asked(judge: Judge, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
    """All that a judge has to say: asked once, and about what it left out as often as is worth it. Raises as `assess`.

    What was yielded before a failure stands.
    """
    left = tuple(criteria)
    for round_number in range(judge.rounds):
        if not left:
            return
        if round_number:
            metrics.REPAIRS.inc()
        said: set[str] = set()
        # A grade's judges are followed by one task from beginning to end, so a span may last across what they yield.
        with tracing.span(
            "repair" if round_number else "judge", {"grader.judge": judge.name, "grader.criteria": len(left)}
        ):
            async with aclosing(judge.assess(case, left)) as judgements:
                async for judgement in judgements:
                    said.add(judgement.verdict.criterion_id)
                    yield judgement
        left = tuple(criterion for criterion in left if criterion.id not in said)
        if left:
            metrics.UNREADABLE.labels(judge.model.name, "some" if said else "all").inc()


def prompts_of(judge: Judge, criterion: Criterion) -> tuple[PromptTemplate, ...]:
    """Every template by which this judge, or one that it asks, judges the criterion; none twice."""
    inner: tuple[Judge, ...] = getattr(judge, "judges", ())  # of an OfJudges; isinstance looks at a protocol for long
    if not inner:
        return (judge.prompt_for(criterion),)
    return tuple(dict.fromkeys(template for each in inner for template in prompts_of(each, criterion)))


def reads_example(judge: Judge) -> bool:
    """Whether the rubric's example answer shapes this judge's verdicts, or those of one that it asks."""
    if isinstance(judge, OfJudges):
        return any(reads_example(inner) for inner in judge.judges)
    return isinstance(judge, BesideExample) and judge.reads_example


def total_usd(costs: Iterable[float | None]) -> float | None:
    """None if one of them is unknown."""
    known = list(costs)
    return None if None in known else sum(cost for cost in known if cost is not None)
