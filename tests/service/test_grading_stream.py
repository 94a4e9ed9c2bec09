"""A grade told as it comes about: each verdict in the form in which the grade will say it, and the grade last."""

import asyncio
from typing import Any

import pytest

from service.core.errors import ImpossibleOption, JudgeUnavailable
from service.core.grade import Grade, ToldVerdict
from service.core.rubric import Rubric
from service.grading import Wish
from tests.builders import rubric_of
from tests.service.test_grading import ANSWER, CLEAN, MET, RUBRIC, RULES, WHOLE, Bench, reply
from tests.service.test_grading_once import Held, begun, settled

FULL = reply(**WHOLE)


async def told(bench: Bench, rubric: Rubric = RUBRIC, text: str = ANSWER, **wish: Any) -> list[ToldVerdict | Grade]:
    return [step async for step in bench.grader.stream(rubric, RULES, text, Wish(**wish))]


async def test_each_criterion_is_told_once_and_the_grade_last_as_a_plain_grade_would_be() -> None:
    *verdicts, last = await told(Bench([FULL]))
    plain = await Bench([FULL]).grade()
    assert isinstance(last, Grade)
    assert last.model_copy(update={"judge": plain.judge}) == plain
    assert [v.id for v in verdicts if isinstance(v, ToldVerdict)] == ["p1", "p2", "f1"]
    for verdict, graded in zip(verdicts, (*plain.points, *plain.pitfalls), strict=True):
        assert verdict.model_dump(include=set(type(graded).model_fields)) == graded.model_dump()
    assert [v.kind for v in verdicts if isinstance(v, ToldVerdict)] == ["point", "point", "pitfall"]


async def test_its_cost_is_known_and_remembered_though_it_was_read_while_it_was_written() -> None:
    bench = Bench([FULL])
    *_, last = await told(bench)
    assert isinstance(last, Grade)
    assert (last.judge.cost_usd, last.judge.calls) == (0.003, 1)
    again = await bench.grade()
    assert again.cache == "hit"
    assert again.judge.cost_saved_usd == pytest.approx(0.003)


async def test_what_is_remembered_is_told_at_once() -> None:
    model = Held(reply(p1=MET), "{}", reply(p2=WHOLE["p2"], f1=CLEAN))
    bench = Bench(model)
    model.allow(2)
    assert (await bench.grade()).status == "partial"
    steps = bench.grader.stream(RUBRIC, RULES, ANSWER, Wish())
    first = await anext(steps)
    assert isinstance(first, ToldVerdict)
    assert (first.id, first.verdict) == ("p1", "met")
    model.allow()
    assert [step.id async for step in steps if isinstance(step, ToldVerdict)] == ["p2", "f1"]


async def test_a_point_that_code_derives_is_told_as_soon_as_the_parts_decide_it() -> None:
    rubric = rubric_of(2, derived=True)
    part = {"at": [1], "why": "told", "level": "present"}
    entries = dict.fromkeys(("situation", "task", "action", "result"), part)
    *verdicts, _ = await told(Bench([reply(**entries, p1=MET)]), rubric)
    shown = [(v.kind, v.id, v.verdict) for v in verdicts if isinstance(v, ToldVerdict)]
    assert ("point", "p2", "met") in shown
    assert ("star", "situation", "present") in shown
    assert len(shown) == 6


async def test_a_failure_after_some_verdicts_ends_in_a_partial_grade() -> None:
    *verdicts, last = await told(Bench([reply(p1=MET), JudgeUnavailable("gone")]))
    assert [v.id for v in verdicts if isinstance(v, ToldVerdict)] == ["p1"]
    assert isinstance(last, Grade)
    assert last.status == "partial"


async def test_a_failure_with_nothing_known_is_raised_and_so_is_an_impossible_option() -> None:
    with pytest.raises(JudgeUnavailable):
        await told(Bench([JudgeUnavailable("gone")]))
    with pytest.raises(ImpossibleOption):
        await told(Bench([FULL]), samples=4)


async def test_an_answer_with_nothing_to_grade_is_a_grade_and_no_verdicts() -> None:
    [last] = await told(Bench([FULL]), text="...")
    assert isinstance(last, Grade)
    assert last.status == "abstained"


async def test_a_follower_is_told_the_leaders_verdicts_as_they_come() -> None:
    model = Held(reply(p1=MET), reply(p2=WHOLE["p2"], f1=CLEAN))
    bench = Bench(model)
    leader = begun(bench.grade())
    steps = bench.grader.stream(RUBRIC, RULES, ANSWER, Wish())
    follower = asyncio.ensure_future(anext(steps))
    await settled()
    model.allow()
    first = await follower
    assert isinstance(first, ToldVerdict)
    assert (first.id, leader.done()) == ("p1", False)
    model.allow()
    *_, last = [step async for step in steps]
    assert isinstance(last, Grade)
    assert last.cache == "coalesced"
    assert (await leader).cache == "miss"


async def test_who_closes_the_stream_stops_the_call() -> None:
    model = Held(reply(p1=MET), FULL)
    bench = Bench(model)
    steps = bench.grader.stream(RUBRIC, RULES, ANSWER, Wish())
    model.allow()
    await anext(steps)
    await settled()  # the rest is being asked for
    await steps.aclose()
    assert model.stopped == 1
