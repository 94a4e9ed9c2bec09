"""Choose how sure a cascade's cheap judge has to be, by replaying recorded runs of both judges; no model is asked.

Record a run of each judge alone over the same golden answers. For every threshold the replay knows what the cascade
would have said, how well that agrees with the labels, and how much would have gone to the strong judge.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from evals.agreement import cohen_kappa
from evals.cost import total, usd_of
from evals.golden import GoldenAnswer
from evals.pairs import KINDS, LEVELS, Kind, Pair, pairs_of
from evals.records import Record
from service.catalog import Catalog
from service.core.grade import CriterionGrade, PartGrade
from service.core.rubric import StarPart
from service.judges.cascade import Choice, Keep

STEPS: tuple[float | None, ...] = (0.0, *(n / 100 for n in range(50, 101)), None)
"""Thresholds to try, in rising order; None keeps nothing of the cheap judge."""
SLACK = 0.01  # of kappa, which fewer calls are worth


class Twice(NamedTuple):
    """One labelled criterion as both judges read it. Levels are numbers into LEVELS; None: unassessed.

    `confidence` is the cheap judge's, None where it has none or its readings disputed the level. The costs, in US
    dollars, are the criterion's share of its answer's; None if a price is unknown.
    """

    confidence: float | None
    cheap: int | None
    strong: int | None
    human: int
    question: str
    cheap_usd: float | None = 0.0
    strong_usd: float | None = 0.0

    def escalated(self, keep: float | None) -> bool:
        """Whether it goes to the strong judge at this threshold."""
        return keep is None or self.cheap is None or self.confidence is None or self.confidence < keep

    def level(self, keep: float | None) -> int | None:
        """What stands in the end: the cheap judge's level where the strong one has none."""
        return self.strong if self.escalated(keep) and self.strong is not None else self.cheap


class Outcome(NamedTuple):
    """What comes of judging so: kappa of met (present, committed) or not against the labels, None where undefined.

    `escalated` is the share of criteria put to the strong judge. `cost_usd` adds up shares of whole answers' costs, and
    so is too low for a strong judge that reads the answer anew however little it is asked; None if a price is unknown.
    """

    kappa: float | None
    escalated: float
    cost_usd: float | None
    undecided: int


class Step(NamedTuple):
    """A threshold and its outcome."""

    keep: float | None
    outcome: Outcome


class Replay(NamedTuple):
    """One kind of criterion. `cheap` and `strong` are each judge alone.

    `chosen` is None where kappa is undefined throughout. `held_out` is what to expect of the choice: each question is
    judged by a threshold that was chosen on all others. It is None with one question only.
    """

    criteria: int
    questions: int
    cheap: Outcome
    strong: Outcome
    steps: tuple[Step, ...]
    chosen: Step | None
    held_out: Outcome | None

    @property
    def tells_nothing(self) -> bool:
        """Whether no verdict of the cheap judge bears a confidence by which it could be kept."""
        return self.steps[0].outcome.escalated == 1


def replay(
    golden: Sequence[GoldenAnswer], cheap: Iterable[Record], strong: Iterable[Record], catalog: Catalog
) -> dict[Kind, Replay]:
    """By kind; a kind without a label is left out. Of several readings the first counts."""
    found = twice_of(golden, cheap, strong, catalog)
    return {kind: replayed(found[kind], len(LEVELS[kind]) - 1) for kind in KINDS if found[kind]}


def choice_of(replays: Mapping[Kind, Replay], made_by: str, note: str) -> Choice:
    """What to write as cascade.json. Of a kind for which nothing could be chosen, nothing is kept."""
    keep = {kind: chosen.keep if (chosen := found.chosen) else None for kind, found in replays.items()}
    return Choice(version=1, made_by=made_by, note=note, keep=Keep(**{kind: keep.get(kind) for kind in KINDS}))


def replayed(twice: Sequence[Twice], top: int) -> Replay:
    """All that a replay tells of one kind, whose highest level is `top`."""
    steps = sweep(twice, top)
    return Replay(
        criteria=len(twice),
        questions=len({one.question for one in twice}),
        cheap=_outcome(twice, [one.cheap for one in twice], [False] * len(twice), top),
        strong=_outcome(
            [one._replace(cheap_usd=0.0) for one in twice], [one.strong for one in twice], [True] * len(twice), top
        ),
        steps=steps,
        chosen=best_of(steps),
        held_out=held_out(twice, top),
    )


