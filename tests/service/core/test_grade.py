"""The grade is the contract's reply: its names, its statuses, its unknowns, and spans of the answer as received."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.core.answer import Answer
from service.core.gates import Flag, FlagKind, flags_of
from service.core.grade import Grade, JudgeReport, PartGrade, evidence_of, grade_of, verdicts_on_nothing
from service.core.rubric import Pitfall, PitfallKind, Point, Rubric, RubricSet, StarPart, rubric_version
from service.core.verdict import Level, Mention, Verdict

RULES = RubricSet(review_below=0.6)
JUDGE = JudgeReport(name="one_call", model="m", prompt="grade-v1@3f9c", calls=1, cost_usd=None, seconds=1.9)
ANSWER = Answer.of(
    "  I ran a\u200b shop 🐝 alone.\nReturns fell by 12%.  My\taim was fewer of them. We all learnt a lot."
)
PARTS = [part.value for part in StarPart]


def rubric_of(*, star: bool = True, points: int = 2, pitfalls: int = 1, derived: bool = False) -> Rubric:
    """Points p1 … and, last of them if `derived`, one decided by STAR; pitfalls f1 …"""
    told = [Point(id="story", text="tells a story", decided_by="star")] if derived else []
    return Rubric(
        id="9.1",
        question="How did you run the shop you once had?",
        star=star,
        points=(*(Point(id=f"p{n}", text=f"point {n}") for n in range(1, points + 1)), *told),
        pitfalls=tuple(
            Pitfall(id=f"f{n}", text=f"pitfall {n}", kind=PitfallKind.OMISSION) for n in range(1, pitfalls + 1)
        ),
    )


def verdict(name: str, level: Level, *sentences: int, **more: Any) -> Verdict:
    return Verdict(criterion_id=name, level=level, sentences=sentences, **more)


def graded(rubric: Rubric, *verdicts: Verdict, answer: Answer = ANSWER, flags: tuple[Flag, ...] = ()) -> Grade:
    known = {verdict.criterion_id: verdict for verdict in verdicts}
    return grade_of(rubric, RULES, answer, flags, known, judge=JUDGE, cache="miss", request_id="r1")


def all_of(rubric: Rubric, **changed: Verdict) -> list[Verdict]:
    """Points met, pitfalls avoided and parts present, but for those that are changed."""
    best: Mapping[type, Level] = {Point: "met", Pitfall: "avoided"}
    return [changed.get(c.id) or verdict(c.id, best.get(type(c), "present"), 1) for c in rubric.judged]


def test_a_grade_where_all_is_decided_bears_the_contracts_names_and_values() -> None:
    by = {"model": "m", "prompt": "grade-v1@3f9c"}
    rubric = rubric_of()
    omitted = verdict("f1", "committed", mention=Mention.OMITS, confidence=0.8, **by)
    verdicts = [
        verdict("p1", "met", 1, reason="names the shop", confidence=0.93, probability=0.93, **by),
        verdict("p2", "missed", **by),
        omitted,
        verdict("situation", "present", 1, confidence=0.9),
        verdict("task", "absent"),
        verdict("action", "partial", 2),
        verdict("result", "present", 2),
    ]

    body = json.loads(graded(rubric, *verdicts).model_dump_json())

    # points 1/2; parts (1 + 0 + 0.5 + 1)/4 = 0.625; 0.8·0.5 + 0.2·0.625 − 0.3 = 0.225
    first = {"start": 2, "end": 24, "text": "I ran a\u200b shop 🐝 alone."}
    second = {"start": 25, "end": 45, "text": "Returns fell by 12%."}
    unknown = {"confidence": None, "probability": None, "disputed": False}
    nobody: dict[str, Any] = {**unknown, "reason": None, "evidence": [], "model": None, "prompt": None}
    assert body == {
        "status": "graded",
        "question_id": "9.1",
        "rubric_version": rubric_version(rubric, RULES),
        "score": 22.5,
        "score_bounds": [22.5, 22.5],
        "band": "weak",
        "scores": {"points": 0.5, "star": 0.625, "deduction": 0.3},
        "points": [
            {"id": "p1", "text": "point 1", "verdict": "met", "confidence": 0.93, "probability": 0.93,
             "disputed": False, "reason": "names the shop", "evidence": [first], **by},
            {"id": "p2", "text": "point 2", "verdict": "missed", **unknown, "reason": None,
             "evidence": [], **by},
        ],
        "pitfalls": [
            {"id": "f1", "text": "pitfall 1", "verdict": "committed", "mention": "omits", "confidence": 0.8,
             "probability": None, "disputed": False, "reason": None, "evidence": [], **by},
        ],
        "star": {
            "situation": {**nobody, "verdict": "present", "confidence": 0.9, "evidence": [first]},
            "task": {**nobody, "verdict": "absent"},
            "action": {**nobody, "verdict": "partial", "evidence": [second]},
            "result": {**nobody, "verdict": "present", "evidence": [second]},
            "order_kept": True,
            "quantified_result": True,
            "ownership": {"singular": 2, "plural": 1},
        },
        "feedback": {
            "strength": "point 1: “I ran a\u200b shop 🐝 alone.”",
            "gaps": ["Missing: point 2", "To avoid: pitfall 1"],
            "next_step": "Work on this: point 2.",
            "note": None,
        },
        "flags": [],
        "needs_review": False,
        "judge": {"name": "one_call", "model": "m", "prompt": "grade-v1@3f9c", "calls": 1, "input_tokens": 0,
                  "cached_input_tokens": 0, "output_tokens": 0, "cost_usd": None, "cost_saved_usd": 0.0,
                  "seconds": 1.9},
        "cache": "miss",
        "request_id": "r1",
    }  # fmt: skip


@pytest.mark.parametrize("left_out", ["p1", "f1", "situation"])
def test_a_grade_with_an_undecided_criterion_is_partial(left_out: str) -> None:
    rubric = rubric_of()
    grade = graded(rubric, *(v for v in all_of(rubric) if v.criterion_id != left_out))

    assert grade.status == "partial"
    assert grade.score is not None
    assert grade.score_bounds is not None
    assert grade.score_bounds[0] < grade.score
    assert grade.feedback.note is not None


def test_a_criterion_nobody_decided_is_unassessed_and_bears_no_more() -> None:
    grade = graded(rubric_of(), verdict("p1", "met", 1))
    assert grade.star is not None

    assert grade.points[1].model_dump(exclude_defaults=True) == {"id": "p2", "text": "point 2", "verdict": "unassessed"}
    assert grade.pitfalls[0].verdict == "unassessed"
    assert grade.pitfalls[0].mention is None
    assert grade.star.task == PartGrade(verdict="unassessed")
    assert (grade.star.order_kept, grade.star.quantified_result) == (None, None)


def test_a_point_that_star_cannot_decide_yet_leaves_the_grade_partial() -> None:
    rubric = rubric_of(derived=True)
    told = [v for v in all_of(rubric) if v.criterion_id != "result"]

    assert graded(rubric, *told).points[-1].verdict == "unassessed"
    assert graded(rubric, *told, verdict("result", "absent")).points[-1].verdict == "partial"
    assert graded(rubric, *told, verdict("result", "absent")).status == "graded"


def test_the_score_is_unknown_where_no_point_is_decided() -> None:
    grade = graded(rubric_of(star=False), verdict("f1", "avoided"))

    assert (grade.status, grade.score, grade.band, grade.scores.points) == ("partial", None, None, None)
    assert grade.score_bounds == (0.0, 100.0)


def test_a_rubric_of_pitfalls_alone_is_graded_without_a_score() -> None:
    grade = graded(rubric_of(star=False, points=0), verdict("f1", "committed"))

    assert (grade.status, grade.score, grade.score_bounds, grade.band) == ("graded", None, None, None)
    assert grade.scores.deduction == 0.3


def test_star_is_null_where_no_story_is_asked_for() -> None:
    grade = graded(rubric_of(star=False), *(verdict(part, "present", 1) for part in PARTS))

    assert grade.star is None
    assert grade.scores.star is None


@pytest.mark.parametrize("text", ["", " \n\u200b ", "N/A", "I don't know", "How did you run the shop you once had?"])
@pytest.mark.parametrize("derived", [False, True])
def test_an_answer_with_nothing_to_grade_is_abstained_from_with_a_score_of_0(text: str, derived: bool) -> None:
    rubric, answer = rubric_of(derived=derived), Answer.of(text)
    flags = flags_of(answer, rubric)
    verdicts = verdicts_on_nothing(rubric)
    grade = grade_of(rubric, RULES, answer, flags, verdicts, judge=JUDGE, cache=None, request_id="r1")
    assert grade.star is not None

    assert flags
    assert grade.flags == flags
    assert (grade.status, grade.score, grade.score_bounds, grade.band) == ("abstained", 0.0, (0.0, 0.0), "weak")
    assert {point.verdict for point in grade.points} == {"missed"}
    assert {pitfall.verdict for pitfall in grade.pitfalls} == {"avoided"}
    assert {getattr(grade.star, part).verdict for part in PARTS} == {"absent"}
    assert (grade.cache, grade.needs_review, grade.feedback.strength, grade.feedback.note) == (None, False, None, None)


@pytest.mark.parametrize(("confidence", "review"), [(None, False), (0.59, True), (0.6, False), (1.0, False)])
@pytest.mark.parametrize("name", ["p1", "f1", "task"])
def test_a_confidence_under_the_sets_threshold_asks_for_a_humans_eye(
    name: str, confidence: float | None, review: bool
) -> None:
    levels: dict[str, Level] = {"p1": "met", "f1": "avoided", "task": "present"}
    rubric = rubric_of()
    unsure = verdict(name, levels[name], 1, confidence=confidence)

    assert graded(rubric, *all_of(rubric, **{name: unsure})).needs_review is review


@pytest.mark.parametrize("name", ["p1", "f1", "situation"])
def test_what_readings_disagree_on_needs_a_person_however_sure_most_were(name: str) -> None:
    rubric = rubric_of()
    disputed = [v.model_copy(update={"disputed": v.criterion_id == name, "confidence": 0.9}) for v in all_of(rubric)]
    grade = graded(rubric, *disputed)
    assert grade.star
    assert grade.needs_review
    told = (grade.points[0].disputed, grade.pitfalls[0].disputed, grade.star.situation.disputed)
    assert told == (name == "p1", name == "f1", name == "situation")


def test_a_suspected_injection_asks_for_a_humans_eye_and_is_graded_all_the_same() -> None:
    rubric = rubric_of()
    grade = graded(rubric, *all_of(rubric), flags=(Flag(kind=FlagKind.INJECTION_SUSPECTED, start=2, end=9),))

    assert (grade.status, grade.needs_review, grade.score) == ("graded", True, 100.0)


@pytest.mark.parametrize(
    ("sentences", "texts"),
    [
        ((), []),
        ((2,), ["Returns fell by 12%."]),
        ((1, 3), ["I ran a\u200b shop 🐝 alone.", "My\taim was fewer of them."]),
        ((1, 2), ["I ran a\u200b shop 🐝 alone.\nReturns fell by 12%."]),
        ((3, 2), ["Returns fell by 12%.  My\taim was fewer of them."]),
        ((1, 2, 4), ["I ran a\u200b shop 🐝 alone.\nReturns fell by 12%.", "We all learnt a lot."]),
    ],
)
def test_evidence_quotes_the_answer_as_received_and_neighbouring_sentences_as_one(
    sentences: tuple[int, ...], texts: list[str]
) -> None:
    evidence = evidence_of(ANSWER, verdict("p1", "met", *sentences))

    assert [span.text for span in evidence] == texts
    assert all(ANSWER.received[span.start : span.end] == span.text for span in evidence)


@pytest.mark.parametrize("unknown", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused_by_name(unknown: float) -> None:
    body = graded(rubric_of(), verdict("p1", "met", 1)).model_dump()

    for wrong in (
        {"score": unknown},
        {"score_bounds": (0.0, unknown)},
        {"scores": {**body["scores"], "star": unknown}},
    ):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            Grade.model_validate({**body, **wrong})


WEIGHTS = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)


@given(st.data())
def test_whatever_is_known_and_however_it_is_weighed_json_gives_the_same_grade_back(data: st.DataObject) -> None:
    rubric = Rubric(
        question="Why?",
        star=data.draw(st.booleans()),
        points=tuple(Point(id=f"p{n}", text="t", weight=data.draw(WEIGHTS)) for n in range(3)),
        pitfalls=tuple(Pitfall(id=f"f{n}", text="t", weight=data.draw(WEIGHTS)) for n in range(3)),
    )
    levels: dict[type, list[Level]] = {Point: ["met", "partial", "missed"], Pitfall: ["committed", "avoided"]}
    verdicts = [
        verdict(c.id, data.draw(st.sampled_from(levels.get(type(c), ["present", "partial", "absent"]))))
        for c in data.draw(st.lists(st.sampled_from(rubric.judged), unique_by=lambda c: c.id))
    ]
    grade = graded(rubric, *verdicts)
    text = grade.model_dump_json()

    assert Grade.model_validate_json(text) == grade
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
