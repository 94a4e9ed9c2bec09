"""Bootstrap intervals: how far a figure could lie from its value, had other answers been drawn."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Statistic = Callable[[Indices], float | None]
"""A figure over the items at these places of the caller's columns (numpy arrays); None where it is undefined."""


class Interval(NamedTuple):
    """A figure and its bounds.

    `low` and `high` are None where bounds can't be told: fewer than two groups, or more than half of the draws
    undefined. `undefined_draws` were left out of the bounds.
    """

    value: float
    low: float | None
    high: float | None
    undefined_draws: int


def groups_of(keys: Sequence[Hashable]) -> tuple[Indices, ...]:
    """The places at which each key stands, keys in the order of their first place: items of one key are kin."""
    places: dict[Hashable, list[int]] = {}
    for at, key in enumerate(keys):
        places.setdefault(key, []).append(at)
    return tuple(np.array(group, dtype=np.intp) for group in places.values())


def interval(
    groups: Sequence[Indices],
    statistic: Statistic,
    rng: np.random.Generator,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval | None:
    """Percentile bootstrap that draws whole groups with replacement; None where the statistic itself is undefined.

    Criteria of one answer, or answers to one question, are kin, so they are drawn together (the cluster bootstrap:
    Field and Welsh 2007; the percentiles: Efron and Tibshirani 1993, chapter 13). A group is an array of places:

        interval(groups_of(answer_ids), lambda at: cohen_kappa(human[at], judge[at]), rng)
    """
    if draws < 1 or not 0 < level < 1:
        raise ValueError(f"at least one draw and a level between 0 and 1 are wanted, not {draws} and {level}")
    if not groups:
        return None
    value = statistic(np.concatenate(groups))
    if value is None:
        return None
    if len(groups) < 2:
        return Interval(float(value), None, None, 0)
    drawn = rng.integers(len(groups), size=(draws, len(groups)))
    figures = [statistic(np.concatenate([groups[g] for g in draw])) for draw in drawn]
    defined = np.array([figure for figure in figures if figure is not None])
    undefined = draws - defined.size
    if undefined * 2 > draws:
        return Interval(float(value), None, None, undefined)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), undefined)


def paired_difference(
    groups: Sequence[Indices],
    before: Statistic,
    after: Statistic,
    rng: np.random.Generator,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval | None:
    """Interval of `after` − `before`, both over the same drawn items, so that what is hard for both cancels out.

    None, or an undefined draw, where either of them is undefined.
    """

    def difference(at: Indices) -> float | None:
        first, second = before(at), after(at)
        return None if first is None or second is None else second - first

    return interval(groups, difference, rng, draws, level)
