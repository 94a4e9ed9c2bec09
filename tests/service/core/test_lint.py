from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from service.core.lint import Rule, lint, shared_runs
from service.core.rubric import Bands, LevelValues, Rubric, RubricSet

RUBRICS = Path(__file__).parents[3] / "rubrics"
POINT = {
    "id": "p1",
    "text": "Names the compost",
    "met_when": "one compost is named together with what it is made of",
    "partial_when": "compost is mentioned, not which",
}
PITFALL = {
    "id": "f1",
    "kind": "omission",
    "text": "Leaves out the light a bed gets",
    "expected": "how much light the bed gets",
    "committed_when": "sun and shade never come up",
}


def rubric_of(point: dict[str, Any] | None = None, pitfall: dict[str, Any] | None = None, **fields: Any) -> Rubric:
    whole = {
        "id": "1.1",
        "title": "A shaded bed",
        "question": "Which compost would you give a shaded bed?",
        "role": "Gardener",
        "format": "technical",
        "assesses": "Whether the candidate knows soils.",
        "source": {"document": "gardeners"},
        "points": [POINT | (point or {})],
        "pitfalls": [PITFALL | (pitfall or {})],
    }
    return Rubric.model_validate(whole | fields)


def found_in(*rubrics: Rubric, rules: RubricSet | None = None) -> list[tuple[str | None, Rule]]:
    return [(f.criterion_id, f.rule) for f in lint(rubrics, rules or RubricSet())]


def test_a_rubric_as_it_should_be_has_no_findings() -> None:
    assert lint([rubric_of()], RubricSet()) == ()


def test_the_rubrics_we_ship_have_no_findings() -> None:
    yaml = YAML(typ="safe")
    shipped = [Rubric.model_validate(yaml.load(path)) for path in sorted(RUBRICS.glob("[!_]*.yaml"))]

    assert shipped
    assert lint(shipped, RubricSet.model_validate(yaml.load(RUBRICS / "_set.yaml"))) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Names the compost and the mulch",
        "Names a compost or a mulch",
        "Names materials: compost, mulch",
        "Names materials (compost, mulch)",
        "Names compost, mulch, sand",
        "Names the compost/mulch",
    ],
)
def test_several_things_want_a_word_on_how_many_suffice(text: str) -> None:
    unsaid = rubric_of({"text": text, "met_when": "materials are named with their origin"})
    said = rubric_of({"text": text, "met_when": "at least one material is named with its origin"})

    assert found_in(unsaid) == [("p1", Rule.SEVERAL_THINGS)]
    assert found_in(said) == []


def test_one_thing_wants_no_word_on_how_many() -> None:
    met_when = "what it is made of stands there"

    assert found_in(rubric_of({"met_when": met_when})) == []
    assert found_in(rubric_of({"text": "Names a CI/CD tool", "met_when": met_when})) == []


def test_a_negation_says_how_many_in_a_pitfall_but_not_in_a_point() -> None:
    text, when = "Leaves out sun and rain", "no weather is told"

    assert found_in(rubric_of(pitfall={"text": text, "committed_when": when})) == []
    assert found_in(rubric_of(pitfall={"text": text, "committed_when": "weather is left out"})) == [
        ("f1", Rule.SEVERAL_THINGS)
    ]
    assert found_in(rubric_of({"text": "Tells of sun and rain", "met_when": when})) == [("p1", Rule.SEVERAL_THINGS)]


@pytest.mark.parametrize("hedged", ["compost might be named", "Compost is named where relevant", "names peat etc."])
def test_hedges_are_found(hedged: str) -> None:
    assert found_in(rubric_of({"partial_when": hedged})) == [("p1", Rule.HEDGED)]
    assert found_in(rubric_of(pitfall={"committed_when": hedged})) == [("f1", Rule.HEDGED)]


@pytest.mark.parametrize("plain", ["compost is named for sowing in May", "a mighty compost heap is told of"])
def test_words_that_only_look_like_hedges_are_not(plain: str) -> None:
    assert found_in(rubric_of({"partial_when": plain})) == []


@pytest.mark.parametrize("text", ["Names a good compost", "Clearly names the compost", "Names an appropriate compost"])
def test_adjectives_without_an_anchor_are_found(text: str) -> None:
    assert found_in(rubric_of({"text": text})) == [("p1", Rule.UNANCHORED_ADJECTIVE)]


@pytest.mark.parametrize(
    "text", ["Asks for strong consistency", "Uses robust statistics", "Tells the effective sample size", "Clears a bed"]
)
def test_terms_of_the_field_are_no_adjectives_without_anchor(text: str) -> None:
    assert found_in(rubric_of({"text": text})) == []


def test_a_word_found_twice_in_a_field_is_told_once() -> None:
    assert len(found_in(rubric_of({"text": "Names a good pot for good compost"}))) == 1


@pytest.mark.parametrize("name", ["id", "title", "role", "format", "assesses", "source"])
def test_what_a_rubric_lacks_is_named(name: str) -> None:
    (finding,) = lint([rubric_of(**{name: None})], RubricSet())

    assert (finding.criterion_id, finding.rule) == (None, Rule.MISSING)
    assert finding.message.startswith(f"no {name}:")


@pytest.mark.parametrize("kind", ["omission", "only", "commission"])
def test_what_a_criterion_lacks_is_named(kind: str) -> None:
    bare = rubric_of({"met_when": None, "partial_when": None}, {"kind": kind, "expected": None, "committed_when": None})
    point, pitfall = lint([bare], RubricSet())

    assert (point.criterion_id, point.rule, pitfall.criterion_id, pitfall.rule) == (
        "p1",
        Rule.MISSING,
        "f1",
        Rule.MISSING,
    )
    assert point.message.startswith("no met_when, partial_when:")
    wanted = "no committed_when:" if kind == "commission" else "no expected, committed_when:"
    assert pitfall.message.startswith(wanted)


