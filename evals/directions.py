"""Fit directions: which way a model's odds lean where the thing that is asked about is there.

The log odds of a few thousand tokens are a linear image of the model's last state, so a ridge regression on them is a
linear probe of that state (Alain & Bengio 2016). What is fitted to is how far a candidate's odds lie from those of the
known answers to the same question.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import Ridge

from evals.pairs import LEVELS, Kind
from service.core.calibration import DIRECTIONS, STATED, Direction

WIDE = 1000
"""Replies that tell the odds of fewer tokens have no directions."""
TOLD = 0.9
"""Share of the replies that must tell a token for it to have a weight."""
PENALTY = 4.0
"""Of the squared weights of standardised odds, per token: chosen among 0.5, 1.5, 4 and 10, which differ little."""
FITTED_TO: Mapping[str, tuple[str, ...]] = {"there": ("point", "star"), "committed": ("commission", "only")}
"""By direction, the kinds of criterion whose labels it is fitted to."""
FITTED_TO_STATED: Mapping[str, tuple[str, ...]] = {STATED: ("point",)}
BY_STATED: Mapping[str, str] = {"point": STATED}
ALIKE = 32.0
"""How many labels it weighs that two guises of one answer should lie equally far."""
MOVE_ALIKE, MOVE_PENALTY = 8.0, 10.0
"""The same where directions are moved, and the penalty on how far: behind them are more labels than the fit sees."""
_FOLDS = 5


class Vectors(NamedTuple):
    """The log odds of one criterion's question, centred, before the candidate's answer and the known ones, by name."""

    answer: np.ndarray
    known: Mapping[str, np.ndarray]

    @property
    def lift(self) -> np.ndarray:
        over: np.ndarray = self.answer - np.mean(list(self.known.values()), axis=0)
        return over

    @property
    def bare(self) -> "Vectors":
        """As in a rubric without an example answer."""
        return self._replace(known={"empty": self.known["empty"]})


class Labelled(NamedTuple):
    """What a direction is fitted to, and measured on."""

    question: str
    kind: str
    human: int
    vectors: Vectors


class Pair(NamedTuple):
    """One criterion's question before two answers that say the same: how the log odds of the one differ from the
    other's.
    """

    question: str
    kind: str
    difference: np.ndarray


def is_wide(odds: Mapping[str, float]) -> bool:
    """Whether enough was told of a reply to see where it lies along a direction."""
    return len(odds) >= WIDE


def tokens_of(replies: Iterable[Mapping[str, float]]) -> tuple[str, ...]:
    """Those that nearly all replies tell, in the order of the alphabet; none where replies tell few."""
    counts, seen = Counter[str](), 0
    for odds in replies:
        if not is_wide(odds):
            return ()
        counts.update(odds.keys())
        seen += 1
    return tuple(sorted(token for token, count in counts.items() if count >= TOLD * seen))


def vector_of(odds: Mapping[str, float], tokens: Sequence[str]) -> np.ndarray:
    """Logarithms less their mean; a token that was not told counts as the least likely that was."""
    least = min(p for p in odds.values() if p > 0)
    logs = np.log(np.array([odds.get(token) or least for token in tokens]))
    centred: np.ndarray = (logs - logs.mean()).astype(np.float32)
    return centred


def fitted_directions(
    rows: Sequence[Labelled],
    tokens: Sequence[str],
    pairs: Sequence[Pair] = (),
    fitted_to: Mapping[str, tuple[str, ...]] = FITTED_TO,
) -> dict[str, Direction]:
    """By name; of `pairs` both sides should lie alike. Raises ValueError where there is nothing to fit one to."""
    weights = {name: _weights(rows, pairs, kinds) for name, kinds in fitted_to.items()}
    return {name: _direction(tokens, own) for name, own in weights.items()}


def _direction(tokens: Sequence[str], weights: np.ndarray) -> Direction:
    return Direction(weights={t: float(f"{w:.4g}") for t, w in zip(tokens, weights, strict=True)})


def moved_directions(
    rows: Sequence[Labelled],
    tokens: Sequence[str],
    pairs: Sequence[Pair],
    before: Mapping[str, Direction],
    fitted_to: Mapping[str, tuple[str, ...]] = FITTED_TO,
) -> dict[str, Direction]:
    """Those of `before`, each moved no farther than labels and pairs ask: a ridge towards the former weights, in place
    of 0. What they were fitted to need not be at hand. Of another name they stay as they are.

    So that scales which were fitted to the former ones can go on reading them, each is brought to the former's measure:
    on these rows a lift along it is the best guess at the lift along that. `tokens` are those of the vectors, and must
    be those of `before`. Raises ValueError where nothing asks.
    """
    moved = {}
    for name, kinds in fitted_to.items():
        former = np.array([before[name].weights[token] for token in tokens])
        weights = _weights(rows, pairs, kinds, former)
        lifts = np.array([row.vectors.lift for row in rows if row.kind in kinds])
        old, new = ((along := lifts @ one) - along.mean() for one in (former, weights))
        moved[name] = _direction(tokens, weights * (old @ new) / (new @ new))
    return {**before, **moved}


def along_unseen(
    rows: Sequence[Labelled],
    pairs: Sequence[Pair] = (),
    fitted_to: Mapping[str, tuple[str, ...]] = FITTED_TO,
    by_kind: Mapping[str, str] = DIRECTIONS,
) -> list[tuple[float, dict[str, float]]]:
    """How far each row's odds lie along its kind's direction, and by name those of the known answers; the direction
    fitted to other questions, or a scale fitted to it would trust it too much.

    Raises ValueError with fewer than two questions.
    """
    questions = sorted({row.question for row in rows})
    if len(questions) < 2:
        raise ValueError("all labels are of one question")
    found: list[tuple[float, dict[str, float]]] = [(0.0, {})] * len(rows)
    for fold in np.array_split(np.array(questions, dtype=object), min(_FOLDS, len(questions))):
        seen = [row for row in rows if row.question not in fold]
        alike = [pair for pair in pairs if pair.question not in fold]
        weights = {name: _weights(seen, alike, kinds) for name, kinds in fitted_to.items()}
        for place, row in enumerate(rows):
            if row.question in fold:
                own = weights[by_kind[row.kind]]
                along = {name: float(vector @ own) for name, vector in row.vectors.known.items()}
                found[place] = float(row.vectors.answer @ own), along
    return found


def _weights(
    rows: Sequence[Labelled], pairs: Sequence[Pair], kinds: tuple[str, ...], former: np.ndarray | None = None
) -> np.ndarray:
    """Of the logarithms of the tokens' odds; they add up to 0. Held near to `former`; None: to 0."""
    own = [row for row in rows if row.kind in kinds]
    if not own:
        raise ValueError(f"no labels of {' or '.join(kinds)} in some part of the questions")
    lifts = np.array([row.vectors.lift for row in own])
    spread = lifts.std(axis=0)
    spread[spread == 0] = 1.0
    labels = np.array([row.human / _top(row.kind) for row in own])
    for kind in kinds:  # that one kind is met more often is no sign of a thing being there
        of_kind = np.array([row.kind == kind for row in own])
        labels[of_kind] -= labels[of_kind].mean() if of_kind.any() else 0.0
    alike, penalty = (ALIKE, PENALTY) if former is None else (MOVE_ALIKE, MOVE_PENALTY)
    differences = [pair.difference / spread * alike**0.5 for pair in pairs if pair.kind in kinds]
    values = np.vstack([(lifts - lifts.mean(axis=0)) / spread, *differences])
    wanted = np.concatenate([labels - labels.mean(), np.zeros(len(differences))])
    start = np.zeros(lifts.shape[1]) if former is None else former * spread
    ridge = Ridge(penalty * lifts.shape[1], fit_intercept=False).fit(values, wanted - values @ start)
    weights = (start + ridge.coef_) / spread
    return np.asarray(weights - weights.mean())


def _top(kind: str) -> int:
    return len(LEVELS[family(kind)]) - 1


def family(kind: str) -> Kind:
    """Which levels a kind of criterion has."""
    return "points" if kind == "point" else "star" if kind == "star" else "pitfalls"
