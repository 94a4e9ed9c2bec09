"""A run in figures: how well the judge agrees with the human, beside what reads nothing, and what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal, NamedTuple

import numpy as np

from evals import agreement
from evals.cost import Cost, cost_of
from evals.fairness import Fairness, fairness_of
from evals.floors import held_out_thresholded, majority
from evals.golden import GoldenAnswer
from evals.measures import (
    FLOORS,
    HEADLINE,
    Figure,
    Floor,
    Range,
    asked,
    compared,
    counted_in,
    every,
    figure_of,
    floor_rank,
    range_of,
    score_measures,
    scored,
    verdict_measures,
)
from evals.pairs import KINDS, LEVELS, Kind, Material, Pair, Reading, material_of
from evals.records import Run, RunSettings
from evals.slices import Slice, slices_of
from evals.stability import Stability, stability_of
from service.catalog import Catalog
from service.core.frozen import Frozen


class Counts(Frozen):
    """What became of the readings. `expected` of them were wanted, `missing` have no record: the run is unfinished.

    `criteria` are the labelled ones of graded answers that a judge was asked about, `unassessed` those it left open;
    `criteria_lost` are those of failed answers. `unreadable` failures are of a judge that replied, in no terms of the
    rubric. `stale` readings were graded by a rubric that has changed since.
    """

    expected: int
    missing: int
    answers: int
    graded: int
    partial: int
    abstained: int
    failed: int
    unreadable: int
    needs_review: int
    stale: int
    criteria: int
    unassessed: int
    criteria_lost: int


class FloorFigures(Frozen):
    """What reads nothing reaches on the same verdicts: AUC, and kappa with a threshold held out by question."""

    auc: float | None
    kappa: float | None
    kappa_answers: Range | None


class Bin(Frozen):
    """Probabilities above `low` up to `high`: their mean, and the share of them that the human called met."""

    low: float
    high: float
    mean_probability: float
    observed: float
    count: int


class VerdictFigures(Frozen):
    """Agreement on one kind of criterion, or on a part of it (`sub`). `figures` by the names of VERDICT_MEASURES.

    `labelled` criteria were asked about, `compared` of them decided; all else is over these. `positives` of them are
    met (committed, present) by the human. `majority` is the accuracy of always giving the commonest label.
    `confusion[human][judge]` counts levels in the order of LEVELS. `ranked_by`: what AUC ranks by; "levels" where the
    judge gave no probabilities, "both" where some verdicts lack one; None with nothing compared.
    """

    kind: Kind
    sub: str | None
    labelled: int
    compared: int
    unassessed: int
    positives: int
    figures: Mapping[str, Figure]
    majority: float | None
    floors: Mapping[Floor, FloorFigures]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[Bin, ...]
    ranked_by: Literal["probability", "levels", "both"] | None


class ScoreFigures(Frozen):
    """Agreement of scores over the readings that have both: `unlabelled` lack the human's, `unscored` the judge's.

    `figures` by the names of SCORE_MEASURES; `floors` are Spearman's of length and of mean word overlap.
    """

    compared: int
    unlabelled: int
    unscored: int
    figures: Mapping[str, Figure]
    floors: Mapping[Floor, float | None]


class HeadlineFigure(Frozen):
    """A figure that aims hang on, beside what the floors reach of the same measure."""

    name: str
    title: str
    figure: Figure
    floors: Mapping[Floor, float | None]


class Summary(Frozen):
    """All that a report says of a run; None is undefined throughout."""

    settings: RunSettings
    draws: int
    counts: Counts
    headline: tuple[HeadlineFigure, ...]
    verdicts: tuple[VerdictFigures, ...]
    scores: ScoreFigures
    slices: tuple[Slice, ...]
    cost: Cost
    stability: Stability | None
    fairness: Fairness | None


class _Dice(NamedTuple):
    rng: np.random.Generator
    draws: int


def summary_of(
    golden: Sequence[GoldenAnswer], run: Run, catalog: Catalog, rng: np.random.Generator, draws: int = 1000
) -> Summary:
    """The run's figures, each over what can be compared and with its intervals."""
    material = material_of(golden, run.records, catalog)
    dice = _Dice(rng, draws)
    subs: list[tuple[Kind, str | None]] = []
    for kind in KINDS:
        found = list(dict.fromkeys(pair.sub for pair in asked(material.pairs, kind)))
        subs += [(kind, None), *((kind, sub) for sub in found if kind != "points")]
    verdicts = tuple(_verdicts(kind, sub, material.pairs, dice) for kind, sub in subs)
    scores = _scores(material.readings, dice)
    return Summary(
        settings=run.settings,
        draws=draws,
        counts=_counts(golden, run, material),
        headline=_headline(verdicts, scores),
        verdicts=verdicts,
        scores=scores,
        slices=slices_of(material),
        cost=cost_of([reading.record for reading in material.readings]),
        stability=stability_of(material),
        fairness=fairness_of(golden, material, rng, draws),
    )


