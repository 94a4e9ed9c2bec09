"""Several readings of one answer, through the grader: what is remembered of them, and what it costs where one fails."""

import pytest

from service.core.errors import (
    ImpossibleOption,
    JudgeUnavailable,
)
from tests.service.test_grading import ABSENT, WHOLE, Bench, reply


async def test_readings_that_agree_are_sure_and_cost_two_calls() -> None:
    bench = Bench([reply(**WHOLE)])
    grade = await bench.grade(samples=3)
    assert (grade.status, grade.judge.name, bench.calls, grade.judge.cost_usd) == ("graded", "panel", [2], 0.006)
    assert {point.confidence for point in grade.points} == {1.0}
    assert not grade.needs_review


async def test_readings_that_disagree_ask_for_review_and_are_settled_by_a_third() -> None:
    bench = Bench([reply(**WHOLE), reply(**WHOLE | {"p2": ABSENT}), reply(p2=WHOLE["p2"])])
    grade = await bench.grade(samples=3)
    assert [bench.asked(call) for call in range(3)] == [{"p1", "p2", "f1"}, {"p1", "p2", "f1"}, {"p2"}]
    assert [(p.verdict, p.confidence, p.disputed) for p in grade.points] == [("met", 1, False), ("met", 0.6667, True)]
    # 0.67 is above the set's 0.6: it is the dispute that asks.
    assert grade.needs_review


async def test_a_disputed_verdict_is_remembered_as_disputed() -> None:
    bench = Bench([reply(**WHOLE), reply(**WHOLE | {"p2": ABSENT})])
    first, second = await bench.grade(samples=2), await bench.grade(samples=2)
    assert (second.cache, bench.calls, second.points) == ("hit", [2], first.points)
    # Halfway between met and missed.
    assert (second.points[1].verdict, second.points[1].disputed, second.needs_review) == ("partial", True, True)


async def test_verdicts_of_one_reading_are_not_taken_for_those_of_several_nor_the_other_way() -> None:
    bench = Bench([reply(**WHOLE)])
    assert [(await bench.grade(samples=k)).cache for k in (1, 2, 3, 1, 2, 3)] == ["miss"] * 3 + ["hit"] * 3


async def test_a_third_reading_that_fails_leaves_what_is_in_dispute_unassessed() -> None:
    bench = Bench([reply(**WHOLE), reply(**WHOLE | {"p2": ABSENT}), JudgeUnavailable("gone")])
    grade = await bench.grade(samples=3)
    assert (grade.status, [point.verdict for point in grade.points]) == ("partial", ["met", "unassessed"])


async def test_a_second_reading_that_fails_leaves_nothing_agreed_and_so_no_grade() -> None:
    with pytest.raises(JudgeUnavailable):
        await Bench([reply(**WHOLE), JudgeUnavailable("gone")]).grade(samples=2)


async def test_after_a_panel_the_fallback_is_a_panel_too() -> None:
    bench = Bench([reply(**WHOLE), JudgeUnavailable("gone")], [reply(**WHOLE)])
    grade = await bench.grade(samples=2)
    assert (bench.calls, {point.model for point in grade.points}) == ([2, 2], {"scripted1"})


async def test_a_number_of_readings_that_there_is_no_panel_for_is_impossible_and_costs_nothing() -> None:
    bench = Bench([reply(**WHOLE)])
    with pytest.raises(ImpossibleOption, match="samples: one_call cannot read an answer 4 times here; send 1"):
        await bench.grade(samples=4)
    assert bench.calls == [0]
