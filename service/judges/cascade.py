"""Ask a cheap judge about everything, and a strong one about what the cheap one is not sure of.

From how sure on a verdict is kept is chosen offline, by replaying recorded runs of both (`grader eval cascade`), and
stands in a file: GRADER_CASCADE, else cascade.json beside this module.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from service import metrics
from service.core.errors import AnswerTooLong, JudgeFailed
from service.core.frozen import Frozen
from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion, Pitfall, Point
from service.core.verdict import Verdict
from service.judges import Case, Judge, Judgement, asked, total_usd
from service.models import Model

CHOSEN = Path(__file__).with_name("cascade.json")

Least = Annotated[float, Field(ge=0, le=1)] | None


class Keep(Frozen):
    """The least confidence with which the cheap judge's verdict is kept, by kind of criterion; None keeps none."""

    points: Least
    pitfalls: Least
    star: Least

    def holds(self, criterion: Criterion, verdict: Verdict) -> bool:
        """Whether the verdict needs no second opinion. Without a confidence, or disputed among readings, it does."""
        least = {"point": self.points, "pitfall": self.pitfalls, "star": self.star}[_kind(criterion)]
        if least is None or verdict.confidence is None or verdict.disputed:
            return False
        return verdict.confidence >= least


class Choice(Frozen):
    """cascade.json: thresholds, by what they were made, and what is known of how good they are."""

    version: Literal[1]
    made_by: str
    note: str
    keep: Keep


class Cascade:
    """A judge over a cheap one and a strong one.

    A weak verdict is told at once, though not as final, and again once the strong judge has decided. So it stands
    where the strong one fails, says nothing or comes too late, and is not remembered then. A failure of either is
    raised only where nothing at all is known.
    """

    name = "cascade"
    rounds = 1  # each of the two asks again by itself

    def __init__(self, cheap: Judge, strong: Judge, keep: Keep) -> None:
        self.judges: tuple[Judge, ...] = (cheap, strong)
        self.model: Model = cheap.model
        self._keep = keep

    @property
    def identity(self) -> str:
        cheap, strong = self.judges
        return f"{self.name} [{cheap.identity}] then [{strong.identity}] {self._keep}"

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        """The cheap judge's."""
        return self.judges[0].prompt_for(criterion)

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        cheap, strong = self.judges
        by_id = {criterion.id: criterion for criterion in criteria}
        doubtful = dict(by_id)
        weak: dict[str, Judgement] = {}
        failure: JudgeFailed | AnswerTooLong | None = None
        try:
            async with aclosing(asked(cheap, case.share(2), criteria)) as judgements:
                async for judgement in judgements:
                    name = judgement.verdict.criterion_id
                    if judgement.final and self._keep.holds(by_id[name], judgement.verdict):
                        del doubtful[name]
                        yield judgement
                    else:
                        weak[name] = judgement
                        yield judgement._replace(final=False)
        except (JudgeFailed, AnswerTooLong) as error:
            failure = error
        nothing_known = len(doubtful) == len(by_id) and not weak
        for criterion in doubtful.values():
            metrics.ESCALATIONS.labels(_kind(criterion)).inc()
        try:
            async with aclosing(asked(strong, case, tuple(doubtful.values()))) as judgements:
                async for judgement in judgements:
                    nothing_known = False
                    earlier = weak.get(judgement.verdict.criterion_id)
                    cost_usd = total_usd(j.cost_usd for j in (earlier, judgement) if j)
                    yield judgement._replace(cost_usd=cost_usd)
        except (JudgeFailed, AnswerTooLong) as error:
            failure = error
        if failure and nothing_known:
            raise failure


def _kind(criterion: Criterion) -> Literal["point", "pitfall", "star"]:
    """As metrics name it."""
    return "point" if isinstance(criterion, Point) else "pitfall" if isinstance(criterion, Pitfall) else "star"
