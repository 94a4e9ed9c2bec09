"""What is asked at the same moment of one process is judged once."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from prometheus_client import REGISTRY

from service import grading
from service.core.answer import Answer
from service.core.errors import JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.gates import Flag, flags_of
from service.core.grade import Grade
from service.core.prompt import Prompt
from service.core.rubric import Point, Rubric
from service.models import Completion, OnText
from service.models.scripted import Line, ScriptedModel
from tests.service.test_grading import CLEAN, MET, RUBRIC, WHOLE, Bench, reply

FULL = reply(**WHOLE)


class Held(ScriptedModel):
    """Says each of its lines once that is allowed; notes calls that were stopped."""

    def __init__(self, *script: Line) -> None:
        super().__init__(script, cost_usd=0.003)
        self.called = asyncio.Semaphore(0)
        self.stopped = 0
        self.was_stopped = asyncio.Event()
        self._allowed = asyncio.Semaphore(0)

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        self.called.release()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._allowed.acquire()
        except TimeoutError:
            raise JudgeTimedOut("held too long") from None
        except asyncio.CancelledError:
            self.stopped += 1
            self.was_stopped.set()
            raise
        return await super().complete(prompt, timeout_seconds, on_text)

    def allow(self, calls: int = 1) -> None:
        for _ in range(calls):
            self._allowed.release()


def begun(grade: Coroutine[Any, Any, Grade]) -> "asyncio.Task[Grade]":
    return asyncio.create_task(grade)


async def settled() -> None:
    """Let every task go as far as it can without the model; each takes a few rounds of the loop."""
    for _ in range(300):
        await asyncio.sleep(0)


def flights(part: str) -> float:
    return REGISTRY.get_sample_value("grader_flights_total", {"part": part}) or 0.0


async def test_fifty_identical_grades_cost_one_call_and_the_followers_say_so() -> None:
    model, joined = Held(FULL), flights("joined")
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(50)]
    await settled()
    model.allow(50)
    grades = await asyncio.gather(*tasks)
    assert bench.calls == [1]
    assert [grade.cache for grade in grades] == ["miss"] + ["coalesced"] * 49
    assert flights("joined") == joined + 49
    leader, *followers = grades
    assert (leader.judge.cost_usd, leader.judge.cost_saved_usd, leader.judge.calls) == (0.003, 0.0, 1)
    for follower in followers:
        assert (follower.judge.cost_usd, follower.judge.calls, follower.points) == (0.0, 0, leader.points)
        assert follower.judge.cost_saved_usd == pytest.approx(0.003)
    assert (await bench.grade()).cache == "hit"


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "b"},
        {"samples": 2},
        {"text": "The pump leaked because a seal was old. I sold the pump."},
        {"rubric": RUBRIC.model_copy(update={"question": "What went wrong with the old pump?"})},
        {"rubric": RUBRIC.model_copy(update={"points": (RUBRIC.points[0], Point(id="p2", text="Names the price"))})},
    ],
)
async def test_what_differs_in_anything_that_could_matter_is_not_shared(other: dict[str, Any]) -> None:
    model = Held(FULL)
    bench = Bench(model)
    tasks = [begun(bench.grade()), begun(bench.grade(**other))]
    await settled()
    model.allow(9)
    grades = await asyncio.gather(*tasks)
    assert [grade.cache for grade in grades] == ["miss", "miss"]


async def test_ids_and_weights_that_differ_are_shared_each_under_its_own_id() -> None:
    model = Held(FULL)
    bench = Bench(model)
    renamed = RUBRIC.model_copy(
        update={"points": (Point(id="cause", text="Names the cause", weight=3), RUBRIC.points[1])}
    )
    tasks = [begun(bench.grade()), begun(bench.grade(rubric=renamed))]
    await settled()
    model.allow()
    first, second = await asyncio.gather(*tasks)
    assert (bench.calls, second.cache) == ([1], "coalesced")
    assert [point.id for point in second.points] == ["cause", "p2"]
    assert second.points[0].evidence == first.points[0].evidence


async def test_when_the_leader_leaves_the_call_goes_on_for_its_followers() -> None:
    model = Held(FULL)
    bench = Bench(model)
    leader, follower = begun(bench.grade()), begun(bench.grade())
    await settled()
    leader.cancel()
    await settled()
    model.allow()
    assert (await follower).cache == "coalesced"
    assert (bench.calls, model.stopped) == ([1], 0)


async def test_when_all_have_left_the_call_is_stopped() -> None:
    model = Held(FULL)
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(3)]
    await settled()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (bench.calls, model.stopped) == ([0], 1)  # it was stopped before it said anything


async def test_after_a_leader_that_failed_the_followers_try_one_at_a_time() -> None:
    model = Held(JudgeUnavailable("gone"), JudgeUnavailable("still gone"), FULL)
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(5)]
    for attempt in (1, 2, 3):
        await settled()
        assert len(bench.models[0].prompts) == attempt - 1
        model.allow()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results[:2]] == [JudgeUnavailable] * 2
    assert [grade.cache for grade in results[2:] if isinstance(grade, Grade)] == ["miss", "coalesced", "coalesced"]
    assert bench.calls == [3]


async def test_a_refusal_is_everybodys_for_trying_again_will_not_help() -> None:
    model = Held(JudgeRefused("bad key"))
    bench = Bench(model)
    tasks = [begun(bench.grade()) for _ in range(5)]
    await settled()
    model.allow(5)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {JudgeRefused}
    assert bench.calls == [1]


async def test_who_has_less_time_left_than_the_failure_took_does_not_try_again() -> None:
    model = Held(JudgeUnavailable("gone"), FULL)
    bench = Bench(model)
    leader = begun(bench.grade())
    follower = begun(bench.grade(deadline_seconds=2.0))
    await asyncio.sleep(1.2)  # of the follower's 2 s
    model.allow(2)
    results = await asyncio.gather(leader, follower, return_exceptions=True)
    assert [type(result) for result in results] == [JudgeUnavailable, JudgeUnavailable]
    assert bench.calls == [1]


async def test_what_a_leader_got_before_it_failed_is_shared_and_only_the_rest_is_asked_again() -> None:
    model = Held(reply(p1=MET), JudgeUnavailable("gone"), reply(p2=WHOLE["p2"], f1=CLEAN))
    bench = Bench(model)
    tasks = [begun(bench.grade()), begun(bench.grade())]
    await settled()
    model.allow(3)
    leader, follower = await asyncio.gather(*tasks)
    assert (leader.status, leader.cache) == ("partial", "miss")
    assert (follower.status, follower.cache) == ("graded", "mixed")
    assert bench.asked(2) == {"p2", "f1"}


async def test_a_follower_whose_time_is_over_gets_what_is_known_and_the_leader_all() -> None:
    model = Held(reply(p1=MET), reply(p2=WHOLE["p2"], f1=CLEAN))
    bench = Bench(model)
    leader = begun(bench.grade())
    hasty = begun(bench.grade(deadline_seconds=1.0))
    await settled()
    model.allow()
    follower = await hasty
    assert (follower.status, follower.cache) == ("partial", "coalesced")
    assert [point.verdict for point in follower.points] == ["met", "unassessed"]
    model.allow()
    assert (await leader).status == "graded"


async def test_a_leader_whose_time_is_over_leaves_the_work_to_those_who_have_more() -> None:
    model = Held(FULL)
    bench = Bench(model)
    hasty = begun(bench.grade(deadline_seconds=0.05))
    follower = begun(bench.grade())
    with pytest.raises(JudgeTimedOut):
        await hasty
    await settled()
    model.allow()
    assert (await follower).status == "graded"
    assert bench.calls == [1]


async def test_of_a_burst_the_first_call_goes_out_before_all_have_been_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []

    def looked_at(answer: Answer, rubric: Rubric) -> tuple[Flag, ...]:
        events.append("looked at")
        return flags_of(answer, rubric)

    class Asked(Held):
        async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
            events.append("asked")
            return await super().complete(prompt, timeout_seconds, on_text)

    monkeypatch.setattr(grading, "flags_of", looked_at)
    model = Asked(FULL)
    bench = Bench(model)
    model.allow(9)
    await asyncio.gather(*(bench.grade(text=f"In week {week} the pump leaked. I mended it.") for week in range(9)))
    assert (events.count("looked at"), events.count("asked")) == (9, 9)
    assert events[: events.index("asked")].count("looked at") < 9
