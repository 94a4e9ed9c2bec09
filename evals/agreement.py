"""How well a judge agrees with humans: each measure in one place, None where it is not defined.

Everywhere `human` and `judge` are of equal length, the reading of one thing at the same place in both, as sequences or
numpy arrays. Levels are whole numbers in their order (0, 1, 2 for missed, partial, met). What a judge left unassessed
is to be left out first: a None or NaN among the readings is a ValueError, as are unequal lengths.

The sums are ours where a bootstrap repeats them tens of thousands of times (a call of scikit-learn takes 0.3 to 1.2 ms
over 680 readings, these take 0.02 to 0.06); tests hold them equal to scikit-learn's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import krippendorff
import numpy as np
from numpy.typing import NDArray
from scipy import stats

Levels = Sequence[int] | NDArray[Any]
Flags = Sequence[bool] | NDArray[Any]
Numbers = Sequence[float] | NDArray[Any]


@dataclass(frozen=True)
class Bin:
    """Forecasts above `low` up to `high` (the first bin holds 0 too): their mean, and the share that came true."""

    low: float
    high: float
    mean_probability: float
    observed: float
    count: int


def accuracy(human: Levels, judge: Levels) -> float | None:
    """Share of readings that are the same. None with no readings."""
    h, j = _levels(human, judge)
    return float((h == j).mean()) if h.size else None


def one_step_accuracy(human: Levels, judge: Levels) -> float | None:
    """Share of readings at most one level apart. None with no readings."""
    h, j = _levels(human, judge)
    return float((abs(h - j) <= 1).mean()) if h.size else None


def f1(human: Levels, judge: Levels, positive: int) -> float | None:
    """2·hits / (2·hits + false alarms + misses) for the level `positive`. None where neither side ever gives it."""
    h, j = (side == positive for side in _levels(human, judge))
    given = int(h.sum() + j.sum())
    return 2 * int((h & j).sum()) / given if given else None


def cohen_kappa(human: Levels, judge: Levels) -> float | None:
    """(observed − chance agreement) / (1 − chance agreement), Cohen 1960; chance from each side's own shares.

    None with no readings, and where both sides give one and the same level throughout: chance alone is then right.
    Where only one side is constant, it is 0: that side agrees as a blind guess does.
    """
    h, j = _levels(human, judge)
    if not h.size:
        return None
    n = h.size
    _, at = np.unique(np.concatenate((h, j)), return_inverse=True)
    chance = int(np.bincount(at[:n], minlength=at.max() + 1) @ np.bincount(at[n:], minlength=at.max() + 1))
    return None if chance == n * n else (n * int((h == j).sum()) - chance) / (n * n - chance)


def quadratic_kappa(human: Levels, judge: Levels, levels: Sequence[int]) -> float | None:
    """Kappa in which a miss by two levels costs four times a miss by one (Cohen 1968), over `levels`, rising.

    With places h, j among the levels it is 1 − mean (h − j)² / the same mean over all pairings of the two sides.
    None with no readings, and where both sides give one and the same level throughout. Raises ValueError for a
    reading that is none of the levels.
    """
    if any(low >= high for low, high in pairwise(levels)):
        raise ValueError(f"levels {list(levels)} do not rise")
    h, j = (_places(side, levels) for side in _levels(human, judge))
    n = h.size
    by_chance = n * int(h @ h) + n * int(j @ j) - 2 * int(h.sum()) * int(j.sum())
    return 1 - n * int((h - j) @ (h - j)) / by_chance if by_chance else None


def score_kappa(human: Numbers, judge: Numbers, width: int = 10) -> float | None:
    """Quadratic kappa of scores in [0, 100], cut into bins of `width`; the last bin holds 100. None as there."""
    h, j = _numbers(human, judge)
    if width <= 0 or ((h < 0) | (h > 100) | (j < 0) | (j > 100)).any():
        raise ValueError(f"scores in [0, 100] and a width above 0 are wanted; width {width}, scores {h}, {j}")
    bins = -(-100 // width)
    human_bin, judge_bin = (np.minimum(side // width, bins - 1).astype(np.int64) for side in (h, j))
    return quadratic_kappa(human_bin, judge_bin, range(bins))


def krippendorff_alpha(
    readings: Sequence[Sequence[int | None]], level: Literal["ordinal", "nominal"] = "ordinal"
) -> float | None:
    """1 − observed / expected disagreement (Krippendorff 2011), of two readers or more.

    A row is a reader, a column a thing read; None: this reader did not read it. The result is None where no thing was
    read twice, or all that were got one and the same level.
    """
    try:
        table = np.array(readings, dtype=float)
    except ValueError as error:
        raise ValueError(f"readers of unequal length: {[len(row) for row in readings]}") from error
    if table.ndim != 2:
        return None
    comparable = table[:, (~np.isnan(table)).sum(axis=0) >= 2]
    if np.unique(comparable[~np.isnan(comparable)]).size < 2:
        return None
    return float(krippendorff.alpha(reliability_data=comparable, level_of_measurement=level))


def auc(positives: Flags, scores: Numbers) -> float | None:
    """Chance that a positive scores above a negative, ties counted half (Hanley and McNeil 1982).

    None where all are positive, or none is.
    """
    p, (s,) = _flags(positives), _numbers(scores)
    _same_length(p, s)
    above, below = s[p], np.sort(s[~p])
    if not (above.size and below.size):
        return None
    won, not_lost = (int(np.searchsorted(below, above, side).sum()) for side in ("left", "right"))
    return (won + not_lost) / (2 * above.size * below.size)


def best_threshold(positives: Flags, scores: Numbers) -> float | None:
    """The score from which on (>=) to say positive, for the highest Cohen's kappa; the lowest of those equally good.

    The lowest score of all is among them (everything is positive, kappa 0), so scores that mislead end there.
    None where all are positive, or none is.
    """
    p, (s,) = _flags(positives), _numbers(scores)
    _same_length(p, s)
    thresholds, at = np.unique(s, return_inverse=True)
    all_positive, all_negative = int(p.sum()), int((~p).sum())
    if not (all_positive and all_negative):
        return None
    # At or above each threshold:
    hits, alarms = (np.bincount(at[side], minlength=thresholds.size)[::-1].cumsum()[::-1] for side in (p, ~p))
    said = hits + alarms
    # Kappa of a 2 × 2 table: 2 (hits · correct rejections − alarms · misses) / what chance leaves over.
    gain = 2 * (hits * (all_negative - alarms) - alarms * (all_positive - hits))
    kappa = gain / (said * all_negative + all_positive * (p.size - said))
    return float(thresholds[np.argmax(kappa)])


def spearman(a: Numbers, b: Numbers) -> float | None:
    """Pearson's correlation of the ranks, ties at their mean rank. None as there."""
    x, y = _numbers(a, b)
    return None if _constant(x) or _constant(y) else float(stats.spearmanr(x, y).statistic)


