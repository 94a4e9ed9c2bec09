"""Feedback says what the verdicts say: nothing is suggested for what was met, and no quote is made up."""

import pytest

from service.core.answer import Answer
from service.core.feedback import MOST_GAPS, Feedback, feedback
from service.core.rubric import Pitfall, PitfallKind, Point, Rubric
from service.core.verdict import Level, Verdict

ANSWER = Answer.of("  I weighed\ttwo hives.  My sister helped me with the “smoke” 🐝. We sold the honey.")


def rubric_of(*criteria: Point | Pitfall, star: bool = False) -> Rubric:
    return Rubric(
        question="How do you keep bees?",
        star=star,
        points=tuple(c for c in criteria if isinstance(c, Point)),
        pitfalls=tuple(c for c in criteria if isinstance(c, Pitfall)),
    )


def point(name: str, weight: float = 1.0, met_when: str | None = None, partial_when: str | None = None) -> Point:
    return Point(id=name, text=f"says {name}", weight=weight, met_when=met_when, partial_when=partial_when)


def pitfall(name: str, weight: float = 1.0, expected: str | None = None) -> Pitfall:
    return Pitfall(id=name, text=f"spoils {name}", kind=PitfallKind.ONLY, weight=weight, expected=expected)


def said(rubric: Rubric, *verdicts: Verdict) -> Feedback:
    return feedback(rubric, {verdict.criterion_id: verdict for verdict in verdicts}, ANSWER)


def verdict(name: str, level: Level, *sentences: int, confidence: float | None = None) -> Verdict:
    return Verdict(criterion_id=name, level=level, sentences=sentences, confidence=confidence)


def test_nothing_is_suggested_for_what_was_met_or_avoided() -> None:
    told = said(rubric_of(point("p1"), pitfall("f1")), verdict("p1", "met", 1), verdict("f1", "avoided"))

    assert told == Feedback(strength="says p1: “I weighed\ttwo hives.”", gaps=(), next_step=None, note=None)


def test_gaps_come_with_most_weight_first_and_met_criteria_never() -> None:
    rubric = rubric_of(point("p1"), point("p2", 3), point("p3", 9), pitfall("f1", 2), pitfall("f2", 8))
    told = said(
        rubric,
        verdict("p1", "missed"),
        verdict("p2", "partial", 1),
        verdict("p3", "met", 1),
        verdict("f1", "committed"),
        verdict("f2", "avoided"),
    )

    assert told.gaps == ("Only in part: says p2", "To avoid: spoils f1", "Missing: says p1")
    assert told.next_step == "Work on this: says p2."


def test_of_one_weight_the_missed_come_before_the_partial_and_these_before_the_pitfalls() -> None:
    told = said(
        rubric_of(point("p1"), point("p2"), pitfall("f1")),
        verdict("f1", "committed"),
        verdict("p1", "partial"),
        verdict("p2", "missed"),
    )

    assert told.gaps == ("Missing: says p2", "Only in part: says p1", "To avoid: spoils f1")


def test_a_few_gaps_are_told_and_not_all() -> None:
    names = [f"p{n}" for n in range(1, 6)]
    told = said(rubric_of(*(point(name) for name in names)), *(verdict(name, "missed") for name in names))

    assert told.gaps == tuple(f"Missing: says {name}" for name in names[:MOST_GAPS])


def test_a_gap_in_part_says_what_part_was_there() -> None:
    told = said(rubric_of(point("p1", partial_when="only the colour is named")), verdict("p1", "partial", 1))

    assert told.gaps == ("Only in part: says p1 (only the colour is named)",)


@pytest.mark.parametrize(
    ("criterion", "level", "step"),
    [
        (
            point("p1", met_when="the breed is named"),
            "missed",
            "Add to the answer until this holds: the breed is named.",
        ),
        (point("p1", met_when="A breed is named."), "partial", "Add to the answer until this holds: A breed is named."),
        (point("p1"), "missed", "Work on this: says p1."),
        (pitfall("f1", expected="the weather"), "committed", "Bring in the weather."),
        (pitfall("f1"), "committed", "Mend this: spoils f1."),
    ],
)
def test_the_next_step_is_in_the_rubrics_own_words(criterion: Point | Pitfall, level: Level, step: str) -> None:
    assert said(rubric_of(criterion, point("p9")), verdict(criterion.id, level)).next_step == step


def test_a_story_told_in_part_is_to_be_told_in_four_parts() -> None:
    rubric = rubric_of(Point(id="p1", text="tells a story", decided_by="star"), star=True)
    told = said(rubric, verdict("situation", "present", 1), verdict("task", "absent"), verdict("action", "absent"))

    # One or two of four parts: missed or in part, depending on the result nobody has judged.
    assert (told.gaps, told.next_step) == ((), None)

    told = said(rubric, *(verdict(part, "absent") for part in ("situation", "task", "action", "result")))
    assert told.gaps == ("Missing: tells a story",)
    assert told.next_step == "Tell it in four parts: the situation, your task, what you did, and what came of it."


def test_the_strength_is_the_heaviest_met_point_that_has_evidence() -> None:
    told = said(
        rubric_of(point("p1", 1), point("p2", 3), point("p3", 9), point("p4", 8)),
        verdict("p1", "met", 1),
        verdict("p2", "met", 3, 1),
        verdict("p3", "met"),
        verdict("p4", "partial", 1),
    )

    assert told.strength == "says p2: “We sold the honey.”"


def test_of_one_weight_the_surer_point_is_the_strength() -> None:
    told = said(
        rubric_of(point("p1"), point("p2"), point("p3")),
        verdict("p1", "met", 1),
        verdict("p2", "met", 3, confidence=0.9),
        verdict("p3", "met", 1, confidence=0.8),
    )

    assert told.strength == "says p2: “We sold the honey.”"


@pytest.mark.parametrize("level", ["partial", "missed"])
def test_there_is_no_strength_where_nothing_was_met(level: Level) -> None:
    assert said(rubric_of(point("p1")), verdict("p1", level, 1)).strength is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_quote_stands_in_the_answer_as_received(number: int) -> None:
    strength = said(rubric_of(point("p1")), verdict("p1", "met", number)).strength

    assert strength is not None
    assert strength.removeprefix("says p1: “").removesuffix("”") in ANSWER.received


def test_what_was_not_assessed_is_no_gap_and_is_owned_up_to() -> None:
    rubric = rubric_of(point("p1"), point("p2"), pitfall("f1"), star=True)
    told = said(rubric, verdict("p1", "missed"), verdict("situation", "absent"))

    # p2, f1, task, action and result, of 3 criteria and 4 parts
    assert told.note == "5 of 7 criteria could not be assessed; nothing is said about those."
    assert told.gaps == ("Missing: says p1",)


def test_a_point_that_the_parts_cannot_decide_yet_counts_as_not_assessed() -> None:
    rubric = rubric_of(Point(id="p1", text="tells a story", decided_by="star"), star=True)
    told = said(rubric, *(verdict(part, "present", 1) for part in ("situation", "task", "action")))

    assert told.note == "2 of 5 criteria could not be assessed; nothing is said about those."  # the result, and p1
