"""What can be measured on pairs and scores: each measure a function of rows, so that intervals can draw them anew."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from evals import agreement
from evals.intervals import Indices, Statistic, groups_of, interval
from evals.pairs import LEVELS, Kind, Material, Pair, Reading
from service.core.frozen import Frozen

Floor = Literal["length", "overlap"]
FLOORS: Mapping[Floor, str] = {"length": "length", "overlap": "word overlap"}

VERDICT_MEASURES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "f1": "F1",
    "kappa": "Cohen's kappa",
    "qwk": "quadratic weighted kappa",
    "one_step": "within one step",
    "auc": "AUC",
    "auc_rest": "AUC, partial as not met",
    "ece": "calibration error",
}
SCORE_MEASURES: Mapping[str, str] = {
    "spearman": "Spearman",
    "pearson": "Pearson",
    "qwk": "quadratic weighted kappa, bins of ten",
    "mean_error": "mean error",
    "mean_absolute_error": "mean absolute error",
}


class Range(Frozen):
    """A 95 % bootstrap interval."""

    low: float
    high: float


class Figure(Frozen):
    """A figure over `n` verdicts or scores; a value of None is undefined, a range of None can't be told.

    `answers`: whole answers were drawn, as if others had answered the same questions. `questions`: whole questions
    were, as if other questions had been asked; it is wider, and the one to quote where the judge meets new questions.
    """

    value: float | None
    n: int
    answers: Range | None = None
    questions: Range | None = None


class Headline(NamedTuple):
    """A figure that aims hang on; `kind` is None where it is of scores."""

    name: str
    title: str
    kind: Kind | None
    measure: str


HEADLINE = (
    Headline("points_auc", "Points: AUC, met against missed", "points", "auc"),
    Headline("points_kappa", "Points: Cohen's kappa of met", "points", "kappa"),
    Headline("pitfalls_auc", "Pitfalls: AUC, committed against avoided", "pitfalls", "auc"),
    Headline("star_auc", "STAR: AUC, present against absent", "star", "auc"),
    Headline("score_spearman", "Scores: Spearman's rank correlation", None, "spearman"),
)


def compared(pairs: Sequence[Pair], kind: Kind, sub: str | None = None) -> list[Pair]:
    """The pairs of a kind that a judge decided: neither the unassessed nor what code derived from others."""
    return [pair for pair in asked(pairs, kind, sub) if pair.judge is not None]


def asked(pairs: Sequence[Pair], kind: Kind, sub: str | None = None) -> list[Pair]:
    """The pairs of a kind that a judge was asked about, decided or not."""
    return [pair for pair in pairs if pair.kind == kind and not pair.derived and sub in (None, pair.sub)]


def scored(readings: Sequence[Reading]) -> list[Reading]:
    """The readings with a human's score and a judge's."""
    return [reading for reading in readings if reading.human is not None and reading.judge is not None]


def every(items: Sequence[object]) -> Indices:
    """Each row once."""
    return np.arange(len(items), dtype=np.intp)


def figure_of(
    items: Sequence[Pair] | Sequence[Reading], statistic: Statistic, rng: np.random.Generator, draws: int, n: int
) -> Figure:
    """The figure over all items, with both intervals; `n` of the items count in it."""
    return Figure(
        value=statistic(every(items)) if items else None,
        n=n,
        answers=range_of([item.golden_id for item in items], statistic, rng, draws),
        questions=range_of([item.question for item in items], statistic, rng, draws),
    )


def range_of(groups: Sequence[str], statistic: Statistic, rng: np.random.Generator, draws: int) -> Range | None:
    """The interval with whole groups drawn; `groups` names each item's."""
    found = interval(groups_of(groups), statistic, rng, draws)
    return Range(low=found.low, high=found.high) if found and found.low is not None and found.high is not None else None