def pearson(a: Numbers, b: Numbers) -> float | None:
    """Linear correlation in [−1, 1]. None with fewer than two pairs, or a side that does not vary."""
    x, y = _numbers(a, b)
    return None if _constant(x) or _constant(y) else float(stats.pearsonr(x, y).statistic)


def mean_error(human: Numbers, judge: Numbers) -> float | None:
    """Mean of judge − human: above 0 the judge is lenient. None with no readings."""
    h, j = _numbers(human, judge)
    return float((j - h).mean()) if h.size else None


def mean_absolute_error(human: Numbers, judge: Numbers) -> float | None:
    """Mean of |judge − human|. None with no readings."""
    h, j = _numbers(human, judge)
    return float(abs(j - h).mean()) if h.size else None


def calibration_curve(positives: Flags, probabilities: Numbers, bins: int = 10) -> tuple[Bin, ...]:
    """How often what was forecast came true, in bins of equal width; empty bins are left out."""
    edges, counts, forecast, seen = _binned(positives, probabilities, bins)
    return tuple(
        Bin(float(low), float(high), float(f / n), float(s / n), int(n))
        for (low, high), n, f, s in zip(pairwise(edges), counts, forecast, seen, strict=True)
        if n
    )


def expected_calibration_error(positives: Flags, probabilities: Numbers, bins: int = 10) -> float | None:
    """Mean of |forecast − observed| over the bins, by their counts (Naeini and others 2015). None with no readings."""
    _, counts, forecast, seen = _binned(positives, probabilities, bins)
    return float(abs(forecast - seen).sum() / counts.sum()) if counts.sum() else None


