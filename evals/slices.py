"""Where the judge is good and where it isn't: the main figures by question, quality, language and length."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from evals.measures import asked, compared, every, score_measures, scored, verdict_measures
from evals.pairs import KINDS, QUALITIES, Kind, Material, Pair, Reading
from service.core.frozen import Frozen

By = Literal["question", "quality", "language", "length"]

LEAST_VERDICTS = 10
"""A figure over fewer verdicts says nothing of a slice: it is undefined."""
LEAST_SCORES = 3


class Slice(Frozen):
    """Figures over some of the readings; None where they are undefined or over too few.

    `points`, `pitfalls`, `scores` count what was compared, `unassessed` the criteria that the judge left open.
    """

    by: By
    name: str
    readings: int
    abstained: int
    failed: int
    unassessed: int
    points: int
    points_kappa: float | None
    points_auc: float | None
    pitfalls: int
    pitfalls_auc: float | None
    scores: int
    mean_error: float | None


class _Cut(NamedTuple):
    """One way to cut a run; what has no name (an unknown language) is in none of its slices."""

    by: By
    names: Sequence[str]
    name_of: Callable[[Pair | Reading], str | None]


def slices_of(material: Material) -> tuple[Slice, ...]:
    """By question in the file's order, by quality, by language, and by length in three parts of about equal size."""
    return tuple(
        slice_
        for cut in _cuts(material.readings)
        for name in cut.names
        if (slice_ := _slice(cut, name, material)).readings
    )


def _cuts(readings: Sequence[Reading]) -> Iterator[_Cut]:
    yield _Cut("question", list(dict.fromkeys(r.question for r in readings)), lambda item: item.question)
    yield _Cut("quality", QUALITIES, lambda item: item.quality)
    yield _Cut("language", sorted({r.language for r in readings if r.language}), lambda item: item.language)
    if readings:
        low, high = (int(words) for words in np.quantile([r.words for r in readings], [1 / 3, 2 / 3]))
        names = (f"up to {low} words", f"{low + 1} to {high} words", f"over {high} words")
        yield _Cut("length", names, lambda item: names[(item.words > low) + (item.words > high)])


def _slice(cut: _Cut, name: str, material: Material) -> Slice:
    readings = [reading for reading in material.readings if cut.name_of(reading) == name]
    pairs = [pair for pair in material.pairs if cut.name_of(pair) == name]
    both = scored(readings)
    return Slice(
        by=cut.by,
        name=name,
        readings=len(readings),
        abstained=sum(reading.status == "abstained" for reading in readings),
        failed=sum(reading.status == "failed" for reading in readings),
        unassessed=sum(pair.judge is None for kind in KINDS for pair in asked(pairs, kind)),
        points=len(compared(pairs, "points")),
        points_kappa=_figure(pairs, "points", "kappa"),
        points_auc=_figure(pairs, "points", "auc"),
        pitfalls=len(compared(pairs, "pitfalls")),
        pitfalls_auc=_figure(pairs, "pitfalls", "auc"),
        scores=len(both),
        mean_error=score_measures(both)["mean_error"](every(both)) if len(both) >= LEAST_SCORES else None,
    )


def _figure(pairs: Sequence[Pair], kind: Kind, measure: str) -> float | None:
    found = compared(pairs, kind)
    return verdict_measures(found)[measure](every(found)) if len(found) >= LEAST_VERDICTS else None