def verdict_measures(pairs: Sequence[Pair]) -> dict[str, Statistic]:
    """Measures over decided pairs of one kind; those of three levels are left out where there are two.

    kappa and F1 are of met (committed, present) or not. AUC ranks by `Pair.rank`; "auc" leaves out what the human
    called partial, "auc_rest" counts it as not met. The calibration error is over the probabilities that the judge
    gave itself, with none that code filled in.
    """
    if not pairs:
        return {}
    levels = range(len(LEVELS[pairs[0].kind]))
    human, judge = np.array([p.human for p in pairs]), np.array([p.judge for p in pairs], dtype=np.int64)
    rank = np.array([p.rank for p in pairs], dtype=float)
    met, said_met = human == levels[-1], judge == levels[-1]
    clear, stated = np.array([p.clear for p in pairs]), np.array([p.stated for p in pairs])

    def calibration_error(rows: Indices) -> float | None:
        rows = rows[stated[rows]]
        return agreement.expected_calibration_error(met[rows], rank[rows])

    def auc(rows: Indices) -> float | None:
        rows = rows[clear[rows]]
        return agreement.auc(met[rows], rank[rows])

    measures: dict[str, Statistic] = {
        "accuracy": lambda rows: agreement.accuracy(human[rows], judge[rows]),
        "f1": lambda rows: agreement.f1(met[rows], said_met[rows], True),
        "kappa": lambda rows: agreement.cohen_kappa(met[rows], said_met[rows]),
        "auc": auc,
        "ece": calibration_error,
    }
    if len(levels) > 2:
        measures["qwk"] = lambda rows: agreement.quadratic_kappa(human[rows], judge[rows], levels)
        measures["one_step"] = lambda rows: agreement.one_step_accuracy(human[rows], judge[rows])
        measures["auc_rest"] = lambda rows: agreement.auc(met[rows], rank[rows])
    return {name: measures[name] for name in VERDICT_MEASURES if name in measures}


def counted_in(measure: str, pairs: Sequence[Pair]) -> int:
    """How many of the pairs a measure is over."""
    if measure == "auc":
        return sum(pair.clear for pair in pairs)
    return sum(pair.stated for pair in pairs) if measure == "ece" else len(pairs)


def score_measures(readings: Sequence[Reading]) -> dict[str, Statistic]:
    """Measures over readings that have both scores."""
    if not readings:
        return {}
    human = np.array([r.human for r in readings], dtype=float)
    judge = np.array([r.judge for r in readings], dtype=float)
    return {
        "spearman": lambda rows: agreement.spearman(human[rows], judge[rows]),
        "pearson": lambda rows: agreement.pearson(human[rows], judge[rows]),
        "qwk": lambda rows: agreement.score_kappa(human[rows], judge[rows]),
        "mean_error": lambda rows: agreement.mean_error(human[rows], judge[rows]),
        "mean_absolute_error": lambda rows: agreement.mean_absolute_error(human[rows], judge[rows]),
    }


def headline_values(material: Material) -> dict[str, float | None]:
    """Each headline figure of all that a run says; None where it is undefined."""
    values: dict[str, float | None] = {}
    for figure in HEADLINE:
        if figure.kind:
            pairs = compared(material.pairs, figure.kind)
            statistic, rows = verdict_measures(pairs).get(figure.measure), every(pairs)
        else:
            readings = scored(material.readings)
            statistic, rows = score_measures(readings).get(figure.measure), every(readings)
        values[figure.name] = statistic(rows) if statistic else None
    return values


def floor_rank(pair: Pair, floor: Floor) -> float | None:
    """By what a judge that reads nothing would rank: longer answers and shared words speak for met and present.

    Against a pitfall too, save one of commission, which shares its words with an answer that commits it. In words,
    or in [0, 1]; None where the criterion has no wording.
    """
    if floor == "length":
        return float(-pair.words if pair.kind == "pitfalls" else pair.words)
    if pair.overlap is None or pair.kind != "pitfalls" or pair.sub == "commission":
        return pair.overlap
    return 1 - pair.overlap
