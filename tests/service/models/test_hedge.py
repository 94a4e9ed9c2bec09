"""A call that is slower than nearly all before it is made twice, and the first good reply taken."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from service.core.errors import GradingError, JudgeRefused, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, OnText
from service.models.around import Metered
from service.models.hedge import Hedged
from service.models.scripted import ScriptedModel
from service.models.turns import Turns

PROMPT = Prompt(system="s", user="u", most_tokens=9)
GONE = JudgeUnavailable("gone")


class Directed(ScriptedModel):
    """Each call ends when the test says so, and how."""

    def __init__(self) -> None:
        super().__init__([""])
        self.calls: list[asyncio.Future[str]] = []
        self.called = asyncio.Event()

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        self.calls.append(asyncio.get_running_loop().create_future())
        self.called.set()
        text = await self.calls[-1]
        return Completion(text=text, model=self.name, cost_usd=0.25)


class Trial:
    """A hedged model whose usual time is nothing, after 20 calls; two calls may be in flight."""

    def __init__(self, most: int = 2) -> None:
        self.model = Directed()
        self.turns = Turns("scripted", most, 9)
        self.hedged = Hedged(Metered(self.model, billed=True), self.turns, clock=lambda: 0.0)

    async def learn(self, calls: int = 20) -> None:
        for _ in range(calls):
            call = await self.begin(1)
            self.model.calls.pop().set_result("quick")
            await call

    async def begin(self, calls: int) -> asyncio.Task[Completion]:
        """Once so many calls are on their way."""
        task = asyncio.create_task(self._complete())
        while len(self.model.calls) < calls:
            self.model.called.clear()
            await self.model.called.wait()
        return task

    async def _complete(self) -> Completion:
        async with self.turns.taken(60):
            return await self.hedged.complete(PROMPT, 60)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "scripted", **labels}) or 0.0


@pytest.mark.parametrize(("winner", "won"), [(0, "first"), (1, "second")])
async def test_the_first_good_reply_wins_and_the_others_cost_is_unknown(winner: int, won: str) -> None:
    trial = Trial()
    await trial.learn()
    before = counted("grader_hedges_total", won=won), counted("grader_unpriced_calls_total")
    task = await trial.begin(2)
    trial.model.calls[winner].set_result("here")
    completion = await task
    assert (completion.text, completion.calls, completion.cost_usd) == ("here", 2, None)
    assert trial.model.calls[1 - winner].cancelled()
    assert counted("grader_hedges_total", won=won) - before[0] == 1
    assert counted("grader_unpriced_calls_total") - before[1] == 1


async def test_of_two_that_end_together_both_are_paid_for() -> None:
    trial = Trial()
    await trial.learn()
    task = await trial.begin(2)
    for call in trial.model.calls:
        call.set_result("here")
    completion = await task
    assert (completion.calls, completion.cost_usd) == (2, 0.5)


async def test_without_enough_calls_to_know_the_usual_time_none_is_made_twice() -> None:
    trial = Trial()
    await trial.learn(19)
    task = await trial.begin(1)
    for _ in range(50):
        await asyncio.sleep(0)
    trial.model.calls[0].set_result("here")
    assert ((await task).calls, len(trial.model.calls)) == (1, 1)


async def test_under_load_no_second_call_takes_anothers_place() -> None:
    trial = Trial(most=1)
    await trial.learn()
    task = await trial.begin(1)
    for _ in range(50):
        await asyncio.sleep(0)
    trial.model.calls[0].set_result("here")
    assert ((await task).calls, len(trial.model.calls)) == (1, 1)


@pytest.mark.parametrize(
    ("first", "second", "raised"),
    [
        (GONE, "here", None),
        ("here", GONE, None),
        (GONE, JudgeUnavailable("gone too"), GONE),
        (JudgeRefused("401"), None, JudgeRefused),
    ],
)
async def test_a_failure_waits_for_the_other_and_a_refusal_does_not(
    first: str | GradingError, second: str | GradingError | None, raised: object
) -> None:
    trial = Trial()
    await trial.learn()
    task = await trial.begin(2)
    for call, end in zip(trial.model.calls, (first, second), strict=True):
        if isinstance(end, GradingError):
            call.set_exception(end)
            await asyncio.sleep(0)
        elif end:
            await asyncio.sleep(0)
            call.set_result(end)
    if raised is None:
        assert (await task).text == "here"
    else:
        with pytest.raises(GradingError) as caught:
            await task
        assert caught.value is raised or type(caught.value) is raised
    assert trial.model.calls[1].done()


async def test_a_caller_who_leaves_ends_both() -> None:
    trial = Trial()
    await trial.learn()
    before = counted("grader_judge_calls_total", outcome="cancelled")
    task = await trial.begin(2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert all(call.cancelled() for call in trial.model.calls)
    assert counted("grader_judge_calls_total", outcome="cancelled") - before == 2
