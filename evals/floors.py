"""Baselines that cost nothing and read nothing: a judge that doesn't beat them has not shown that it reads."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from evals.agreement import best_threshold
from service.core.answer import Answer


def length(answer: Answer) -> int:
    """Words of the answer."""
    return len(answer.words)


def majority(labels: Sequence[int]) -> int | None:
    """The commonest label, of those equally common the lowest. None with no labels."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label)) if counts else None


def held_out_thresholded(
    scores: Sequence[float | None], positives: Sequence[bool], groups: Sequence[Hashable]
) -> tuple[bool | None, ...]:
    """What a floor says of each item: whether its score reaches the threshold that is best on all other groups.

    So a floor gets a kappa without having seen the question that it is measured on (a group is a question). High
    scores must mean positive; negate those that mean the reverse. None where the score is, and where the other groups
    give no threshold: no item with a score there, or all of one kind.
    """
    at_hand = [
        (score, positive, group)
        for score, positive, group in zip(scores, positives, groups, strict=True)
        if score is not None
    ]
    values = np.array([score for score, _, _ in at_hand], dtype=float)
    kinds = np.array([positive for _, positive, _ in at_hand])
    threshold: dict[Hashable, float | None] = {}
    for held_out in dict.fromkeys(groups):
        others = np.array([group != held_out for _, _, group in at_hand], dtype=bool)
        threshold[held_out] = best_threshold(kinds[others], values[others])
    return tuple(
        None if score is None or (cut := threshold[group]) is None else score >= cut
        for score, group in zip(scores, groups, strict=True)
    )
