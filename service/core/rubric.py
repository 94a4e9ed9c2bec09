"""What a good answer holds: a Rubric of points, pitfalls and, for past experiences, the four STAR parts."""

import hashlib
import json
import math
from collections import Counter
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from service.core.frozen import Frozen

MOST_CRITERIA = 64
"""Points, pitfalls and STAR parts of one rubric, together."""


class StarPart(StrEnum):
    """A part of a told experience; its value is its criterion id."""

    SITUATION = "situation"
    TASK = "task"
    ACTION = "action"
    RESULT = "result"


class PitfallKind(StrEnum):
    """How a pitfall is committed: by saying a thing, by leaving it out, or by saying nothing else."""

    COMMISSION = "commission"
    OMISSION = "omission"
    ONLY = "only"


def _weight(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise ValueError("a weight is a finite number above 0; leave a criterion out rather than give it 0")
    return value


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
CriterionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")]
Weight = Annotated[float, AfterValidator(_weight)]


class Point(Frozen):
    """A thing a good answer holds. `decided_by: star` means that code derives it from the STAR parts."""

    id: CriterionId
    text: Line
    met_when: Line | None = None
    partial_when: Line | None = None
    weight: Weight = 1.0
    decided_by: Literal["judge", "star"] = "judge"


class Pitfall(Frozen):
    """A thing that spoils an answer.

    `expected` names what an omission leaves out, or what an `only` lacks beside it: the judge is asked
    whether that is there, and code inverts. None: the judge works it out from `text`.
    """

    id: CriterionId
    kind: PitfallKind = PitfallKind.COMMISSION
    text: Line
    expected: Line | None = None
    committed_when: Line | None = None
    weight: Weight = 1.0


class StarCriterion(Frozen):
    """One STAR part as a thing to be judged; its wording lives in `prompts/`."""

    part: StarPart

    @property
    def id(self) -> str:
        return str(self.part)


_STAR_CRITERIA = tuple(StarCriterion(part=part) for part in StarPart)
Criterion = Point | Pitfall | StarCriterion


class Source(Frozen):
    """Where the question was taken from."""

    document: Line
    number: Line | None = None


class Rubric(Frozen):
    """A question with all that its answers are judged by. Only `question` and one of points/pitfalls are needed.

    `id` is None for a rubric that came with a request and gave none.
    """

    model_config = ConfigDict(json_schema_extra={"description": "A rubric, in the form of rubrics/*.yaml."})

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    title: Line | None = None
    question: Line
    role: Line | None = None
    format: Literal["behavioral", "technical", "situational"] | None = None
    assesses: Line | None = None
    region: Line | None = None
    source: Source | None = None
    star: bool = False
    points: tuple[Point, ...] = ()
    pitfalls: tuple[Pitfall, ...] = ()
    example_answer: Line | None = None

    def __hash__(self) -> int:
        """Of what tells most rubrics apart: what is remembered of a rubric is looked up for every answer."""
        return hash((self.id, self.question, len(self.points), len(self.pitfalls)))

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        names = [p.id for p in self.points] + [f.id for f in self.pitfalls] + [s.value for s in StarPart if self.star]
        ids = Counter(name.casefold() for name in names)  # as judges' replies are read
        twice = sorted(name for name, n in ids.items() if n > 1)
        if not self.points and not self.pitfalls:
            raise ValueError("a rubric needs at least one of points and pitfalls")
        if twice:
            raise ValueError(f"criterion ids must be unique, capitals aside; found more than once: {twice}")
        if ids.total() > MOST_CRITERIA:
            raise ValueError(f"{ids.total()} criteria; a rubric may have at most {MOST_CRITERIA}")
        if not self.star and any(p.decided_by == "star" for p in self.points):
            raise ValueError("a point is decided_by: star, so the rubric needs star: true")
        return self

    @property
    def judged(self) -> tuple[Criterion, ...]:
        """The criteria a judge is asked about, in order: points, pitfalls, STAR parts."""
        return (
            *(p for p in self.points if p.decided_by == "judge"),
            *self.pitfalls,
            *(_STAR_CRITERIA if self.star else ()),
        )


class Bands(Frozen):
    """Least rounded score of each band; below `developing` an answer is weak."""

    developing: float = 40
    solid: float = 60
    strong: float = 80


class LevelValues(Frozen):
    """What each level earns: of a point, and of a STAR part (present, partial, absent)."""

    met: float = Field(default=1.0, ge=0, le=1)
    partial: float = 0.5
    missed: float = Field(default=0.0, ge=0, le=1)


class RubricSet(Frozen):
    """What belongs to the whole set of rubrics: how verdicts become a score.

    `review_below`: a confidence under it asks for a human's eye. `hidden`: question ids that are graded
    when named but not listed.
    """

    points_share: float = Field(default=0.8, ge=0, le=1)
    star_share: float = Field(default=0.2, ge=0, le=1)
    max_deduction: float = Field(default=0.3, ge=0, le=1)
    level_values: LevelValues = LevelValues()
    bands: Bands = Bands()
    review_below: float = Field(default=0.6, ge=0, le=1)
    hidden: tuple[str, ...] = ()


def digest_of(value: Any) -> str:
    """sha256 in hex over a value's canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@lru_cache(maxsize=64)
def rubric_version(rubric: Rubric, rules: RubricSet) -> str:
    """`sha256:…` over the rubric and the set: two grades are comparable where it is the same."""
    return f"sha256:{digest_of([rubric.model_dump(mode='json'), rules.model_dump(mode='json')])}"


def criterion_content(criterion: Criterion) -> dict[str, Any]:
    """All that can shape a verdict on this criterion: neither id nor weight, which only name and count it."""
    return {"type": type(criterion).__name__, **criterion.model_dump(mode="json", exclude={"id", "weight"})}
