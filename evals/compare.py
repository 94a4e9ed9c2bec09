"""Two runs over the same golden answers: what differs, on the same items, and whether chance alone could do it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evals.cost import Cost, cost_of
from evals.golden import GoldenAnswer
from evals.intervals import groups_of, paired_difference
from evals.measures import (
    HEADLINE,
    Headline,
    Range,
    compared,
    counted_in,
    every,
    score_measures,
    scored,
    verdict_measures,
)
from evals.pairs import KINDS, LEVELS, Kind, Material, Pair, material_of
from evals.records import Run, RunSettings
from evals.stability import Stability, as_readings, stability_of
from service.catalog import Catalog
from service.core.frozen import Frozen


class Difference(Frozen):
    """A headline figure of both runs over the `n` verdicts or scores that both have, on `answers` answers.

    `difference` is b − a, `range` its 95 % interval, both runs' answers drawn together. None: undefined.
    """

    name: str
    title: str
    n: int
    answers: int
    a: float | None
    b: float | None
    difference: float | None
    range: Range | None


class Flip(Frozen):
    """A verdict that differs: the human's level and each run's, in words; `unassessed` where a judge left it open."""

    golden_id: str
    reading: int
    kind: Kind
    criterion_id: str
    human: str
    a: str
    b: str


class Change(Frozen):
    """Of each run's own readings: how many, and the shares of them failed and of criteria unassessed; None of none."""

    readings: int
    failed: float | None
    unassessed: float | None
    cost: Cost


class Comparison(Frozen):
    """`stability` takes the two runs for readings of one. None if they share no reading.

    `cost_ratio` and `seconds_ratio` (medians) are b / a over the readings that both have; None where unknown.
    """

    a: RunSettings
    b: RunSettings
    differences: tuple[Difference, ...]
    flips: tuple[Flip, ...]
    verdicts: int
    stability: Stability | None
    before: Change
    after: Change
    cost_ratio: float | None
    seconds_ratio: float | None


class Both(NamedTuple):
    """Two runs' material, cut down to the readings that both have graded."""

    a: Material
    b: Material


def compare_runs(
    golden: Sequence[GoldenAnswer], a: Run, b: Run, catalog: Catalog, rng: np.random.Generator, draws: int = 1000
) -> Comparison:
    """B against A. Both must be runs over these golden answers."""
    first, second = material_of(golden, a.records, catalog), material_of(golden, b.records, catalog)
    both = shared(first, second)
    costs = tuple(cost_of([reading.record for reading in side.readings]) for side in both)
    return Comparison(
        a=a.settings,
        b=b.settings,
        differences=tuple(_difference(figure, both, rng, draws) for figure in HEADLINE),
        flips=flips_of(both),
        verdicts=sum(len(_labelled(both.a, kind)) for kind in KINDS),
        stability=stability_of(as_readings(*both)),
        before=_change(first),
        after=_change(second),
        cost_ratio=_ratio(costs[0].usd, costs[1].usd),
        seconds_ratio=_ratio(costs[0].seconds_median, costs[1].seconds_median),
    )


def shared(a: Material, b: Material) -> Both:
    """The readings, by answer and number, that are graded in both."""
    graded = [{(r.golden_id, r.reading) for r in side.readings if r.status != "failed"} for side in (a, b)]
    keep = graded[0] & graded[1]

    def cut(side: Material) -> Material:
        return Material(
            tuple(pair for pair in side.pairs if (pair.golden_id, pair.reading) in keep),
            tuple(reading for reading in side.readings if (reading.golden_id, reading.reading) in keep),
        )

    return Both(cut(a), cut(b))


def flips_of(both: Both) -> tuple[Flip, ...]:
    """The verdicts on which two runs differ, in the golden file's order; what code derived is left out."""
    flips: list[Flip] = []
    for kind in KINDS:
        before, after = _labelled(both.a, kind), _labelled(both.b, kind)
        flips += [_flip(before[key], after[key]) for key in before if before[key].judge != after[key].judge]
    places = {reading.golden_id: place for place, reading in enumerate(both.a.readings)}
    return tuple(sorted(flips, key=lambda flip: (places[flip.golden_id], flip.reading)))


def _difference(figure: Headline, both: Both, rng: np.random.Generator, draws: int) -> Difference:
    """Over what both judges decided: a criterion that one of them left open is left out of both."""
    if figure.kind:
        sides = [{_key(p): p for p in compared(side.pairs, figure.kind)} for side in both]
        keys = [key for key in sides[0] if key in sides[1]]
        a, b = (verdict_measures([side[key] for key in keys]) for side in sides)
        names, n = [key[0] for key in keys], counted_in(figure.measure, [sides[0][key] for key in keys])
    else:
        scores = [{(r.golden_id, r.reading): r for r in scored(side.readings)} for side in both]
        answers = [key for key in scores[0] if key in scores[1]]
        a, b = (score_measures([side[key] for key in answers]) for side in scores)
        names, n = [name for name, _ in answers], len(answers)
    known = {"name": figure.name, "title": figure.title, "n": n, "answers": len(set(names))}
    if not names:
        return Difference.model_validate(known | dict.fromkeys(("a", "b", "difference", "range")))
    before, after = a[figure.measure], b[figure.measure]
    found = paired_difference(groups_of(names), before, after, rng, draws)
    bounded = found is not None and found.low is not None
    return Difference.model_validate(
        {
            **known,
            "a": before(every(names)),
            "b": after(every(names)),
            "difference": found.value if found else None,
            "range": {"low": found.low, "high": found.high} if found and bounded else None,
        }
    )


def _key(pair: Pair) -> tuple[str, int, str]:
    return pair.golden_id, pair.reading, pair.criterion_id


def _labelled(side: Material, kind: Kind) -> Mapping[tuple[str, int, str], Pair]:
    return {_key(pair): pair for pair in side.pairs if pair.kind == kind and not pair.derived}


def _flip(before: Pair, after: Pair) -> Flip:
    levels = LEVELS[before.kind]
    a, b = (levels[pair.judge] if pair.judge is not None else "unassessed" for pair in (before, after))
    return Flip(
        golden_id=before.golden_id,
        reading=before.reading,
        kind=before.kind,
        criterion_id=before.criterion_id,
        human=levels[before.human],
        a=a,
        b=b,
    )


def _change(side: Material) -> Change:
    asked = [pair for pair in side.pairs if not pair.derived]
    return Change(
        readings=len(side.readings),
        failed=_share(sum(reading.status == "failed" for reading in side.readings), len(side.readings)),
        unassessed=_share(sum(pair.judge is None for pair in asked), len(asked)),
        cost=cost_of([reading.record for reading in side.readings]),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _ratio(a: float | None, b: float | None) -> float | None:
    return b / a if a and b is not None else None