def test_a_point_decided_by_star_lacks_nothing() -> None:
    star = {"id": "p1", "text": "Tells it as Situation, Task, Action and Result", "decided_by": "star"}

    assert found_in(rubric_of(star=True, points=[star])) == []


def test_ids_out_of_line_are_found() -> None:
    assert found_in(rubric_of({"id": "p2"})) == [("p2", Rule.IDS)]
    assert found_in(rubric_of(pitfall={"id": "light"})) == [("light", Rule.IDS)]


@pytest.mark.parametrize(
    ("name", "most"), [("text", 14), ("met_when", 24), ("partial_when", 16), ("committed_when", 22), ("expected", 14)]
)
def test_a_field_over_its_limit_is_found(name: str, most: int) -> None:
    def of_length(words: int) -> Rubric:
        said = {name: " ".join(f"w{n}" for n in range(words))}
        return rubric_of(said) if name in POINT else rubric_of(pitfall=said)

    assert [rule for _, rule in found_in(of_length(most))] == []
    assert [rule for _, rule in found_in(of_length(most + 1))] == [Rule.TOO_LONG]


def test_a_pitfalls_text_has_words_to_spare() -> None:
    assert found_in(rubric_of(pitfall={"text": " ".join(f"w{n}" for n in range(18))})) == []
    assert found_in(rubric_of(pitfall={"text": " ".join(f"w{n}" for n in range(19))})) == [("f1", Rule.TOO_LONG)]


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        (RubricSet(bands=Bands(developing=60, solid=60)), "bands 60, 60, 80"),
        (RubricSet(bands=Bands(developing=0)), "bands 0, 60, 80"),
        (RubricSet(bands=Bands(strong=101)), "bands 40, 60, 101"),
        (RubricSet(points_share=0.8, star_share=0.1), "points_share and star_share add up to 0.9"),
        (RubricSet(level_values=LevelValues(partial=1.5)), "level_values 0, 1.5, 1"),
        (RubricSet(level_values=LevelValues(met=0.7)), "the best answer scores 70, under 80"),
        (RubricSet(points_share=0.5, star_share=0.2), "the best answer scores 70, under 80"),
        (RubricSet(level_values=LevelValues(missed=0.8, partial=0.9)), "the worst answer scores 50"),
    ],
)
def test_a_band_that_cannot_be_reached_is_found_in_the_set(rules: RubricSet, complaint: str) -> None:
    findings = lint([rubric_of()], rules)

    assert {(f.rubric_id, f.criterion_id, f.rule) for f in findings} == {(None, None, Rule.UNREACHABLE_BAND)}
    assert any(f.message.startswith(complaint) for f in findings)


@pytest.mark.parametrize(("weight", "star", "heavy"), [(1.5, False, False), (1.6, False, True), (1.6, True, False)])
def test_a_point_without_which_every_answer_is_weak_is_found(weight: float, star: bool, heavy: bool) -> None:
    # Without it, of 1 + 1.5: 1 / 2.5 = 40, just developing; of 1 + 1.6: 38, weak; with STAR 0.8 * 38 + 20 = 51.
    second = {
        "id": "p2",
        "text": "Drains the soil",
        "met_when": "a drain is dug",
        "partial_when": "mud is shown",
        "weight": weight,
    }

    found = found_in(rubric_of(star=star, points=[POINT, second]))

    assert found == ([("p2", Rule.UNREACHABLE_BAND)] if heavy else [])


def test_a_point_that_is_the_only_one_carries_all() -> None:
    assert found_in(rubric_of({"weight": 9})) == []


def test_findings_follow_the_rubrics_then_the_set() -> None:
    wrong = {"text": "Names a good compost", "met_when": "compost might be named"}
    later = rubric_of(wrong, {"id": "f2", "committed_when": "nothing on light"}, id="1.2", title=None)
    findings = lint([later, rubric_of()], RubricSet(star_share=0.3))

    assert [(f.rubric_id, f.criterion_id, f.rule) for f in findings] == [
        ("1.2", None, Rule.MISSING),
        ("1.2", "f2", Rule.IDS),
        ("1.2", "p1", Rule.UNANCHORED_ADJECTIVE),
        ("1.2", "p1", Rule.HEDGED),
        ("1.1", "p1", Rule.REPEATED),
        (None, None, Rule.UNREACHABLE_BAND),
    ]


def test_runs_shared_with_a_page_are_found_whatever_their_case_and_punctuation() -> None:
    page = "The gardener’s boots, all muddy, stood by the door."

    assert shared_runs("I said: the Gardener's boots all MUDDY stood — by a door", page, length=5) == [
        "the gardener's boots all muddy",
        "gardener's boots all muddy stood",
        "boots all muddy stood by",
    ]
    assert shared_runs("The gardener's boots, dry now, stood by the door.", page, length=5) == []


def test_a_run_said_twice_is_told_once_and_a_short_text_shares_none() -> None:
    page = "one two three four five six seven eight nine"
    run = "one two three four five six seven eight"

    assert shared_runs(f"{run}. {run}.", page) == [run]
    assert shared_runs("one two", page) == []
    assert shared_runs("", "") == []


def test_a_run_of_no_words_is_refused() -> None:
    with pytest.raises(ValueError, match="length 0: a run has at least one word"):
        shared_runs("one", "one", length=0)
