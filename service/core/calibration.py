"""From what a judge noticed (its signals) to how probable each level is, by a few fitted numbers."""

import hashlib
import json
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from service.core.frozen import Frozen

DIRECTIONS: Mapping[str, str] = {
    "point": "there",
    "star": "there",
    "omission": "there",
    "commission": "committed",
    "only": "committed",
}
"""By kind, the direction in which its odds are measured: `there` is fitted to points and STAR parts alone."""
STATED = "stated"
"""The direction of points in rubrics without an example answer, mostly the facts that an answer is to state."""

Probability = Annotated[float, Field(ge=0, le=1)]


class Reading(NamedTuple):
    """`height` is the level's number, 0 the lowest; `confidence` the probability of just that level; `probability`
    that of the highest.
    """

    height: int
    confidence: float
    probability: float


class Scale(Frozen):
    """Proportional odds (McCullagh 1980) of two levels or three: P(level >= k) = logistic(weights·signals + cuts[k-1]).

    `cuts` fall from level to level. `least` is the probability from which on each level above the lowest is said.
    A signal that is not at hand counts as 0.
    """

    weights: Mapping[str, float]
    cuts: Annotated[tuple[float, ...], Field(min_length=1, max_length=2)]
    least: Annotated[tuple[Probability, ...], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(self.cuts) != len(self.least):
            raise ValueError("needs one `least` for each of the `cuts`")
        if any(a < b for a, b in pairwise(self.cuts)):
            raise ValueError("`cuts` must not rise: a higher level is never likelier reached than a lower one")
        return self

    def at_least(self, signals: Mapping[str, float]) -> tuple[float, ...]:
        """The probability of each level above the lowest, or a higher one."""
        slope = sum(weight * signals.get(name, 0.0) for name, weight in self.weights.items())
        return tuple(1 / (1 + math.exp(-max(-500.0, min(500.0, slope + cut)))) for cut in self.cuts)

    def read(self, signals: Mapping[str, float]) -> Reading:
        """The highest level whose probability reaches its `least`."""
        reached = self.at_least(signals)
        height = max((k for k, p in enumerate(reached, 1) if p >= self.least[k - 1]), default=0)
        steps = (1.0, *reached, 0.0)
        return Reading(height, round(steps[height] - steps[height + 1], 4), round(reached[-1], 4))


class Direction(Frozen):
    """A line through what a model is about to say: how far along it lies tells more than whether it says yes.

    `weights`, by token, are of the logarithms of the tokens' odds, and add up to 0: only how tokens stand to each other
    counts. A linear probe (Alain & Bengio 2016) of the model's last state, of which all its odds are a linear image.
    """

    weights: Mapping[str, float]

    def along(self, odds: Mapping[str, float]) -> float:
        """In units of the label it was fitted to. A token that was not told counts as the least likely that was; 0
        where none was told.
        """
        least = min((p for p in odds.values() if p > 0), default=1.0)
        return sum(weight * math.log(odds.get(token) or least) for token, weight in self.weights.items())


class Calibration(Frozen):
    """The scales by kind of criterion, and whence they are. Fitted by `grader eval calibrate`, kept in a file.

    `without_example` are those for rubrics that have no example answer, for the kinds whose scale would look at it.
    `directions` are by what they tell (DIRECTIONS, STATED); none in one fitted to few odds a reply.
    """

    version: Literal[1]
    made_by: str
    note: str
    scales: Mapping[str, Scale]
    without_example: Mapping[str, Scale] = {}
    directions: Mapping[str, Direction] = {}

    def scale_of(self, kind: str, has_example: bool) -> Scale:
        """By which criteria of this kind are read."""
        return self.scales[kind] if has_example else self.without_example.get(kind, self.scales[kind])

    def direction_of(self, kind: str, has_example: bool) -> Direction | None:
        """Along which the odds of this kind are measured; None without one."""
        return self.directions.get(STATED if self.says_stated(kind, has_example) else DIRECTIONS[kind])

    def says_stated(self, kind: str, has_example: bool) -> bool:
        """Whether that is not the kind's usual direction."""
        return kind == "point" and not has_example and STATED in self.directions

    @property
    def digest(self) -> str:
        """Of the numbers alone: another note makes no other judge."""
        return self._digest_of("scales", "without_example", "directions")

    @property
    def directions_digest(self) -> str:
        """Of what the known answers were measured by, where they were asked ahead."""
        return self._digest_of("directions")

    def _digest_of(self, *names: str) -> str:
        numbers = self.model_dump(mode="json", include=set(names))
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:12]
