"""Fit what a judge per criterion makes of its odds, on the odds that a run recorded; no model is asked.

Each kind of criterion gets a proportional-odds model over few signals, one of which lies along a direction that is
fitted first (`evals.directions`). What to expect of it on questions it has not seen is told by holding each question
out in turn: `held_out` grades every question by scales fitted on all others.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit

from evals.agreement import cohen_kappa, quadratic_kappa
from evals.directions import (
    BY_STATED,
    FITTED_TO_STATED,
    Labelled,
    along_unseen,
    family,
    fitted_directions,
    moved_directions,
)
from evals.pairs import LEVELS
from evals.replayed import Row, Rows
from service.core.calibration import DIRECTIONS, STATED, Calibration, Direction, Scale
from service.judges.known import KNOWN
from service.judges.signals import KINDS, SHORT, lift

SIGNALS = ("yes", *KNOWN, "lift")
"""What criteria are judged by, without `lift` where few odds were told. What else was tried is in
docs/decisions/local-model.md.
"""
OF_SHORT = ("point", "star")
"""Kinds that are told less by a short answer than the same words tell in a longer one."""
PENALTY = 1.0
"""Of the squared weights of standardised signals; as one answer more on each side would weigh."""
_GRID = np.linspace(0.05, 0.95, 91)


def calibrated(
    rows: Rows, made_by: str, note: str, keep: Calibration | None = None, stated: Calibration | None = None
) -> Calibration:
    """A scale for each kind, and another for rubrics without an example answer; the same where no rubric has one. And
    the directions, where many odds were told of answers to two questions or more.

    `keep`: its directions and scales stay as they are, but those of points in rubrics without an example answer.
    `stated`: just those are taken over from it.

    Raises ValueError for a kind of which some level bears no label, and where a signal is not at hand.
    """
    labelled = _labelled(rows)
    if keep and not labelled:
        raise ValueError("it tells few odds, or is of one question; record answers to several with --all-odds")
    made = (keep or _whole(rows, labelled)).model_copy(update={"made_by": made_by, "note": note})
    if stated:
        return _stated_by(made, stated.directions, stated.without_example["point"])
    return _with_stated(made, rows, labelled) if labelled else made


def moved(rows: Rows, made_by: str, note: str, before: Calibration) -> Calibration:
    """`before` with its directions moved as far as these rows and pairs ask (`directions.moved_directions`); its scales
    stay. The rows' tokens must be those of its directions, and their rubrics must have example answers.

    Raises ValueError where `before` has no directions, and where too little was told to move them.
    """
    labelled = _labelled(rows)
    if not before.directions or not labelled:
        raise ValueError("directions to be moved, and all odds of answers to two questions or more, are needed")
    directions = moved_directions(labelled, rows.tokens, rows.pairs, before.directions)
    return before.model_copy(update={"made_by": made_by, "note": note, "directions": directions})


def shortened(rows: Rows, made_by: str, note: str, before: Calibration) -> Calibration:
    """`before`, whose scales for points and STAR parts learn from these rows what it is worth that an answer is short
    (the signal `short`): a weight each, the likeliest. All else stays: answers that are not short are read as before.

    The rows' tokens must be those of its directions; rubrics without an example answer are passed over. Raises
    ValueError where too little was told, and where none of the rest is a point or a STAR part of a short answer.
    """
    if not before.directions or not _labelled(rows):
        raise ValueError("directions, and all odds of answers to two questions or more, are needed")
    short = [row for row in rows.rows if row.signals["short"] and "example" in row.signals]
    kinds = [kind for kind in OF_SHORT if any(row.kind == kind for row in short)]
    if not kinds:
        raise ValueError(f"no point and no STAR part of an answer under {SHORT} words, the rubric with an example")
    scales = dict(before.scales)
    for kind in kinds:
        direction = before.directions[DIRECTIONS[kind]]
        own = [_along(row, direction, rows.tokens) for row in short if row.kind == kind]
        scales[kind] = _with_short(own, scales[kind])
    return before.model_copy(update={"made_by": made_by, "note": note, "scales": scales})


def _along(row: Row, direction: Direction, tokens: Sequence[str]) -> Row:
    """With its lift by that direction."""
    assert row.vectors
    weights = np.array([direction.weights[token] for token in tokens])
    return _lifted(row, float(row.vectors.answer @ weights), [float(v @ weights) for v in row.vectors.known.values()])


def _with_short(rows: Sequence[Row], scale: Scale) -> Scale:
    rest = scale.model_copy(update={"weights": {n: w for n, w in scale.weights.items() if n != "short"}})
    human, short = np.array([row.human for row in rows]), np.array([row.signals["short"] for row in rows])
    before = logit(np.clip([rest.at_least(row.signals) for row in rows], 1e-12, 1 - 1e-12))

    def loss(weight: float) -> float:
        return _unlikely(expit(before + weight * short[:, None]), human) + PENALTY * weight * weight / 2

    weight = round(float(minimize_scalar(loss).x), 4)
    return scale.model_copy(update={"weights": {**rest.weights, "short": weight}})


def _labelled(rows: Rows) -> list[Labelled]:
    """What directions are fitted to: every row, or none where few odds were told or all are of one question."""
    if not rows.tokens or len({row.question for row in rows.rows}) < 2:
        return []
    labelled = [Labelled(row.question, row.kind, row.human, row.vectors) for row in rows.rows if row.vectors]
    if len(labelled) < len(rows.rows):
        raise ValueError("the run does not tell what all known answers got; record it with --all-odds")
    return labelled


def _whole(rows: Rows, labelled: Sequence[Labelled]) -> Calibration:
    directions: dict[str, Direction] = {}
    full = bare = rows.rows
    names: tuple[str, ...] = ("yes", *KNOWN)
    if labelled:
        directions, names = fitted_directions(labelled, rows.tokens, rows.pairs), SIGNALS
        alongs = along_unseen(labelled, rows.pairs)
        full = tuple(_lifted(row, along, known.values()) for row, (along, known) in zip(full, alongs, strict=True))
        bare = tuple(_lifted(row, along, [known["empty"]]) for row, (along, known) in zip(bare, alongs, strict=True))
    scales, without_example = {}, {}
    for kind in KINDS:
        beside = [row for row in full if row.kind == kind and "example" in row.signals]
        own = [row for row in bare if row.kind == kind]
        without_example[kind] = fitted(own, kind, [name for name in names if name != "example"])
        scales[kind] = fitted(beside, kind, names) if beside else without_example[kind]
    return Calibration(
        version=1, made_by="", note="", scales=scales, without_example=without_example, directions=directions
    )


def _with_stated(made: Calibration, rows: Rows, labelled: Sequence[Labelled]) -> Calibration:
    """Points in rubrics without an example answer get a direction of their own, fitted to all points as if no rubric
    had one, and a scale fitted to those whose rubric has none, if there are labels of each level.
    """
    points = [row for row in rows.rows if row.kind == "point"]
    bare = [row._replace(vectors=row.vectors.bare) for row in labelled if row.kind == "point"]
    direction = fitted_directions(bare, rows.tokens, rows.pairs, FITTED_TO_STATED)
    alongs = along_unseen(bare, rows.pairs, FITTED_TO_STATED, BY_STATED)
    lifted = [_lifted(row, along, known.values()) for row, (along, known) in zip(points, alongs, strict=True)]
    stated = [row for row in lifted if "example" not in row.signals]
    own = stated if {row.human for row in stated} == {row.human for row in lifted} else lifted
    scale = fitted(own, "point", [name for name in SIGNALS if name != "example"])
    return _stated_by(made, direction, scale)


def _stated_by(made: Calibration, directions: Mapping[str, Direction], scale: Scale) -> Calibration:
    """With this one of the directions and this scale for points in rubrics without an example answer."""
    return made.model_copy(
        update={
            "directions": {**made.directions, STATED: directions[STATED]},
            "without_example": {**made.without_example, "point": scale},
        }
    )


def _lifted(row: Row, along: float, known: Collection[float]) -> Row:
    return row._replace(signals={**row.signals, "lift": lift(along, known)})


def held_out(
    rows: Rows,
    questions: Collection[str] | None = None,
    fit: Callable[[Rows], Calibration] = lambda rows: calibrated(rows, "held out", ""),
) -> dict[str, Calibration]:
    """By question: the calibration that has seen no label and no pair of this one. None: of all questions.

    `fit` makes one of rows; a calibration that it goes on from is taken as it is, whatever it has seen.
    """
    return {
        question: fit(rows.without({question}))
        for question in dict.fromkeys([row.question for row in rows.rows] + [pair.question for pair in rows.pairs])
        if questions is None or question in questions
    }


def fitted(rows: Sequence[Row], kind: str, signals: Sequence[str] | None = None) -> Scale:
    """The likeliest proportional-odds model of these signals (None: all of the kind's SIGNALS), its weights held small;
    and the `least` by which its kappa is best.

    Signals are standardised for the fit and the weights given back on the signals' own scale.
    """
    top = len(LEVELS[family(kind)]) - 1
    human = np.array([row.human for row in rows])
    lacking = [level for height, level in enumerate(LEVELS[family(kind)]) if height not in human]
    if lacking:
        raise ValueError(f"{len(rows)} labels of {kind!r}, and none of {', '.join(lacking)}")
    names = SIGNALS if signals is None else signals
    if unknown := sorted({name for row in rows for name in names if name not in row.signals}):
        raise ValueError(f"{kind!r} needs {', '.join(unknown)}, and the run does not hold it: record it anew")
    values = np.array([[row.signals[name] for name in names] for row in rows], dtype=float)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread == 0] = 1.0
    weights, cuts = _likeliest((values - mean) / spread, human, top)
    own = weights / spread
    cuts -= float(own @ mean)
    reached = expit(np.add.outer(values @ own, cuts))  # rows x levels above the lowest
    return Scale(
        weights={name: round(float(weight), 4) for name, weight in zip(names, own, strict=True)},
        cuts=tuple(round(float(cut), 4) for cut in cuts),
        least=_least(reached, human, top),
    )


def _likeliest(signals: np.ndarray, human: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights, and cuts that fall: the first, and how far each next lies below the one before, as its logarithm."""
    count = signals.shape[1]

    def parts(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x[:count], x[count] - np.concatenate(([0.0], np.cumsum(np.exp(x[count + 1 :]))))

    def loss(x: np.ndarray) -> float:
        weights, cuts = parts(x)
        reached = expit(np.add.outer(signals @ weights, cuts))
        return _unlikely(reached, human) + float(PENALTY * (weights @ weights) / 2)

    first = float(logit(np.clip((human > 0).mean(), 0.01, 0.99)))
    start = np.concatenate((np.zeros(count), [first], np.zeros(top - 1)))
    return parts(minimize(loss, start, method="L-BFGS-B").x)


def _unlikely(reached: np.ndarray, human: np.ndarray) -> float:
    """Minus the logarithm of how likely these levels are; `reached`: of each row the probability of each level above
    the lowest, or a higher one.
    """
    edges = np.hstack((np.ones((len(human), 1)), reached, np.zeros((len(human), 1))))
    at = np.arange(len(human))
    return float(-np.log(np.clip(edges[at, human] - edges[at, human + 1], 1e-12, 1)).sum())


def _least(reached: np.ndarray, human: np.ndarray, top: int) -> tuple[float, ...]:
    """For the highest level the threshold with the best kappa of that level or not; for partial then the best QWK."""
    met = human == top
    highest = max(_GRID, key=lambda t: (cohen_kappa(met, reached[:, -1] >= t) or 0.0, -abs(t - 0.5)))
    if top == 1:
        return (round(float(highest), 2),)
    said = reached[:, -1] >= highest

    def agreement(t: float) -> tuple[float, float]:
        levels = np.where(said, 2, (reached[:, 0] >= t).astype(int))
        return quadratic_kappa(human, levels, range(top + 1)) or 0.0, -abs(t - 0.5)

    return round(float(max(_GRID, key=agreement)), 2), round(float(highest), 2)
