"""A judge's words become verdicts only where they can be read and verified; what is left out is outstanding."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.core.rubric import Criterion, Point, StarCriterion
from service.core.verdict import (
    LONGEST_REASON,
    MOST_EVIDENCE,
    Mention,
    SaidLevel,
    Verdict,
    level_of,
    read_verdicts,
)
from tests.builders import COMMISSION, OMISSION, ONLY, answer_of, rubric_of, untimed, verdict_of

ANSWER = answer_of(12)
CRITERIA = rubric_of(3, COMMISSION, OMISSION, ONLY, star=True).judged
STAR = rubric_of(2, derived=True)
SAID: tuple[SaidLevel, ...] = ("met", "partial", "missed", "present", "absent")


def read(reply: str, criteria: tuple[Criterion, ...] = CRITERIA, sentences: int = 12) -> dict[str, Verdict]:
    found = read_verdicts(reply, criteria, answer_of(sentences).sentences, model="m", prompt="grade-v1@0")
    assert len({v.criterion_id for v in found}) == len(found)
    return {v.criterion_id: v for v in found}


def entry(level: str, *at: object, why: object = "so", **more: object) -> dict[str, Any]:
    return {"at": list(at), **({"as": more.pop("mention")} if "mention" in more else {}), "why": why, "level": level}


WHOLE = {
    "p1": entry("met", 1, 2),
    "p2": entry("missed"),
    "f1": entry("present", 3, mention="asserts"),
    "f2": entry("absent", mention="omits"),
    "f3": entry("absent", mention="none"),
    "situation": entry("present", 1),
    "result": entry("partial", 4),
}
LEVELS = {
    "p1": "met", "p2": "missed", "f1": "committed", "f2": "committed", "f3": "avoided", "situation": "present",
    "result": "partial",
}  # fmt: skip


def levels(reply: str) -> dict[str, str]:
    return {name: verdict.level for name, verdict in read(reply).items()}


def test_a_whole_reply_gives_each_verdict_with_its_evidence_and_who_gave_it() -> None:
    found = read(json.dumps(WHOLE))

    assert {name: v.level for name, v in found.items()} == LEVELS
    assert found["p1"] == Verdict(
        criterion_id="p1", level="met", sentences=(1, 2), reason="so", model="m", prompt="grade-v1@0"
    )
    assert (found["f1"].mention, found["f1"].sentences) == (Mention.ASSERTS, (3,))


TEXT = json.dumps(WHOLE)


@pytest.mark.parametrize(
    "reply",
    [
        f"```json\n{json.dumps(WHOLE, indent=2)}\n```",
        f"Here is my assessment:\n\n{TEXT}\n\nI hope that helps {{really}}.",
        json.dumps({"verdicts": WHOLE}),
        json.dumps({"result": {"criteria": WHOLE}}),
        json.dumps({"points": {"p1": WHOLE["p1"]}, "rest": {k: v for k, v in WHOLE.items() if k != "p1"}}),
        TEXT.upper(),
        TEXT.replace('"met"', '" Met. "').replace("asserts", "Asserts").replace('"level"', '"Level"'),
        json.dumps({k.upper(): v for k, v in WHOLE.items()}),
        json.dumps({k: {"id": k, "confidence": 1, "notes": {"x": [1]}, **v} for k, v in WHOLE.items()}),
        TEXT.replace("}, ", "}\n"),
        TEXT + TEXT,
        "\ufeff" + TEXT,
        f"<think>maybe</think>{TEXT}",
    ],
)
def test_the_wrapping_of_a_reply_makes_no_difference(reply: str) -> None:
    assert levels(reply) == LEVELS


@untimed
@given(st.integers(0, len(TEXT)), st.booleans())
def test_a_reply_that_grows_only_ever_adds_verdicts(cut: int, fenced: bool) -> None:
    text = f"```json\n{TEXT}" if fenced else TEXT
    found = list(read(text[:cut]).items())

    assert found == list(read(text).items())[: len(found)]


SCRAPS = st.one_of(
    st.sampled_from(['"p1": ', '"f2": ', '"result":', "{", "}", ", ", '"', '\\"', "\\", "[", "]", "\n", "NaN", "null"]),
    st.sampled_from(['"level": "met"', '"level": "absent"', '"at": [1]', '"at": 99', '"as": "none"', '"why": "x"']),
    st.sampled_from(['{"at": [1], "level": "met"}', '{"at": [2], "level": "present"}', '{"level": "missed"}']),
    st.text(max_size=5),
)


@untimed
@given(st.lists(SCRAPS, max_size=25), st.data())
def test_garbage_never_raises_and_what_was_read_of_a_part_stands(scraps: list[str], data: st.DataObject) -> None:
    text = "".join(scraps)
    part = list(read(text[: data.draw(st.integers(0, len(text)))]).items())

    assert part == list(read(text).items())[: len(part)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(SAID),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["p1", "f1", "at", "as", "why", "level", "Level", "x"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@untimed
@given(json_values)
def test_whatever_json_a_judge_writes_each_verdict_is_sound(value: object) -> None:
    for verdict in read(json.dumps({"p1": value, "f1": value, "task": value})).values():
        assert all(1 <= n <= len(ANSWER.sentences) for n in verdict.sentences)
        assert verdict.sentences or verdict.level not in ("met", "partial", "present", "committed")
        assert verdict.model_dump_json().encode()


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "{",
        "no JSON at all",
        "null",
        "[]",
        '"p1"',
        '{"p1": "met"}',
        '{"p1": ["met"]}',
        '{"p1": {}}',
        '{"p1":' * 5000,
        '{"a":' * 3000 + "1" + "}" * 3000,
        '{"p1": {"at": ' + "[" * 3000 + "]" * 3000 + ', "level": "met"}}',
        '{"p1": {"at": [' + "9" * 6000 + '], "level": "met"}}',
        '{"p1": {"at": ["' + "9" * 6000 + '"], "level": "met"}}',
        '{"p1": {"at": [1], "why": "cut off in the mid',
        "\n" * 20_000,
        '"' * 20_000,
    ],
)
def test_a_reply_without_a_whole_entry_gives_nothing(reply: str) -> None:
    assert read(reply) == {}


def test_an_unescaped_quote_costs_one_entry_and_not_the_others() -> None:
    reply = TEXT.replace('"at": [1, 2], "why": "so"', '"at": [1, 2], "why": "said "so" twice"')

    assert levels(reply) == {name: level for name, level in LEVELS.items() if name != "p1"}


def test_ids_in_a_reason_are_not_taken_for_entries() -> None:
    forged = json.dumps({"p2": entry("met", 1), "p3": entry("met", 1)})
    reply = json.dumps({"p1": entry("met", 1, why=forged), "p2": entry("missed")})

    assert levels(reply) == {"p1": "met", "p2": "missed"}
    assert levels(reply[: reply.index("p3") + 60]) == {}


def test_ids_in_an_unescaped_reason_are_not_taken_for_entries() -> None:
    forged = '"p2": {"at": [1], "level": "met"}'
    reply = f'{{"p1": {{"at": [1], "why": "cites {forged} as proof", "level": "met"}}, "p3": {{"level": "missed"}}}}'

    assert levels(reply) == {"p3": "missed"}


def test_of_two_entries_on_one_criterion_the_first_that_can_be_accepted_stands() -> None:
    reply = '{"p1": {"level": "great"}, "P1": {"level": "missed"}, "p1": {"at": [1], "level": "met"}}'

    assert levels(reply) == {"p1": "missed"}


def test_ids_that_differ_in_case_alone_are_told_apart() -> None:
    criteria = (Point(id="p1", text="one"), Point(id="P1", text="two"))
    reply = '{"p1": {"at": [1], "level": "met"}, "P1": {"level": "missed"}}'

    assert {name: v.level for name, v in read(reply, criteria).items()} == {"p1": "met", "P1": "missed"}


def test_ids_nobody_asked_about_are_dropped() -> None:
    reply = json.dumps({"p9": entry("met", 1), "": entry("met", 1), "situatio": entry("present", 1), "p1": WHOLE["p1"]})

    assert levels(reply) == {"p1": "met"}


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
