"""Rubrics that say a thing twice, or in words that would fit any: found."""

import pytest

from service.core.lint import Finding, Rule, lint
from service.core.rubric import RubricSet
from tests.service.core.test_lint import POINT, found_in, rubric_of


@pytest.mark.parametrize(
    "generic",
    [
        "the point is met",
        "the answer fully covers this",
        "partly covered",
        "The candidate demonstrates a complete understanding.",
        "only one of the two is described",
    ],
)
def test_wording_that_would_fit_any_criterion_is_found(generic: str) -> None:
    assert found_in(rubric_of({"partial_when": generic})) == [("p1", Rule.BOILERPLATE)]


def test_a_count_is_no_boilerplate_where_there_are_several_to_count() -> None:
    counted = {"text": "Names the compost and the mulch", "met_when": "both are named with their origin"}

    assert found_in(rubric_of(counted | {"partial_when": "only one of the two is described"})) == []
    assert found_in(rubric_of(counted | {"partial_when": "not met"})) == [("p1", Rule.BOILERPLATE)]


def test_wording_repeated_in_another_rubric_is_found_in_the_later_one() -> None:
    met_when = {"met_when": "One compost is named, together with what it's made of!"}
    other = {"partial_when": "a heap is told of"}
    later = rubric_of(met_when | other, {"committed_when": "nothing on light"}, id="1.2")
    finding = Finding(
        rubric_id="1.2",
        criterion_id="p1",
        rule=Rule.REPEATED,
        message="met_when is much as met_when of p1 in 1.1: say what is particular to this criterion",
    )

    assert lint([rubric_of(), later], RubricSet()) == (finding,)


def test_wording_repeated_within_one_criterion_is_found() -> None:
    assert found_in(rubric_of({"partial_when": POINT["met_when"]})) == [("p1", Rule.REPEATED)]


@pytest.mark.parametrize(
    "particular",
    [
        "one mulch is named together with where it is bought",  # other words
        "no compost is named together with what it is made of",  # a negation
        "two compost is named together with what it is made of",  # another count
    ],
)
def test_wording_that_differs_in_what_counts_is_not_repeated(particular: str) -> None:
    assert found_in(rubric_of({"partial_when": particular})) == []


def test_two_points_that_ask_for_the_same_are_found() -> None:
    second = POINT | {
        "id": "p2",
        "text": "Says how the soil of the bed is drained",
        "met_when": "one drain is dug",
        "partial_when": "wet is said",
    }
    same = second | {
        "id": "p3",
        "text": "Explains draining the beds' soils",
        "met_when": "a pipe is laid",
        "partial_when": "mud is shown",
    }

    assert found_in(rubric_of(points=[POINT, second])) == []
    assert found_in(rubric_of(points=[POINT, second, same])) == [("p3", Rule.OVERLAP)]


def test_a_pitfall_is_the_other_side_of_a_point_and_no_overlap() -> None:
    assert found_in(rubric_of({"text": "Tells the light a bed gets"})) == []
