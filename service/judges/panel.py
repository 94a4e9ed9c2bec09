"""Read an answer several times and let the readings vote: their agreement becomes the confidence.

All criteria are read twice. Where the two agree, that is the verdict; only what is in dispute is read again. Readings
of one judge have to differ, or they would agree about anything: in one call the criteria come in rotated order, per
criterion the question comes in another wording.
"""

import hashlib
import statistics
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion, Pitfall, Point
from service.core.verdict import Level, Verdict
from service.judges import Case, Judge, Judgement, asked, reads_example, total_usd
from service.models import Model

MOST_SAMPLES = 5


class Rotated:
    """The `turn`th of `turns` readings by one judge: it meets the criteria in an order of its own.

    The answer stands behind a mark of its own, too: a single criterion has but one order, and at temperature 0 the same
    prompt would say the same again. Turn 0 asks exactly what the judge alone would ask.
    """

    def __init__(self, judge: Judge, turn: int, turns: int) -> None:
        self.name = judge.name
        self.model: Model = judge.model
        self.rounds = judge.rounds
        self.reads_example = reads_example(judge)
        self._judge = judge
        self._turn, self._turns = turn, turns

    @property
    def identity(self) -> str:
        return f"{self._judge.identity} turn {self._turn} of {self._turns}"

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        return self._judge.prompt_for(criterion)

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        # Rounded up, so that turns 0 and 1 differ wherever there are two criteria.
        first = -(-self._turn * len(criteria) // self._turns)
        order = (*criteria[first:], *criteria[:first])
        async with aclosing(self._judge.assess(replace(case, fence=self._mark(case.fence)), order)) as judgements:
            async for judgement in judgements:
                yield judgement

    def _mark(self, fence: str) -> str:
        """As unknowable as the mark it is made of, and as long."""
        if not self._turn:
            return fence
        return hashlib.sha256(f"{fence} {self._turn}".encode()).hexdigest()[: len(fence)]


class Panel:
    """A judge over two readings or more. A criterion that fewer than two could read is left out: one agrees with none.

    So is one whose readings a failure cut short before they agreed.
    """

    name = "panel"
    rounds = 1  # each reading asks again by itself

    def __init__(self, readings: Sequence[Judge]) -> None:
        if len(readings) < 2:
            raise ValueError(f"a panel needs two readings or more, and was given {len(readings)}")
        self.judges: tuple[Judge, ...] = tuple(readings)
        self.model: Model = readings[0].model

    @property
    def identity(self) -> str:
        return f"{self.name} of {len(self.judges)} [{'; '.join(reading.identity for reading in self.judges)}]"

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        """The first reading's."""
        return self.judges[0].prompt_for(criterion)

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        votes: dict[str, list[Judgement]] = {criterion.id: [] for criterion in criteria}
        left = {criterion.id: criterion for criterion in criteria}
        for reading in self.judges:
            async with aclosing(asked(reading, case, tuple(left.values()))) as judgements:
                async for judgement in judgements:
                    if not judgement.final:
                        continue
                    name = judgement.verdict.criterion_id
                    votes[name].append(judgement)
                    if self._closed(votes[name]):  # told at once
                        for joint in _joint(left.pop(name), votes[name]):
                            yield joint
        for name, criterion in left.items():
            for joint in _joint(criterion, votes[name]):
                yield joint

    def _closed(self, votes: Sequence[Judgement]) -> bool:
        """Whether nobody else votes: the first two agree, or all have voted."""
        agree = len(votes) == 2 and votes[0].verdict.level == votes[1].verdict.level
        return agree or len(votes) == len(self.judges)


def _joint(criterion: Criterion, votes: Sequence[Judgement]) -> list[Judgement]:
    """The one judgement that is made of all; none where they decide nothing."""
    verdict = voted(criterion, [vote.verdict for vote in votes])
    return [Judgement(verdict, total_usd(vote.cost_usd for vote in votes))] if verdict else []


def voted(criterion: Criterion, votes: Sequence[Verdict]) -> Verdict | None:
    """What the readings decide together; None of fewer than two.

    The level is the one with most votes. Of several with most: among three levels the median of all votes, the lower
    of two that are neighbours, so that partial lies between met and missed; of a pitfall the side on which the mean
    probability lies, and None where that is 0.5. `confidence` is the share of readings that gave this level, and
    `probability` their mean, a reading without one counting by its level: 1, 0.5 or 0. Evidence, mention and reason
    are of the first reading that gave the level; where none did, of the first with the highest.
    """
    if len(votes) < 2:
        return None
    scale = _scale(criterion)
    heights = [scale.index(vote.level) for vote in votes]
    top = len(scale) - 1
    probability = statistics.fmean(
        height / top if vote.probability is None else vote.probability
        for vote, height in zip(votes, heights, strict=True)
    )
    height = _height(heights, top, probability)
    if height is None:
        return None
    source = heights.index(height if height in heights else max(heights))
    return votes[source].model_copy(
        update={
            "level": scale[height],
            "confidence": round(heights.count(height) / len(votes), 4),
            "probability": round(probability, 4),
            "disputed": len(set(heights)) > 1,
        }
    )


def _height(heights: Sequence[int], top: int, probability: float) -> int | None:
    (first, most), *others = Counter(heights).most_common()
    if not others or others[0][1] < most:
        return first
    if top > 1:
        return int(statistics.median(heights))
    return None if probability == 0.5 else int(probability > 0.5)


def _scale(criterion: Criterion) -> tuple[Level, ...]:
    """The criterion's levels, rising."""
    match criterion:
        case Point():
            return "missed", "partial", "met"
        case Pitfall():
            return "avoided", "committed"
        case _:
            return "absent", "partial", "present"