def brier(positives: Flags, probabilities: Numbers) -> float | None:
    """Mean of (probability − outcome)², 0 the best (Brier 1950). None with no readings."""
    p, q = _forecasts(positives, probabilities)
    return float(((q - p) ** 2).mean()) if p.size else None


def confusion(human: Levels, judge: Levels, labels: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Counts: a row for each label as the human gave it, a column as the judge did. ValueError for other labels."""
    order = sorted(labels)
    h, j = (_places(side, order) for side in _levels(human, judge))
    size = len(order)
    table = np.bincount(h * size + j, minlength=size * size).reshape(size, size)
    at = [order.index(label) for label in labels]
    return tuple(tuple(int(n) for n in row) for row in table[np.ix_(at, at)])


class _Binned(NamedTuple):
    """The edges of the bins, and for each its count, the sum of its forecasts and the number that came true."""

    edges: NDArray[Any]
    counts: NDArray[Any]
    forecast: NDArray[Any]
    seen: NDArray[Any]


def _binned(positives: Flags, probabilities: Numbers, bins: int) -> _Binned:
    if bins < 1:
        raise ValueError(f"{bins} bins: at least one is wanted")
    p, q = _forecasts(positives, probabilities)
    edges = np.linspace(0, 1, bins + 1)
    at = np.searchsorted(edges[1:-1], q)
    counts, forecast, seen = (np.bincount(at, weights=of, minlength=bins) for of in (None, q, p))
    return _Binned(edges, counts, forecast, seen)


def _forecasts(positives: Flags, probabilities: Numbers) -> tuple[NDArray[Any], NDArray[Any]]:
    p, (q,) = _flags(positives), _numbers(probabilities)
    _same_length(p, q)
    if ((q < 0) | (q > 1)).any():
        raise ValueError(f"probabilities outside [0, 1]: {q[(q < 0) | (q > 1)]}")
    return p, q


def _levels(*sides: Levels) -> list[NDArray[np.int64]]:
    arrays = [np.asarray(side) for side in sides]
    for array in arrays:
        if array.size and array.dtype.kind not in "biu":
            raise ValueError(f"levels must be whole numbers, what is unassessed left out; here {array.dtype}: {array}")
    _same_length(*arrays)
    return [array.astype(np.int64) for array in arrays]


def _numbers(*sides: Numbers) -> list[NDArray[np.float64]]:
    arrays = [np.asarray(side, dtype=float) for side in sides]
    for array in arrays:
        if not np.isfinite(array).all():
            raise ValueError(f"numbers must be finite, what is unknown left out; here {array}")
    _same_length(*arrays)
    return arrays


def _flags(values: Flags) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.size and array.dtype.kind != "b":
        raise ValueError(f"each of the positives must be True or False; here {array.dtype}: {array}")
    return array.astype(bool)


def _same_length(*arrays: NDArray[Any]) -> None:
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim != 1:
        raise ValueError(f"sequences of equal length are wanted, not of shapes {[a.shape for a in arrays]}")


def _places(side: NDArray[np.int64], levels: Sequence[int]) -> NDArray[np.int64]:
    known = np.asarray(levels, dtype=np.int64)
    strange = ~np.isin(side, known)
    if strange.any():
        raise ValueError(f"readings {sorted(set(side[strange].tolist()))} are none of the levels {list(levels)}")
    return np.searchsorted(known, side).astype(np.int64)


def _constant(values: NDArray[np.float64]) -> bool:
    """Fewer than two values, or no more between them than rounding leaves: no correlation can be told."""
    if values.size < 2:
        return True
    centred = values - values.mean()
    # The limit below which scipy warns that its result is noise.
    return bool(np.linalg.norm(centred) <= np.finfo(float).eps ** 0.75 * abs(values.mean()))
