"""Whether the judge's score hangs on what should not count: pairs of answers that say the same in two guises.

Two golden answers are a pair by their tags: both bear `pair:NAME` and `fairness:FAMILY`, one `side:a`, the other
`side:b`. The family says what differs (typed against transcript, native against learner, short against padded …).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evals.golden import GoldenAnswer, guise_of
from evals.intervals import Indices
from evals.measures import Figure, range_of
from evals.pairs import Material
from service.core.frozen import Frozen
from service.core.grade import Grade
from service.core.rubric import StarPart


class Gap(Frozen):
    """A family's pairs: the judge's score of side a less that of side b, in points of 100.

    `mean_absolute` and `largest` (with its pair) hide no differences that cancel out. `human` is the mean difference
    by the human's scores, which is near 0 where the pairs are as alike as they should be; None without such scores.
    `verdicts_differ`: share of criteria, decided on both sides, with another verdict.
    """

    family: str
    difference: Figure
    mean_absolute: float | None
    largest: float | None
    largest_pair: str | None
    human: float | None
    verdicts_differ: float | None


class Fairness(Frozen):
    """`left_out` names the pairs that could not be compared, each with the reason."""

    gaps: tuple[Gap, ...]
    left_out: tuple[str, ...]


class _Side(NamedTuple):
    """One answer, the mean taken over its readings; None where there is no score."""

    score: float | None
    human: float | None
    verdicts: Mapping[tuple[str, int], str]


class _Twins(NamedTuple):
    name: str
    a: _Side
    b: _Side


def fairness_of(
    golden: Sequence[GoldenAnswer], material: Material, rng: np.random.Generator, draws: int = 1000
) -> Fairness | None:
    """None where no answer is tagged as one of a pair."""
    tagged: dict[tuple[str, str], dict[str, str]] = {}
    left_out: list[str] = []
    for answer in golden:
        guise = guise_of(answer)
        if guise is None:
            continue
        sides = tagged.setdefault((guise.family, guise.pair), {})
        if guise.side is None or guise.side in sides:
            left_out.append(f"{answer.id}: needs one of the tags side:a and side:b, each once in pair {guise.pair!r}")
        else:
            sides[guise.side] = answer.id
    if not tagged:
        return None
    families: dict[str, list[_Twins]] = {}
    for (family, name), sides in tagged.items():
        twins = _Twins(name, _side(sides.get("a"), material), _side(sides.get("b"), material))
        if twins.a.score is None or twins.b.score is None:
            left_out.append(f"{name} ({family}): a side is missing, failed or has no score")
        families.setdefault(family, []).append(twins)
    gaps = tuple(_gap(family, twins, rng, draws) for family, twins in families.items())
    return Fairness(gaps=gaps, left_out=tuple(left_out))


def _gap(family: str, twins: Sequence[_Twins], rng: np.random.Generator, draws: int) -> Gap:
    scored = [(t.name, t.a.score - t.b.score) for t in twins if t.a.score is not None and t.b.score is not None]
    names, differences = [name for name, _ in scored], np.array([difference for _, difference in scored])

    def mean(at: Indices) -> float | None:
        return float(differences[at].mean()) if at.size else None

    worst = max(scored, key=lambda item: abs(item[1]), default=None)
    humans = [t.a.human - t.b.human for t in twins if t.a.human is not None and t.b.human is not None]
    return Gap(
        family=family,
        difference=Figure(value=mean(np.arange(len(scored))), n=len(scored), answers=range_of(names, mean, rng, draws)),
        mean_absolute=_mean(abs(difference) for _, difference in scored),
        largest=worst[1] if worst else None,
        largest_pair=worst[0] if worst else None,
        human=_mean(humans),
        verdicts_differ=_mean(_different(twins)),
    )


def _side(golden_id: str | None, material: Material) -> _Side:
    readings = [reading for reading in material.readings if reading.golden_id == golden_id]
    return _Side(
        score=_mean(reading.judge for reading in readings if reading.judge is not None),
        human=next((reading.human for reading in readings), None),
        verdicts={
            (name, reading.reading): verdict
            for reading in readings
            if reading.record.grade
            for name, verdict in _verdicts(reading.record.grade)
            if verdict != "unassessed"
        },
    )


def _verdicts(grade: Grade) -> Iterator[tuple[str, str]]:
    """Of every criterion, labelled or not: what is compared is one guise with the other."""
    for criterion in (*grade.points, *grade.pitfalls):
        yield criterion.id, criterion.verdict
    if grade.star:
        for part in StarPart:
            yield part.value, getattr(grade.star, part).verdict


def _different(twins: Iterable[_Twins]) -> Iterator[float]:
    for pair in twins:
        for key in pair.a.verdicts.keys() & pair.b.verdicts.keys():
            yield float(pair.a.verdicts[key] != pair.b.verdicts[key])


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
