"""Golden answers: answers with the verdicts that humans gave, one JSON object a line."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from service.catalog import Catalog
from service.core.errors import BadFile, UnknownQuestion
from service.core.frozen import Frozen
from service.core.rubric import Rubric, StarPart
from service.core.verdict import PointLevel, StarLevel


class Labels(Frozen):
    """What humans decided; a criterion left out has no gold and is not compared. Of a pitfall, true is committed."""

    points: Mapping[str, PointLevel] = {}
    pitfalls: Mapping[str, bool] = {}
    star: Mapping[StarPart, StarLevel] = {}


class GoldenAnswer(Frozen):
    """An answer to a question of the catalog, or to a rubric of its own, with its labels.

    `score` is a human's, in [0, 100]; None where nobody gave one. `language` is ISO 639-1; None where unknown.
    """

    id: Annotated[str, Field(min_length=1, max_length=120)]
    question_id: str | None = None
    rubric: Rubric | None = None
    answer: str
    labels: Labels
    score: Annotated[float, Field(ge=0, le=100)] | None = None
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.question_id is None) == (self.rubric is None):
            raise ValueError("one of question_id and rubric, not both and not neither")
        return self

    def rubric_in(self, catalog: Catalog) -> Rubric:
        """The rubric it is labelled by. Raises UnknownQuestion."""
        return self.rubric or catalog.rubric_for(self.question_id or "")


class Guise(NamedTuple):
    """Which of two answers this is that say the same; `side` is None where the tags say neither a nor b."""

    family: str
    pair: str
    side: Literal["a", "b"] | None


def guise_of(answer: GoldenAnswer) -> Guise | None:
    """By its tags `fairness:FAMILY`, `pair:NAME` and `side:a` or `side:b`; None for an answer that is of no pair."""
    tags = dict(tag.split(":", 1) for tag in answer.tags if tag.startswith(("pair:", "side:", "fairness:")))
    if "pair" not in tags:
        return None
    side: Literal["a", "b"] | None = "a" if tags.get("side") == "a" else "b" if tags.get("side") == "b" else None
    return Guise(tags.get("fairness", "unnamed"), tags["pair"], side)


def read_golden(path: Path, catalog: Catalog) -> tuple[GoldenAnswer, ...]:
    """A golden file's answers, in its order. Raises BadFile, naming each bad line and what is wrong in it."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, [(None, f"cannot be read: {error}")]) from error
    answers: list[GoldenAnswer] = []
    problems: list[tuple[int | None, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answer = GoldenAnswer.model_validate(json.loads(line))
        except ValidationError as error:
            problems += [(number, f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}") for e in error.errors()]
        except ValueError as error:
            problems.append((number, f"not JSON: {error}"))
        else:
            answers.append(answer)
            problems += [(number, text) for text in _misfits(answer, catalog)]
    twice = sorted(name for name, n in Counter(answer.id for answer in answers).items() if n > 1)
    if twice:
        problems.append((None, f"ids must be unique; found more than once: {twice}"))
    if problems or not answers:
        raise BadFile(path, problems or [(None, "no golden answers in it")])
    return tuple(answers)


def _misfits(answer: GoldenAnswer, catalog: Catalog) -> list[str]:
    """Where the labels speak of what the rubric does not have."""
    try:
        rubric = answer.rubric_in(catalog)
    except UnknownQuestion as error:
        return [str(error)]
    known: dict[Literal["points", "pitfalls", "star"], set[str]] = {
        "points": {point.id for point in rubric.points},
        "pitfalls": {pitfall.id for pitfall in rubric.pitfalls},
        "star": {part.value for part in StarPart} if rubric.star else set(),
    }
    labelled = {kind: set(getattr(answer.labels, kind)) for kind in known}
    return [
        f"labels.{kind}: the rubric has no {sorted(labelled[kind] - known[kind])}"
        for kind in known
        if labelled[kind] - known[kind]
    ]
