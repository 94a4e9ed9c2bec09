"""What a judge says of one criterion: which sentences, which level, which mention and reason are accepted."""

import json

import pytest
from pydantic import ValidationError

from service.core.rubric import Criterion, Point, StarCriterion
from service.core.verdict import (
    LONGEST_REASON,
    MOST_EVIDENCE,
    Mention,
    SaidLevel,
    level_of,
)
from tests.builders import COMMISSION, OMISSION, ONLY, verdict_of
from tests.service.core.test_verdict import CRITERIA, SAID, entry, levels, read


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        ([3, 1, 3], (1, 3)),
        ([0, 2, 13, -1, 10**30], (2,)),
        (2, (2,)),
        ("2", (2,)),
        (["1", 2], (1, 2)),
        ([1, "x", None, 2.5, [3], True], (1,)),
        (list(range(1, 13)), tuple(range(1, MOST_EVIDENCE + 1))),
    ],
)
def test_sentence_numbers_that_exist_are_kept_once_and_in_order(at: object, kept: tuple[int, ...]) -> None:
    assert read(json.dumps({"p1": {"at": at, "level": "met"}}))["p1"].sentences == kept


@pytest.mark.parametrize(
    "at", ["[]", "[0]", "[13]", "null", "true", "NaN", "[Infinity]", "-Infinity", "{}", '"none"', "[1.5]"]
)
@pytest.mark.parametrize(
    ("name", "level", "mention"),
    [
        ("p1", "met", None),
        ("p1", "partial", None),
        ("task", "present", None),
        ("task", "partial", None),
        ("f1", "present", "asserts"),
        ("f2", "present", "asserts"),  # for an omission: the thing that should be there
    ],
)
def test_a_claim_that_a_thing_is_there_without_a_sentence_to_show_it_is_not_accepted(
    name: str, level: str, mention: str | None, at: str
) -> None:
    assert read(f'{{"{name}": {{"at": {at}, "as": {json.dumps(mention)}, "level": "{level}"}}}}') == {}


@pytest.mark.parametrize(
    ("name", "level", "mention", "decided"),
    [
        ("p1", "missed", None, "missed"),
        ("task", "absent", None, "absent"),
        ("f1", "absent", "none", "avoided"),
        ("f2", "absent", "omits", "committed"),
        ("f3", "present", "asserts", "committed"),
    ],
)
def test_a_claim_that_a_thing_is_missing_needs_no_sentence(
    name: str, level: str, mention: str | None, decided: str
) -> None:
    assert levels(json.dumps({name: {"at": None, "as": mention, "level": level}})) == {name: decided}


@pytest.mark.parametrize("name", ["p1", "task"])
def test_what_is_not_there_keeps_no_sentences(name: str) -> None:
    level = "missed" if name == "p1" else "absent"

    assert read(json.dumps({name: entry(level, 1, 2)}))[name].sentences == ()


@pytest.mark.parametrize(("kind", "name"), [(COMMISSION, "f1"), (OMISSION, "f2"), (ONLY, "f3")])
@pytest.mark.parametrize("said", ["present", "absent"])
@pytest.mark.parametrize("mention", list(Mention))
def test_a_pitfall_is_decided_by_code_from_presence_and_mention(
    kind: str, name: str, said: SaidLevel, mention: Mention
) -> None:
    found = read(json.dumps({name: entry(said, 1, mention=mention.value)})).get(name)

    if kind == OMISSION:  # what should be there is missing: that is the fault
        missing = mention in ("omits", "none")
        expected = ("committed" if missing else "avoided") if missing == (said == "absent") else None
    else:
        asserted = mention == "asserts"
        expected = ("committed" if asserted else "avoided") if asserted == (said == "present") else None
    assert (found.level if found else None) == expected
    if found and found.level == "committed":
        assert found.mention == ("omits" if kind == OMISSION else "asserts")
    elif found:
        assert found.mention == mention


def test_an_omission_is_shown_by_no_sentence() -> None:
    found = read(json.dumps({"f2": entry("absent", 1, 2, mention="none")}))["f2"]

    assert (found.level, found.mention, found.sentences) == ("committed", Mention.OMITS, ())


@pytest.mark.parametrize("words", [{}, {"as": None}, {"as": "denies"}, {"as": 1}])
def test_a_pitfall_without_a_known_mention_is_not_accepted(words: dict[str, object]) -> None:
    assert read(json.dumps({"f1": {"at": [1], **words, "level": "absent"}})) == {}


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda c: c.id)
@pytest.mark.parametrize("said", SAID)
def test_a_level_of_another_kind_of_criterion_is_none(criterion: Criterion, said: SaidLevel) -> None:
    own = ("met", "partial", "missed") if isinstance(criterion, Point) else ("present", "absent")
    own = (*own, "partial") if isinstance(criterion, StarCriterion) else own
    decided = {level_of(criterion, said, mention) for mention in Mention}

    assert (decided == {None}) == (said not in own)


@pytest.mark.parametrize("level", ["great", "", "committed", "unassessed", None, 1, True, ["met"], {"met": 1}])
def test_an_unknown_level_is_not_accepted(level: object) -> None:
    assert read(json.dumps({"p1": {"at": [1], "level": level}})) == {}


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("Cites ISO.", "Cites ISO."),
        ("  two\n lines\t", "two lines"),
        ("", None),
        (None, None),
        ("half \ud83d of a pair", "half ? of a pair"),
        ("x" * 500, "x" * LONGEST_REASON),
        ("x" * (LONGEST_REASON - 1) + " y", "x" * (LONGEST_REASON - 1)),
        ("señal 😀", "señal 😀"),
    ],
)
def test_a_reason_is_shortened_to_one_line_that_can_be_sent(why: str | None, reason: str | None) -> None:
    assert read(json.dumps({"p1": entry("met", 1, why=why)}))["p1"].reason == reason


def test_a_line_break_inside_a_reason_costs_nothing() -> None:
    assert read('{"p1": {"at": [1], "why": "two\nlines", "level": "met"}}')["p1"].reason == "two lines"


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_confidence_outside_0_and_1_is_refused(confidence: float) -> None:
    with pytest.raises(ValidationError, match="confidence"):
        verdict_of("p1", "met", confidence=confidence)
