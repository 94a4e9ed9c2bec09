"""What the comparison with AutoRubric puts before every judge, and what comes back: Items and Readings. All pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from evals.golden import GoldenAnswer, Labels
from evals.records import Record
from service.catalog import Catalog
from service.core.frozen import Frozen
from service.core.grade import CriterionGrade
from service.core.rubric import Pitfall, Point, Rubric

Kind = Literal["point", "commission", "omission", "only"]
_SCORES = {"met": 1.0, "partial": 0.5, "missed": 0.0, "committed": 1.0, "avoided": 0.0}
_LONGEST_ERROR = 300


class Asked(Frozen):
    """One criterion: how AutoRubric is asked about it, and whether it is met (committed) by the label.

    `requirement` is what an author would write there: our text and the rule by which it was labelled. `weight` is
    negative for a pitfall, as AutoRubric's manual has it. A label `partial` is not met: its verdicts have two sides.
    """

    id: str
    kind: Kind
    requirement: str
    weight: float
    human: bool


class Item(Frozen):
    """A golden answer and the criteria that every judge is asked about: those points and pitfalls that bear a label.

    `golden` has a rubric of these alone. STAR parts, and points derived from them, have no like in AutoRubric.
    """

    golden: GoldenAnswer
    criteria: tuple[Asked, ...]

    @property
    def for_autorubric(self) -> str:
        """A line for `autorubric_grade.py`; without the labels."""
        assert self.golden.rubric
        wanted = [{"id": c.id, "requirement": c.requirement, "weight": c.weight} for c in self.criteria]
        question, answer = self.golden.rubric.question, self.golden.answer
        return json.dumps({"answer_id": self.golden.id, "question": question, "answer": answer, "criteria": wanted})


class Reading(Frozen):
    """What one judge made of one item.

    `verdicts`: met or committed, by criterion id; None is unassessed. `scores` order the assessed: the odds where
    `has_odds`, else met 1, partial 0.5, missed 0. `judge` says who judged, exactly. Tokens are those of all replies,
    unreadable ones too; `input_tokens` includes `cached_tokens`. `errors` says why some are unassessed. `outage`: no
    reply came, so that it is worth asking again; None otherwise.
    """

    answer_id: str
    judge: str
    verdicts: Mapping[str, bool | None]
    scores: Mapping[str, float] = {}
    has_odds: bool = False
    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    errors: tuple[str, ...] = ()
    outage: str | None = None
    replies: tuple[str, ...] = ()


def items_of(
    golden: Sequence[GoldenAnswer], catalog: Catalog, count: int, rng: np.random.Generator
) -> tuple[Item, ...]:
    """`count` items drawn without replacement; fewer drawn with the same seed are the first of them.

    Raises ValueError where the file has fewer answers with a criterion to compare on.
    """
    every = [item for answer in golden if (item := _item(answer, answer.rubric_in(catalog))).criteria]
    if not 0 < count <= len(every):
        raise ValueError(f"{count} answers wanted; there are {len(every)} with a labelled point or pitfall")
    return tuple(every[index] for index in rng.permutation(len(every))[:count])


def _item(golden: GoldenAnswer, rubric: Rubric) -> Item:
    labels = golden.labels
    points = tuple(p for p in rubric.points if p.decided_by == "judge" and p.id in labels.points)
    pitfalls = tuple(f for f in rubric.pitfalls if f.id in labels.pitfalls)
    compared = Labels(
        points={p.id: labels.points[p.id] for p in points}, pitfalls={f.id: labels.pitfalls[f.id] for f in pitfalls}
    )
    # model_copy checks nothing: a rubric from which all was left out is dropped by the caller.
    narrowed = rubric.model_copy(update={"star": False, "points": points, "pitfalls": pitfalls})
    return Item(
        golden=golden.model_copy(update={"question_id": None, "rubric": narrowed, "labels": compared}),
        criteria=(
            *(_asked(p, "point", p.met_when, p.weight, labels.points[p.id] == "met") for p in points),
            *(_asked(f, f.kind.value, f.committed_when, -f.weight, labels.pitfalls[f.id]) for f in pitfalls),
        ),
    )


def _asked(criterion: Point | Pitfall, kind: Kind, rule: str | None, weight: float, human: bool) -> Asked:
    text = criterion.text.rstrip(".")
    requirement = f"{text}. MET when {rule.rstrip('.')}." if rule else f"{text}."
    return Asked(id=criterion.id, kind=kind, requirement=requirement, weight=weight, human=human)


def reading_of_ours(item: Item, judge: str, record: Record) -> Reading:
    """Our judges' reading, from the record of an eval run; all unassessed where the answer failed."""
    grade = record.grade
    given: dict[str, CriterionGrade] = {g.id: g for g in (*grade.points, *grade.pitfalls)} if grade else {}
    known = {c.id: given[c.id] for c in item.criteria if c.id in given and given[c.id].verdict != "unassessed"}
    has_odds = any(g.probability is not None for g in known.values())
    return Reading(
        answer_id=item.golden.id,
        judge=judge,
        verdicts={c.id: known[c.id].verdict in ("met", "committed") if c.id in known else None for c in item.criteria},
        scores={name: _SCORES[g.verdict] if g.probability is None else g.probability for name, g in known.items()},
        has_odds=has_odds,
        calls=len(record.replies),
        input_tokens=sum(reply.input_tokens for reply in record.replies),
        cached_tokens=sum(reply.cached_tokens for reply in record.replies),
        output_tokens=sum(reply.output_tokens for reply in record.replies),
        seconds=record.seconds,
        errors=(record.error,) if record.error else (),
        replies=tuple(reply.text for reply in record.replies),
    )


def reading_of_autorubric(item: Item, judge: str, told: Mapping[str, Any]) -> Reading:
    """AutoRubric's reading, from a line of `autorubric_grade.py`. It gives no odds with language models.

    MET is met, or for a pitfall committed; UNMET is not; CANNOT_ASSESS is unassessed, and so is whatever it put in
    the place of a reply that failed. Only where no reply came at all, or not all that were asked for, is it an outage.
    """
    reports = {report["id"]: report for report in told["criteria"]}
    errors = [report["error"][:_LONGEST_ERROR] for report in reports.values() if report["error"]]
    verdicts = {c.id: _verdict(reports[c.id]) for c in item.criteria}
    return Reading(
        answer_id=item.golden.id,
        judge=judge,
        verdicts=verdicts,
        scores={name: float(verdict) for name, verdict in verdicts.items() if verdict is not None},
        calls=len(told["calls"]),
        input_tokens=sum(call["input_tokens"] for call in told["calls"]),
        cached_tokens=sum(call["cached_tokens"] for call in told["calls"]),
        output_tokens=sum(call["output_tokens"] for call in told["calls"]),
        seconds=told["seconds"],
        errors=tuple(dict.fromkeys(errors)),
        outage=next((error for error in errors if error.startswith("infrastructure")), None),
        replies=tuple(call["text"] for call in told["calls"]),
    )


def _verdict(report: Mapping[str, Any]) -> bool | None:
    if report["error"]:
        return None
    return {"MET": True, "UNMET": False}.get(report["verdict"])
