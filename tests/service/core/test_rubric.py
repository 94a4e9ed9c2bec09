"""A rubric that cannot be graded by is refused, and its version tells any two apart."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.core.rubric import (
    MOST_CRITERIA,
    Bands,
    Criterion,
    LevelValues,
    Pitfall,
    PitfallKind,
    Point,
    Rubric,
    RubricSet,
    StarCriterion,
    StarPart,
    criterion_content,
    rubric_version,
)

RULES = RubricSet(review_below=0.6)
PAGE: dict[str, Any] = {
    "id": "9.1",
    "question": "How do you keep bees?",
    "star": True,
    "points": [
        {"id": "p1", "text": "names the hive", "met_when": "by its make", "partial_when": "as a box", "weight": 2},
        {"id": "p2", "text": "tells it in four parts", "decided_by": "star"},
    ],
    "pitfalls": [{"id": "f1", "text": "forgets the smoke", "kind": "omission", "expected": "smoke"}],
}


def page(**changes: object) -> Rubric:
    return Rubric.model_validate({**PAGE, **changes})


def points(n: int) -> list[dict[str, object]]:
    return [{"id": f"p{i}", "text": f"thing {i}"} for i in range(1, n + 1)]


def why_refused(**fields: object) -> str:
    with pytest.raises(ValidationError) as refused:
        Rubric.model_validate({"question": "Why?", **fields})
    return str(refused.value)


def test_a_question_and_one_criterion_are_enough() -> None:
    rubric = Rubric.model_validate({"question": "Why?", "points": points(1)})

    assert (rubric.id, rubric.star, rubric.pitfalls, rubric.points[0].weight) == (None, False, (), 1.0)
    assert Rubric.model_validate({"question": "Why?", "pitfalls": points(1)}).pitfalls[0].kind == "commission"


def test_a_rubric_without_points_and_pitfalls_is_refused() -> None:
    assert "at least one of points and pitfalls" in why_refused()
    assert "at least one of points and pitfalls" in why_refused(star=True)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"points": [*points(1), *points(1)]}, "p1"),
        ({"points": points(2), "pitfalls": points(1)}, "p1"),
        ({"points": [{"id": "task", "text": "t"}], "star": True}, "task"),
        ({"points": [{"id": "Task", "text": "t"}], "star": True}, "task"),
        ({"points": [{"id": "p1", "text": "t"}, {"id": "P1", "text": "t"}]}, "p1"),
    ],
)
def test_two_criteria_of_one_id_are_refused_by_name_whatever_their_capitals(
    fields: dict[str, object], named: str
) -> None:
    told = why_refused(**fields)

    assert "must be unique" in told
    assert f"['{named}']" in told


def test_a_star_parts_name_may_be_an_id_where_star_is_not_asked_for() -> None:
    assert Rubric.model_validate({"question": "Why?", "points": [{"id": "task", "text": "t"}]}).points[0].id == "task"


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), float("-inf"), "1e999", None, "heavy"])
@pytest.mark.parametrize("kind", ["points", "pitfalls"])
def test_a_weight_is_a_finite_number_above_0(kind: str, weight: object) -> None:
    assert f"{kind}.0.weight" in why_refused(**{kind: [{"id": "c1", "text": "t", "weight": weight}]})


def test_points_pitfalls_and_star_parts_together_are_at_most_64() -> None:
    assert len(Rubric.model_validate({"question": "Why?", "points": points(64)}).points) == MOST_CRITERIA
    assert len(Rubric.model_validate({"question": "Why?", "points": points(60), "star": True}).judged) == MOST_CRITERIA

    assert "65 criteria" in why_refused(points=points(65))
    assert "65 criteria" in why_refused(points=points(61), star=True)
    assert "65 criteria" in why_refused(points=points(64), pitfalls=[{"id": "f1", "text": "t"}])


def test_a_point_cannot_be_decided_by_star_where_no_story_is_asked_for() -> None:
    assert "needs star: true" in why_refused(points=[{"id": "p1", "text": "t", "decided_by": "star"}])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("question", "  "),
        ("question", None),
        ("question", 7),
        ("question", "x" * 4001),
        ("question", "half a pair: \ud800"),
        ("id", "no spaces"),
        ("id", ""),
        ("format", "chat"),
        ("points", [{"id": "1st", "text": "t"}]),
        ("points", [{"id": "p1\n", "text": "t"}]),
        ("points", [{"id": "p1", "text": ""}]),
        ("points", [{"id": "p1"}]),
        ("points", [{"id": "p1", "text": "t", "wieght": 2}]),
        ("pitfalls", [{"id": "f1", "text": "t", "kind": "comission"}]),
        ("wisdom", "unknown"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        page(**{field: value})

    assert {error["loc"][0] for error in refused.value.errors()} == {field}


def test_a_judge_is_asked_about_points_then_pitfalls_then_parts_but_not_about_what_code_derives() -> None:
    assert [criterion.id for criterion in page().judged] == ["p1", "f1", "situation", "task", "action", "result"]
    assert [criterion.id for criterion in page(star=False, points=points(1)).judged] == ["p1", "f1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "9.2"},
        {"question": "How do you keep wasps?"},
        {"example_answer": "With care."},
        {"points": [{**PAGE["points"][0], "weight": 2.5}, PAGE["points"][1]]},
        {"points": [{**PAGE["points"][0], "text": "names a hive"}, PAGE["points"][1]]},
        {"points": [{**PAGE["points"][0], "met_when": "by its maker"}, PAGE["points"][1]]},
        {"points": [{**PAGE["points"][0], "partial_when": "as a crate"}, PAGE["points"][1]]},
        {"points": PAGE["points"][::-1]},
        {"points": PAGE["points"][:1]},
        {"pitfalls": [{**PAGE["pitfalls"][0], "kind": "only"}]},
        {"pitfalls": [{**PAGE["pitfalls"][0], "expected": "a smoker"}]},
        {"pitfalls": []},
    ],
)
def test_any_change_to_a_rubric_changes_its_version(changes: dict[str, object]) -> None:
    assert rubric_version(page(**changes), RULES) != rubric_version(page(), RULES)


@pytest.mark.parametrize(
    "rules",
    [
        RubricSet(points_share=0.75, star_share=0.25, review_below=0.6),
        RubricSet(max_deduction=0.25, review_below=0.6),
        RubricSet(level_values=LevelValues(partial=0.4), review_below=0.6),
        RubricSet(bands=Bands(solid=65), review_below=0.6),
        RubricSet(review_below=0.5),
    ],
)
def test_any_change_to_the_set_changes_the_version(rules: RubricSet) -> None:
    assert rubric_version(page(), rules) != rubric_version(page(), RULES)


def test_the_version_is_the_same_in_every_run_and_however_the_page_is_spelt() -> None:
    pinned = "sha256:0de13b3211996fdef3957d01b2e8dc4b84a1d61ebb47fb0ef8303509bb2da419"
    assert rubric_version(page(), RULES) == pinned

    spelt_out = page(question="  How do you keep bees? ", pitfalls=[{"weight": 1.0, **PAGE["pitfalls"][0]}])
    assert rubric_version(spelt_out, RubricSet(max_deduction=0.3, review_below=0.6)) == pinned


@pytest.mark.parametrize(
    ("criterion", "twin"),
    [
        (Point(id="p1", text="t", met_when="m"), Point(id="p9", text="t", met_when="m", weight=3)),
        (Pitfall(id="f1", text="t", expected="e"), Pitfall(id="f9", text="t", expected="e", weight=3)),
    ],
)
def test_a_criterions_content_has_neither_its_id_nor_its_weight(criterion: Criterion, twin: Criterion) -> None:
    assert criterion_content(criterion) == criterion_content(twin)
    assert not {"id", "weight"} & criterion_content(criterion).keys()


def test_criteria_that_would_be_judged_differently_differ_in_content() -> None:
    criteria: list[Criterion] = [
        Point(id="c", text="t"),
        Point(id="c", text="u"),
        Point(id="c", text="t", met_when="m"),
        Point(id="c", text="t", partial_when="m"),
        Pitfall(id="c", text="t"),
        *(Pitfall(id="c", text="t", kind=kind) for kind in (PitfallKind.OMISSION, PitfallKind.ONLY)),
        Pitfall(id="c", text="t", expected="m"),
        Pitfall(id="c", text="t", committed_when="m"),
        *(StarCriterion(part=part) for part in StarPart),
    ]
    contents = [criterion_content(criterion) for criterion in criteria]

    assert all(contents.count(content) == 1 for content in contents)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("points_share", 1.2),
        ("star_share", -0.2),
        ("max_deduction", 1.5),
        ("max_deduction", float("nan")),
        ("review_below", 60),
        ("bands", {"solid": float("inf")}),
        ("bands", {"excellent": 90}),
        ("level_values", {"met": 2}),
        ("level_values", {"missed": -1}),
        ("band", {}),
    ],
)
def test_a_wrong_field_of_the_set_is_named(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        RubricSet.model_validate({field: value})

    assert {error["loc"][0] for error in refused.value.errors()} == {field}