def sweep(twice: Sequence[Twice], top: int) -> tuple[Step, ...]:
    """The outcome at each threshold of STEPS."""
    return tuple(Step(keep, _at(twice, [keep] * len(twice), top)) for keep in STEPS)


def best_of(steps: Sequence[Step]) -> Step | None:
    """The least escalation whose kappa is within SLACK of the best, which always asking the strong judge may be.

    Of several with the same the highest threshold, as the most cautious; None where every kappa is undefined.
    """
    known = [(step, step.outcome.kappa) for step in steps if step.outcome.kappa is not None]
    if not known:
        return None
    enough = max(kappa for _, kappa in known) - SLACK
    good = [step for step, kappa in known if kappa >= enough]
    return min(good, key=lambda step: (step.outcome.escalated, -math.inf if step.keep is None else -step.keep))


def held_out(twice: Sequence[Twice], top: int) -> Outcome | None:
    """The outcome when each question's threshold is chosen on all other questions; where none can be, nothing is kept.

    None with fewer than two questions.
    """
    questions = {one.question for one in twice}
    if len(questions) < 2:
        return None
    chosen = {
        question: best_of(sweep([one for one in twice if one.question != question], top)) for question in questions
    }
    keeps = [step.keep if (step := chosen[one.question]) else None for one in twice]
    return _at(twice, keeps, top)


def twice_of(
    golden: Sequence[GoldenAnswer], cheap: Iterable[Record], strong: Iterable[Record], catalog: Catalog
) -> dict[Kind, list[Twice]]:
    """Each labelled criterion of answers that both runs have, by kind.

    What code decided is left out: points derived from STAR, answers with nothing to grade.
    """
    first, second = _first(cheap), _first(strong)
    common = [name for name in first if name in second and "abstained" not in (first[name].status, second[name].status)]
    left = _pairs(golden, [first[name] for name in common], catalog)
    right = _pairs(golden, [second[name] for name in common], catalog)
    labelled = Counter(name for name, _ in left | right)
    found: dict[Kind, list[Twice]] = {kind: [] for kind in KINDS}
    for key, pair in (right | left).items():  # a failed record has no pairs, so either side may lack them
        name, criterion_id = key
        found[pair.kind].append(
            Twice(
                confidence=_confidence(first[name], criterion_id),
                cheap=left[key].judge if key in left else None,
                strong=right[key].judge if key in right else None,
                human=pair.human,
                question=pair.question,
                cheap_usd=_share(usd_of(first[name]), labelled[name]),
                strong_usd=_share(usd_of(second[name]), labelled[name]),
            )
        )
    return found


def _at(twice: Sequence[Twice], keeps: Sequence[float | None], top: int) -> Outcome:
    levels = [one.level(keep) for one, keep in zip(twice, keeps, strict=True)]
    escalated = [one.escalated(keep) for one, keep in zip(twice, keeps, strict=True)]
    return _outcome(twice, levels, escalated, top)


def _outcome(twice: Sequence[Twice], levels: Sequence[int | None], escalated: Sequence[bool], top: int) -> Outcome:
    decided = [(one.human == top, level == top) for one, level in zip(twice, levels, strict=True) if level is not None]
    spent = [one.cheap_usd for one in twice]
    spent += [one.strong_usd for one, far in zip(twice, escalated, strict=True) if far]
    return Outcome(
        kappa=cohen_kappa([human for human, _ in decided], [judge for _, judge in decided]),
        escalated=sum(escalated) / len(twice) if twice else 0.0,
        cost_usd=total(spent),
        undecided=len(twice) - len(decided),
    )


def _first(records: Iterable[Record]) -> dict[str, Record]:
    return {record.golden_id: record for record in sorted(records, key=lambda r: r.reading, reverse=True)}


def _pairs(golden: Sequence[GoldenAnswer], records: Sequence[Record], catalog: Catalog) -> dict[tuple[str, str], Pair]:
    pairs = pairs_of(golden, records, catalog)
    return {(pair.golden_id, pair.criterion_id): pair for pair in pairs if not pair.derived}


def _confidence(record: Record, criterion_id: str) -> float | None:
    if record.grade is None:
        return None
    star = record.grade.star
    said: dict[str, CriterionGrade | PartGrade] = {c.id: c for c in (*record.grade.points, *record.grade.pitfalls)}
    said |= {part.value: getattr(star, part.value) for part in StarPart if star}
    decided = said.get(criterion_id)
    return None if decided is None or decided.disputed else decided.confidence


def _share(usd: float | None, among: int) -> float | None:
    return None if usd is None else usd / among
