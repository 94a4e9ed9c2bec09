"""A run's records are laid beside the golden answers: one pair a labelled criterion and reading."""

from typing import Any

import pytest

from evals.golden import GoldenAnswer
from evals.pairs import Pair, human_score, material_of, pairs_of
from evals.records import Record
from service.core.rubric import PitfallKind, digest_of
from tests.evals.made_runs import CATALOG, TEXT, abstained_of, failed_of, golden_of, record_of, rubric_of

RUBRIC = rubric_of("p1", "p2", "p3", f1="commission", f2="omission")
GOLDEN = golden_of("a", RUBRIC, p1="met", p2="partial", p3="missed", f1=True, f2=False)


def pairs(*records: Record, golden: GoldenAnswer = GOLDEN) -> dict[str, Pair]:
    return {pair.criterion_id: pair for pair in pairs_of([golden], records, CATALOG)}


def test_levels_are_numbers_from_the_lowest_and_what_is_unassessed_has_none() -> None:
    said = record_of(GOLDEN, {"p1": "partial", "p2": "met", "f1": "avoided", "f2": "avoided"}, odds={"p1": 0.4})
    found = pairs(said)
    assert {name: (pair.human, pair.judge) for name, pair in found.items()} == {
        "p1": (2, 1),
        "p2": (1, 2),
        "p3": (0, None),  # the judge left it open: that is no level
        "f1": (1, 0),
        "f2": (0, 0),
    }
    assert {pair.kind: pair.sub for pair in found.values()} == {"points": "point", "pitfalls": "omission"}
    assert (found["p1"].probability, found["p2"].probability) == (0.4, None)
    # Ranked by the probability; without one by the level's share of the highest, 2 of 2; unassessed not at all.
    assert [found[name].rank for name in ("p1", "p2", "p3", "f1")] == [0.4, 1.0, None, 0.0]
    assert found["p1"].reason == "because of p1"


def test_only_what_is_labelled_is_compared_and_each_reading_makes_its_own_pairs() -> None:
    golden = golden_of("a", RUBRIC, p2="met")
    whole = golden_of("a", RUBRIC, p1="met", p2="met")
    found = pairs_of([golden], [record_of(whole, reading=1), record_of(whole)], CATALOG)
    assert [(pair.criterion_id, pair.reading) for pair in found] == [("p2", 0), ("p2", 1)]


def test_a_failed_answer_gives_no_pairs_but_is_a_reading() -> None:
    material = material_of([GOLDEN], [failed_of(GOLDEN)], CATALOG)
    assert material.pairs == ()
    assert [(r.status, r.judge) for r in material.readings] == [("failed", None)]


def test_what_code_abstained_from_counts_as_missed_and_avoided_at_probability_0() -> None:
    found = pairs(abstained_of(GOLDEN))
    assert {pair.judge for pair in found.values()} == {0}
    assert {pair.probability for pair in found.values()} == {0.0}
    assert not any(pair.stated for pair in found.values())


def test_a_point_that_star_decides_is_marked_as_derived() -> None:
    parts: dict[str, Any] = dict.fromkeys(("situation", "task", "action", "result"), "present")
    golden = golden_of("a", "2.2", p1="met", p2="met", **parts)
    found = pairs(record_of(golden, {"p2": "met", **parts}), golden=golden)
    assert {name: pair.derived for name, pair in found.items() if pair.kind == "points"} == {"p1": True, "p2": False}
    assert found["p1"].judge == 2
    assert found["task"].overlap is None  # its wording stands in no rubric


def test_the_words_of_what_should_be_there_are_looked_for_where_a_pitfall_is_their_lack() -> None:
    rubric = rubric_of("p1", f1="only")
    expected = rubric.pitfalls[0].model_copy(update={"kind": PitfallKind.ONLY, "expected": "leaf mould on granite"})
    golden = golden_of("a", rubric.model_copy(update={"pitfalls": (expected,)}), f1=True)
    # Content words of more than three letters: leaf, mould, granite. The answer has two of them.
    assert "leaf mould" in TEXT
    assert pairs(record_of(golden), golden=golden)["f1"].overlap == pytest.approx(2 / 3)


def test_answers_are_grouped_by_question_id_or_by_their_own_question() -> None:
    assert pairs(record_of(GOLDEN))["p1"].question == digest_of(RUBRIC.question)[:12]
    golden = golden_of("a", "1.2", p1="met")
    assert pairs(record_of(golden), golden=golden)["p1"].question == "1.2"


@pytest.mark.parametrize(
    ("tags", "quality"),
    [(("pt", "weak"), "weak"), (("weak_fluent",), None), ((), None), (("weak", "strong"), None)],
)
def test_the_quality_is_the_one_tag_that_names_it(tags: tuple[str, ...], quality: str | None) -> None:
    golden = golden_of("a", RUBRIC, tags=tags, p1="met")
    assert pairs(record_of(golden), golden=golden)["p1"].quality == quality


def test_the_humans_score_is_the_one_given_else_what_the_labels_earn() -> None:
    # Points (1 + 0.5 + 0) / 3 = 0.5; one of two pitfalls committed takes off 0.3 · 1/2 = 0.15; 100 · 0.35.
    assert human_score(GOLDEN, RUBRIC, CATALOG.rules) == 35.0
    assert human_score(golden_of("a", RUBRIC, score=71.0, p1="met"), RUBRIC, CATALOG.rules) == 71.0


def test_labels_that_are_not_complete_earn_no_score() -> None:
    assert human_score(golden_of("a", RUBRIC, p1="met", p2="met", p3="met"), RUBRIC, CATALOG.rules) is None


def test_a_grade_by_a_rubric_that_has_changed_since_is_stale() -> None:
    edited = RUBRIC.model_copy(
        update={"points": (*RUBRIC.points[:2], RUBRIC.points[2].model_copy(update={"weight": 9.0}))}
    )
    record = record_of(GOLDEN.model_copy(update={"rubric": edited}))
    assert [r.stale for r in material_of([GOLDEN], [record, record_of(GOLDEN, reading=1)], CATALOG).readings] == [
        True,
        False,
    ]


def test_records_of_other_answers_are_passed_over() -> None:
    assert pairs_of([GOLDEN], [record_of(golden_of("b", RUBRIC, p1="met"))], CATALOG) == ()
