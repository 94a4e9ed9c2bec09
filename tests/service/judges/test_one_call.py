"""The whole rubric in one request; the reply is read entry by entry."""

import json

import jsonschema
import pytest

from service.catalog import read_prompts
from service.core.answer import Answer
from service.core.rubric import Pitfall, PitfallKind, Point, StarCriterion, StarPart
from service.judges import Case
from service.judges.one_call import OneCall, reply_schema
from service.models.scripted import ScriptedModel

CRITERIA = (
    Point(id="p1", text="Names a cause", met_when="a cause is named with its effect"),
    Point(id="p2", text="Names a cure"),
    Pitfall(id="f1", text="Blames others"),
    Pitfall(id="f2", kind=PitfallKind.OMISSION, text="No word on cost", expected="the cost"),
    StarCriterion(part=StarPart.RESULT),
)
REPLY: dict[str, dict[str, object]] = {
    "p1": {"at": [1], "why": "leak named", "level": "met"},
    "p2": {"at": [], "why": "no cure", "level": "missed"},
    "f1": {"at": [], "as": "none", "why": "blames nobody", "level": "absent"},
    "f2": {"at": [], "as": "omits", "why": "no cost", "level": "absent"},
    "result": {"at": [2], "why": "it stopped", "level": "present"},
}
ANSWER = Answer.of("The cause was a leak. In the end it stopped.")
TEMPLATE = read_prompts()["grade-v1"]


def case() -> Case:
    return Case("What went wrong?", ANSWER, "0123456789abcdef", lambda: 60.0)


async def test_one_request_gives_all_verdicts_and_shares_its_cost() -> None:
    model = ScriptedModel([json.dumps(REPLY)], cost_usd=0.01)
    judgements = [j async for j in OneCall(model, TEMPLATE).assess(case(), CRITERIA)]
    levels = {j.verdict.criterion_id: j.verdict.level for j in judgements}
    assert levels == {"p1": "met", "p2": "missed", "f1": "avoided", "f2": "committed", "result": "present"}
    assert [j.cost_usd for j in judgements] == [pytest.approx(0.002)] * 5
    assert len(model.prompts) == 1


async def test_the_answer_comes_last_and_nothing_before_its_fence_depends_on_it() -> None:
    model = ScriptedModel([json.dumps(REPLY)])
    judge = OneCall(model, TEMPLATE)
    other = Case("What went wrong?", Answer.of("Nothing did, as far as I know."), "fedcba9876543210", lambda: 60.0)
    for each in (case(), other):
        [_ async for _ in judge.assess(each, CRITERIA)]
    first, second = (prompt.system + prompt.user for prompt in model.prompts)
    assert first[: first.index("<answer-")] == second[: second.index("<answer-")]
    assert first.rstrip().endswith("</answer-0123456789abcdef>")
    assert {prompt.user[: prompt.shared] for prompt in model.prompts} == {
        first[len(model.prompts[0].system) :].partition("<answer-")[0]
    }


async def test_of_an_omission_the_thing_itself_is_asked_for() -> None:
    model = ScriptedModel(["{}"])
    [_ async for _ in OneCall(model, TEMPLATE).assess(case(), CRITERIA)]
    assert "f2: the cost\n" in model.prompts[0].user
    assert "No word on cost" not in model.prompts[0].user


async def test_a_reply_in_no_terms_of_the_rubric_gives_no_verdict() -> None:
    model = ScriptedModel(["I would give this a 7 out of 10."])
    assert [j async for j in OneCall(model, TEMPLATE).assess(case(), CRITERIA)] == []


def test_the_schema_takes_what_we_read_and_nothing_else() -> None:
    schema = reply_schema(CRITERIA)
    jsonschema.validate(REPLY, schema)
    for wrong in (
        {**REPLY, "p9": REPLY["p1"]},
        {key: value for key, value in REPLY.items() if key != "p1"},
        {**REPLY, "p1": {**REPLY["p1"], "level": "present"}},
        {**REPLY, "f1": {"at": [], "why": "", "level": "absent"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_level_is_the_last_thing_the_model_writes() -> None:
    entries = reply_schema(CRITERIA)["$defs"].values()
    assert {list(entry["properties"])[-1] for entry in entries} == {"level"}
