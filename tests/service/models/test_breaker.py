"""A model that fails again and again is left alone, and asked once in a while whether it is well."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from service.core.errors import AnswerTooLong, GradingError, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, OnText
from service.models.breaker import Breaking
from service.models.scripted import Line, ScriptedModel

PROMPT = Prompt(system="s", user="u", most_tokens=9)
GONE, LATE = JudgeUnavailable("gone"), JudgeTimedOut("late")


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Trial:
    """A breaker that opens on 3 failures among 6 calls, for 10 seconds, and the model behind it."""

    def __init__(self, *lines: Line) -> None:
        self.clock = Clock()
        self.model = ScriptedModel(lines)
        self.breaking = Breaking(self.model, 3, 10, patience_seconds=5, clock=self.clock)

    async def ask(self, timeout_seconds: float = 30) -> str | GradingError:
        try:
            return (await self.breaking.complete(PROMPT, timeout_seconds)).text
        except GradingError as error:
            return error

    async def asked(self, times: int) -> None:
        for _ in range(times):
            await self.ask()

    @property
    def calls(self) -> int:
        return len(self.model.prompts)


def state() -> float | None:
    return REGISTRY.get_sample_value("grader_breaker_state", {"model": "scripted"})


def rejections() -> float:
    return REGISTRY.get_sample_value("grader_breaker_rejections_total", {"model": "scripted"}) or 0.0


@pytest.mark.parametrize("error", [GONE, LATE])
async def test_after_failures_the_model_is_not_asked_and_the_caller_told_when_to_come_back(error: GradingError) -> None:
    trial, before = Trial(error), rejections()
    await trial.asked(3)
    assert state() == 2
    trial.clock.now += 3
    refusal = await trial.ask()
    assert isinstance(refusal, JudgeUnavailable)
    assert (trial.calls, refusal.retry_after_seconds, rejections() - before) == (3, 7, 1)
    assert "'scripted' has failed too often" in str(refusal)


async def test_a_good_call_after_its_time_closes_it() -> None:
    trial = Trial(GONE, GONE, GONE, "well")
    await trial.asked(3)
    trial.clock.now += 10
    assert [await trial.ask(), await trial.ask()] == ["well", "well"]
    assert state() == 0


async def test_a_bad_call_after_its_time_opens_it_again() -> None:
    trial = Trial(GONE)
    await trial.asked(3)
    trial.clock.now += 10
    await trial.asked(5)
    assert (trial.calls, state()) == (4, 2)


async def test_half_of_the_last_calls_are_enough_and_fewer_are_not() -> None:
    seldom = Trial(*("well", "well", GONE) * 9)
    await seldom.asked(27)
    assert seldom.calls == 27
    often = Trial("well", "well", "well", GONE, GONE, GONE, "well")
    await often.asked(9)
    assert often.calls == 6


@pytest.mark.parametrize("error", [JudgeRefused("401"), AnswerTooLong("long")])
async def test_a_refusal_is_an_answer(error: GradingError) -> None:
    trial = Trial(error)
    await trial.asked(20)
    assert trial.calls == 20


async def test_an_impatient_caller_cannot_open_it_for_the_others() -> None:
    trial = Trial(LATE)
    for _ in range(20):
        assert await trial.ask(timeout_seconds=4.9) is LATE
    assert trial.calls == 20


class Varying(ScriptedModel):
    """Is gone, or well, or never replies, as the test will have it."""

    now = "gone"

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        if self.now == "silent":
            await asyncio.Event().wait()
        if self.now == "gone":
            raise JudgeUnavailable("gone")
        return await super().complete(prompt, timeout_seconds)


async def test_a_cancelled_call_counts_as_nothing_and_leaves_its_place_to_the_next() -> None:
    model, clock = Varying(["well"]), Clock()
    breaking = Breaking(model, 3, 10, patience_seconds=5, clock=clock)
    await asyncio.gather(*(breaking.complete(PROMPT, 30) for _ in range(3)), return_exceptions=True)
    assert state() == 2
    clock.now += 10
    model.now = "silent"
    for _ in range(5):
        call = asyncio.create_task(breaking.complete(PROMPT, 30))
        await asyncio.sleep(0)
        assert state() == 1
        with pytest.raises(JudgeUnavailable):  # only one is let through
            await breaking.complete(PROMPT, 30)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    model.now = "well"
    assert (await breaking.complete(PROMPT, 30)).text == "well"
    assert state() == 0
