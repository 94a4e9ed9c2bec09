"""What stands around a model changes nothing of what it says."""

import asyncio
from functools import partial

import pytest
from prometheus_client import REGISTRY

from service.core.errors import JudgeUnavailable
from service.core.prompt import Prompt
from service.metrics import QUESTION_SET
from service.models import Completion, OnText
from service.models.around import Bounded, Metered
from service.models.scripted import ScriptedModel
from service.models.turns import Turns

PROMPT = Prompt(system="s", user="u", most_tokens=9)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "scripted", **labels}) or 0.0


async def test_a_metered_call_is_counted_with_its_tokens_and_cost() -> None:
    spent = partial(counted, "grader_cost_usd_total", question_set="garden")
    before = spent(), counted("grader_judge_calls_total", outcome="ok")
    now = QUESTION_SET.set("garden")
    completion = await Metered(ScriptedModel(["yes"], cost_usd=0.25)).complete(PROMPT, 1)
    QUESTION_SET.reset(now)
    assert completion.text == "yes"
    assert spent() - before[0] == pytest.approx(0.25)
    assert counted("grader_judge_calls_total", outcome="ok") - before[1] == 1


async def test_a_call_of_unknown_price_is_counted_apart() -> None:
    spent = partial(counted, "grader_cost_usd_total", question_set="request")
    before = counted("grader_unpriced_calls_total"), spent()
    await Metered(ScriptedModel(["yes"], cost_usd=None)).complete(PROMPT, 1)
    assert counted("grader_unpriced_calls_total") - before[0] == 1
    assert spent() == before[1]


async def test_a_failed_call_is_counted_by_how_it_failed() -> None:
    before = counted("grader_judge_calls_total", outcome="unavailable")
    with pytest.raises(JudgeUnavailable):
        await Metered(ScriptedModel([JudgeUnavailable("gone")])).complete(PROMPT, 1)
    assert counted("grader_judge_calls_total", outcome="unavailable") - before == 1


class Counting(ScriptedModel):
    """Counts how many calls it is in at once."""

    now = most = 0

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await asyncio.sleep(0)
        self.now -= 1
        return await super().complete(prompt, timeout_seconds, on_text)


async def test_no_more_calls_are_in_flight_than_allowed_and_all_are_made() -> None:
    model = Counting(["yes"])
    bounded = Bounded(model, Turns("scripted", 3, 20))
    await asyncio.gather(*(bounded.complete(PROMPT, 1) for _ in range(20)))
    assert (model.most, len(model.prompts)) == (3, 20)


async def test_the_rest_of_the_model_shows_through() -> None:
    model = ScriptedModel(["yes"])
    around = Metered(Bounded(model, Turns("scripted", 1, 1)))
    await around.warm()
    await around.close()
    assert (around.name, around.identity, around.gives_odds) == (model.name, model.identity, True)


class Endless(ScriptedModel):
    """Never replies."""

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(("billed", "unpriced"), [(True, 1), (False, 0)])
async def test_a_call_given_up_is_counted_as_such_and_may_have_been_billed(billed: bool, unpriced: int) -> None:
    before = counted("grader_judge_calls_total", outcome="cancelled"), counted("grader_unpriced_calls_total")
    call = asyncio.create_task(Metered(Endless([""]), billed=billed).complete(PROMPT, 1))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert counted("grader_judge_calls_total", outcome="cancelled") - before[0] == 1
    assert counted("grader_unpriced_calls_total") - before[1] == unpriced


async def test_a_model_is_given_what_its_wait_left_of_the_time() -> None:
    given = []

    class Asked(ScriptedModel):
        async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
            given.append(timeout_seconds)
            await asyncio.sleep(0.05)
            return await super().complete(prompt, timeout_seconds)

    bounded = Bounded(Asked(["yes"]), Turns("scripted", 1, 1))
    await asyncio.gather(bounded.complete(PROMPT, 60), bounded.complete(PROMPT, 60))
    assert given[0] > 59.9
    assert given[1] <= 59.96


async def test_where_many_replies_come_at_once_the_next_calls_go_out_before_all_work_on_those_is_done() -> None:
    events: list[str] = []
    all_at_once = asyncio.Event()

    class Together(ScriptedModel):
        async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
            events.append("asked")
            await all_at_once.wait()
            return await super().complete(prompt, timeout_seconds)

    bounded = Bounded(Together(["yes"]), Turns("scripted", 3, 20))

    async def call() -> None:
        await bounded.complete(PROMPT, 60)
        events.append("worked on")

    calls = [asyncio.create_task(call()) for _ in range(6)]
    for _ in range(10):  # turns of the loop: all that can be asked is asked by now
        await asyncio.sleep(0)
    assert events == ["asked"] * 3
    all_at_once.set()
    await asyncio.gather(*calls)
    assert (events.count("asked"), events.count("worked on")) == (6, 6)
    second = [at for at, event in enumerate(events) if event == "worked on"][1]
    assert events[:second].count("asked") == 6
