"""A judge's words become verdicts only where they can be read and verified; what is left out is outstanding."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.rubric import Criterion, Point
from service.core.verdict import (
    Mention,
    SaidLevel,
    Verdict,
    read_verdicts,
)
from tests.builders import COMMISSION, OMISSION, ONLY, answer_of, rubric_of, untimed

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