def _counts(golden: Sequence[GoldenAnswer], run: Run, material: Material) -> Counts:
    readings, pairs = material.readings, [pair for kind in KINDS for pair in asked(material.pairs, kind)]
    failed = [reading for reading in readings if reading.status == "failed"]
    labels = {answer.id: answer.labels for answer in golden}
    lost = [labels[reading.golden_id] for reading in failed]
    expected = expected_readings(len(golden), run.settings)
    return Counts(
        expected=expected,
        missing=max(0, expected - len(readings)),
        answers=len({reading.golden_id for reading in readings}),
        graded=sum(reading.status == "graded" for reading in readings),
        partial=sum(reading.status == "partial" for reading in readings),
        abstained=sum(reading.status == "abstained" for reading in readings),
        failed=len(failed),
        unreadable=sum((reading.record.error or "").startswith("UnreadableVerdict") for reading in failed),
        needs_review=sum(bool(r.record.grade and r.record.grade.needs_review) for r in readings),
        stale=sum(reading.stale for reading in readings),
        criteria=len(pairs),
        unassessed=sum(pair.judge is None for pair in pairs),
        criteria_lost=sum(len(lab.points) + len(lab.pitfalls) + len(lab.star) for lab in lost),
    )


def expected_readings(answers: int, settings: RunSettings) -> int:
    """How many records a finished run over so many golden answers has."""
    return (answers if settings.limit is None else min(answers, settings.limit)) * settings.readings


def _verdicts(kind: Kind, sub: str | None, every_pair: Sequence[Pair], dice: _Dice) -> VerdictFigures:
    labelled, pairs = asked(every_pair, kind, sub), compared(every_pair, kind, sub)
    human = [pair.human for pair in pairs]
    common = majority(human)
    own = [pair.probability is not None for pair in pairs if pair.status != "abstained"]
    return VerdictFigures(
        kind=kind,
        sub=sub,
        labelled=len(labelled),
        compared=len(pairs),
        unassessed=len(labelled) - len(pairs),
        positives=sum(pair.human == pair.top for pair in pairs),
        figures={
            name: figure_of(pairs, measure, *dice, counted_in(name, pairs))
            for name, measure in verdict_measures(pairs).items()
        },
        majority=human.count(common) / len(human) if common is not None else None,
        floors={floor: _floor(pairs, floor, dice) for floor in FLOORS},
        confusion=agreement.confusion(human, [p.judge for p in pairs if p.judge is not None], range(len(LEVELS[kind]))),
        calibration=_calibration(pairs),
        ranked_by=None if not own else "probability" if all(own) else "both" if any(own) else "levels",
    )


def _floor(every_pair: Sequence[Pair], floor: Floor, dice: _Dice) -> FloorFigures:
    """Over the pairs that the floor has a rank for: AUC without the human's partial, as the judge's headline is."""
    ranked = [(pair, rank) for pair in every_pair if (rank := floor_rank(pair, floor)) is not None]
    clear = [(pair.human > 0, rank) for pair, rank in ranked if pair.clear]
    met = [pair.human == pair.top for pair, _ in ranked]
    said = held_out_thresholded([rank for _, rank in ranked], met, [pair.question for pair, _ in ranked])
    known = [(pair.golden_id, h, s) for (pair, _), h, s in zip(ranked, met, said, strict=True) if s is not None]
    humans, floors = np.array([h for _, h, _ in known], bool), np.array([s for _, _, s in known], bool)

    def kappa(at: np.ndarray[tuple[int], np.dtype[np.intp]]) -> float | None:
        return agreement.cohen_kappa(humans[at], floors[at])

    return FloorFigures(
        auc=agreement.auc([positive for positive, _ in clear], [rank for _, rank in clear]),
        kappa=kappa(every(known)),
        kappa_answers=range_of([name for name, _, _ in known], kappa, *dice),
    )


def _calibration(pairs: Sequence[Pair]) -> tuple[Bin, ...]:
    """Over the probabilities that the judge gave itself."""
    stated = [(p.human == p.top, p.probability) for p in pairs if p.probability is not None and p.stated]
    curve = agreement.calibration_curve([met for met, _ in stated], [probability for _, probability in stated])
    return tuple(Bin.model_validate(asdict(each)) for each in curve)


def _scores(readings: Sequence[Reading], dice: _Dice) -> ScoreFigures:
    both = scored(readings)
    told = [reading for reading in both if reading.overlap is not None]
    return ScoreFigures(
        compared=len(both),
        unlabelled=sum(reading.human is None for reading in readings),
        unscored=sum(reading.human is not None and reading.judge is None for reading in readings),
        figures={name: figure_of(both, measure, *dice, len(both)) for name, measure in score_measures(both).items()},
        floors={
            "length": agreement.spearman([r.human or 0.0 for r in both], [float(r.words) for r in both]),
            "overlap": agreement.spearman([r.human or 0.0 for r in told], [r.overlap or 0.0 for r in told]),
        },
    )


def _headline(verdicts: Sequence[VerdictFigures], scores: ScoreFigures) -> tuple[HeadlineFigure, ...]:
    whole = {figures.kind: figures for figures in verdicts if figures.sub is None}
    headline: list[HeadlineFigure] = []
    for name, title, kind, measure in HEADLINE:
        if kind is None:
            figure, floors = scores.figures.get(measure), dict(scores.floors)
        else:
            figure = whole[kind].figures.get(measure)
            floors = {
                f: reached.kappa if measure == "kappa" else reached.auc for f, reached in whole[kind].floors.items()
            }
        headline.append(HeadlineFigure(name=name, title=title, figure=figure or Figure(value=None, n=0), floors=floors))
    return tuple(headline)
