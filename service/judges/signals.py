"""What a judge per criterion notices of one criterion: the numbers that a calibration turns into probabilities."""

import math
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from service.core.answer import Answer
from service.core.calibration import Direction
from service.core.overlap import word_overlap
from service.core.rubric import Criterion, Pitfall, Point

KINDS = ("point", "commission", "omission", "only", "star")
"""Kinds of criterion that are worded, and so calibrated, each in its own way."""

SHORT = 90
"""Words; an answer of fewer is a short one."""
_LEAST = 1e-9  # odds of a word that was not among those told


def kind_of(criterion: Criterion) -> str:
    """One of KINDS."""
    match criterion:
        case Point():
            return "point"
        case Pitfall(kind=kind):
            return kind.value
        case _:
            return "star"


class Told(NamedTuple):
    """What the odds of one reply say: the log odds of yes, and how far they lie along the kind's direction (0 where the
    calibration has none).
    """

    log_odds: float
    along: float = 0.0


class Asked(NamedTuple):
    """What came of asking about one criterion: the odds of its first token, and of the sentences' marks were it a yes.

    `neutral` is the log odds of yes for a question without content; `known` what this question told before the known
    answers that were asked about, by name (`known.KNOWN`).
    """

    odds: Mapping[str, float]
    marks: Mapping[str, float]
    neutral: float
    known: Mapping[str, Told] = MappingProxyType({})


def told_by(odds: Mapping[str, float], direction: Direction | None) -> Told | None:
    """None if the model wanted to say neither yes nor no."""
    yes = log_odds(odds)
    if yes is None:
        return None
    return Told(yes, direction.along(odds) if direction else 0.0)


def signals_of(
    criterion: Criterion, answer: Answer, asked: Asked, direction: Direction | None = None
) -> dict[str, float] | None:
    """None if the model wanted to say neither yes nor no.

    `yes` is the log odds of yes against no; `neutral` the same of a question without content, which tells how ready the
    model is to say yes of this answer; `spread` the entropy of the marks' odds in nats, high where no sentence stands
    out; `overlap` the share of the criterion's content words that the answer uses, 0 where it has no wording of its
    own; `length` the logarithm of the answer's words; `short` how far that lies under the logarithm of SHORT, 0 for an
    answer that is not short; `empty` and `example` the log odds of yes for an answer without
    content and for the rubric's example, where they were asked; `lift` how much farther along the direction the answer
    lies than those two on the mean, 0 without a direction.
    """
    told = told_by(asked.odds, direction)
    if told is None:
        return None
    return {
        "yes": told.log_odds,
        "neutral": asked.neutral,
        "spread": _entropy(asked.marks),
        "overlap": word_overlap(_wanted(criterion), answer) or 0.0,
        "length": math.log(len(answer.words) + 1),
        "short": max(0.0, math.log((SHORT + 1) / (len(answer.words) + 1))),
        "lift": lift(told.along, [known.along for known in asked.known.values()]),
        **{name: known.log_odds for name, known in asked.known.items()},
    }


def lift(along: float, known: Collection[float]) -> float:
    """Over the mean of the known answers; 0 where none is known."""
    return along - sum(known) / len(known) if known else 0.0


def _entropy(odds: Mapping[str, float]) -> float:
    total = sum(odds.values())
    return -sum(p / total * math.log(p / total) for p in odds.values() if p > 0) if total else 0.0


def log_odds(odds: Mapping[str, float]) -> float | None:
    """Of yes against no, however they are spelt; None if neither was among the tokens told."""
    said = {"yes": 0.0, "no": 0.0}
    for token, p in odds.items():
        word = token.strip().casefold()
        if word in said:
            said[word] += p
    return math.log((said["yes"] + _LEAST) / (said["no"] + _LEAST)) if sum(said.values()) else None


def _wanted(criterion: Criterion) -> str:
    match criterion:
        case Point():
            return criterion.text
        case Pitfall():
            return criterion.expected or criterion.text
        case _:
            return ""
