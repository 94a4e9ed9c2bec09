"""What code derives from verdicts, and what is left for a judge to decide."""

from itertools import product

import pytest

from service.core.rubric import StarPart
from service.core.verdict import (
    Level,
    outstanding,
    settle,
)
from tests.builders import COMMISSION, OMISSION, ONLY, PARTS, rubric_of, verdict_of, verdicts_of

CRITERIA = rubric_of(3, COMMISSION, OMISSION, ONLY, star=True).judged
STAR = rubric_of(2, derived=True)


@pytest.mark.parametrize("parts", list(product(("present", "partial", "absent", None), repeat=4)))
def test_a_point_decided_by_star_follows_the_four_parts(parts: tuple[Level | None, ...]) -> None:
    verdicts = verdicts_of(**{name: level for name, level in zip(PARTS, parts, strict=True) if level})
    # Fill in what is unassessed in every way: if all ways agree, that is the level.
    filled = product(*([part] if part else ["present", "partial", "absent"] for part in parts))
    ways = {{4: "met", 3: "partial", 2: "partial"}.get(way.count("present"), "missed") for way in filled}

    derived = settle(STAR, verdicts).get("p2")
    assert {derived.level if derived else None} == (ways if len(ways) == 1 else {None})


def test_a_derived_point_shows_each_present_parts_first_sentence_and_the_least_confidence() -> None:
    verdicts = {
        "situation": verdict_of("situation", "present", 2, 3, confidence=0.9),
        "task": verdict_of("task", "partial", 1, confidence=0.7),
        "action": verdict_of("action", "present", 5, confidence=0.8),
        "result": verdict_of("result", "absent", confidence=0.6),
    }
    derived = settle(STAR, verdicts)["p2"]

    assert (derived.level, derived.sentences, derived.confidence) == ("partial", (2, 5), 0.6)
    assert derived.reason == "2 of 4 STAR parts present"
    assert (derived.model, derived.prompt) == ("", "")


def test_a_derived_point_has_no_confidence_where_a_part_has_none() -> None:
    verdicts = verdicts_of(situation="present", task="absent", action="absent") | {
        "result": verdict_of("result", "absent", confidence=0.9)
    }

    assert settle(STAR, verdicts)["p2"].confidence is None


def test_settling_keeps_what_a_judge_decided_and_changes_nothing_it_was_given() -> None:
    given_verdicts = verdicts_of(p1="met", situation="present", task="present", action="present", result="present")
    before = dict(given_verdicts)
    settled = settle(STAR, given_verdicts)

    assert given_verdicts == before
    assert {name: settled[name] for name in before} == before
    assert settled["p2"].level == "met"
    assert settle(STAR, settled) == settled


def test_a_rubric_without_a_derived_point_is_settled_as_it_is() -> None:
    verdicts = verdicts_of(p1="met", situation="present")

    assert settle(rubric_of(2, star=True), verdicts) == verdicts


def test_outstanding_are_the_criteria_nobody_decided_in_their_order() -> None:
    decided = verdicts_of(p2="missed", f1="avoided", action="absent", unknown="met")

    assert [c.id for c in outstanding(CRITERIA, decided)] == ["p1", "p3", "f2", "f3", "situation", "task", "result"]
    assert outstanding(CRITERIA, {}) == CRITERIA
    assert outstanding(CRITERIA, {c.id: verdict_of(c.id, "missed") for c in CRITERIA}) == ()


def test_a_derived_point_is_never_asked_of_a_judge() -> None:
    assert [c.id for c in outstanding(STAR.judged, {})] == ["p1", *StarPart]
