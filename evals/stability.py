"""How far a judge disagrees with itself: several readings of the same answers, in one run or in two."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from evals.agreement import krippendorff_alpha
from evals.measures import asked, headline_values
from evals.pairs import KINDS, Kind, Material, Pair
from service.core.frozen import Frozen


class Flips(Frozen):
    """`share`: the chance that two readings of one criterion differ; None where nothing was read twice.

    `criteria` were decided in at least two readings, on `flipped` of them not all readings agree. `alpha` is
    Krippendorff's, ordinal, over the readings: 1 is full agreement, 0 that of chance; None where undefined.
    """

    kind: Kind
    criteria: int
    flipped: int
    share: float | None
    alpha: float | None


class Stability(Frozen):
    """The noise floor: what differs between readings although nothing has changed.

    `score_difference`: mean of |difference| between two readings' scores of one of `answers` answers, on 0 to 100;
    None where none was scored twice. `noise`: of each headline figure the greatest difference between two readings;
    a figure defined in fewer than two readings is left out.
    """

    readings: int
    flips: tuple[Flips, ...]
    answers: int
    score_difference: float | None
    noise: Mapping[str, float]


def stability_of(material: Material) -> Stability | None:
    """None where nothing was read twice."""
    numbers = sorted({reading.reading for reading in material.readings})
    if len(numbers) < 2:
        return None
    differences = _score_differences(material)
    return Stability(
        readings=len(numbers),
        flips=tuple(_flips(kind, material.pairs, numbers) for kind in KINDS),
        answers=len(differences),
        score_difference=sum(differences) / len(differences) if differences else None,
        noise=noise_of(material),
    )


def as_readings(*runs: Material) -> Material:
    """Several runs of the same answers as readings of one run."""
    every = [(run, number) for run in range(len(runs)) for number in {r.reading for r in runs[run].readings}]
    places = {key: place for place, key in enumerate(sorted(every))}
    return Material(
        tuple(replace(pair, reading=places[at, pair.reading]) for at, run in enumerate(runs) for pair in run.pairs),
        tuple(replace(r, reading=places[at, r.reading]) for at, run in enumerate(runs) for r in run.readings),
    )


def noise_of(material: Material) -> dict[str, float]:
    """Of each headline figure, the greatest difference between two readings; none where each was read once."""
    values: dict[str, list[float]] = {}
    for number in sorted({reading.reading for reading in material.readings}):
        alone = Material(
            tuple(pair for pair in material.pairs if pair.reading == number),
            tuple(reading for reading in material.readings if reading.reading == number),
        )
        for name, value in headline_values(alone).items():
            if value is not None:
                values.setdefault(name, []).append(value)
    return {name: max(found) - min(found) for name, found in values.items() if len(found) > 1}


def _flips(kind: Kind, pairs: Sequence[Pair], numbers: Sequence[int]) -> Flips:
    levels: dict[tuple[str, str], dict[int, int]] = {}
    for pair in asked(pairs, kind):
        if pair.judge is not None:
            levels.setdefault((pair.golden_id, pair.criterion_id), {})[pair.reading] = pair.judge
    twice = [read for read in levels.values() if len(read) > 1]
    differ = [a != b for read in twice for a, b in combinations(read.values(), 2)]
    return Flips(
        kind=kind,
        criteria=len(twice),
        flipped=sum(len(set(read.values())) > 1 for read in twice),
        share=sum(differ) / len(differ) if differ else None,
        alpha=krippendorff_alpha([[read.get(number) for read in twice] for number in numbers]) if twice else None,
    )


def _score_differences(material: Material) -> list[float]:
    """Of each answer scored twice or more, the mean |difference| between two of its readings."""
    scores: dict[str, list[float]] = {}
    for reading in material.readings:
        if reading.judge is not None:
            scores.setdefault(reading.golden_id, []).append(reading.judge)
    between = [[abs(a - b) for a, b in combinations(found, 2)] for found in scores.values() if len(found) > 1]
    return [sum(each) / len(each) for each in between]
