"""What is recorded of one answer's calls is that answer's alone."""

import asyncio

import pytest

from evals.recording import Calls, Recording, recorded
from service.core.errors import JudgeUnavailable
from service.core.prompt import Prompt
from service.models import OnText
from service.models.scripted import ScriptedModel


def prompt_of(text: str) -> Prompt:
    return Prompt(system="", user=text, most_tokens=10, about=f"about {text}".strip())


class Waiting(ScriptedModel):
    """Echoes what it is asked, once everybody has asked."""

    def __init__(self, callers: int) -> None:
        super().__init__(lambda prompt: prompt.user)
        self._all_there = asyncio.Barrier(callers)

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None):  # type: ignore[no-untyped-def]
        await self._all_there.wait()
        return await super().complete(prompt, timeout_seconds, on_text)


async def asked(model: Recording, *texts: str) -> Calls:
    with recorded() as calls:
        for text in texts:
            await model.complete(prompt_of(text), 1)
    return calls


async def test_the_replies_of_answers_under_way_at_once_do_not_mix() -> None:
    model = Recording(Waiting(3))
    names = [("a1", "a2"), ("b1", "b2"), ("c1", "c2")]
    noted = await asyncio.gather(*(asked(model, *texts) for texts in names))
    assert [tuple(reply.text for reply in calls.replies) for calls in noted] == names
    assert [tuple(calls.abouts) for calls in noted] == [tuple(f"about {text}" for text in texts) for texts in names]


async def test_what_is_called_in_a_task_of_its_own_is_noted_too() -> None:
    model = Recording(ScriptedModel(lambda prompt: prompt.user))
    with recorded() as calls:
        await asyncio.create_task(model.complete(prompt_of("inner"), 1))
    assert [reply.text for reply in calls.replies] == ["inner"]


async def test_a_call_that_fails_is_noted_and_raised() -> None:
    model = Recording(ScriptedModel(["first", JudgeUnavailable("out of reach"), "third"]))
    with recorded() as calls:
        await model.complete(prompt_of("1"), 1)
        with pytest.raises(JudgeUnavailable):
            await model.complete(prompt_of("2"), 1)
        await model.complete(prompt_of("3"), 1)
    assert [reply.text for reply in calls.replies] == ["first", "third"]
    assert calls.abouts == ["about 1", "about 3"]  # so that each reply has its own
    assert calls.failures == ["JudgeUnavailable: out of reach"]


async def test_a_call_that_the_deadline_cuts_off_is_noted() -> None:
    model = Recording(Waiting(2))  # the second never comes
    with recorded() as calls:
        call = asyncio.create_task(model.complete(prompt_of(""), 1))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert calls.failures == ["CancelledError"]


async def test_outside_of_a_recording_the_model_only_passes_on() -> None:
    model = Recording(ScriptedModel(["said"]))
    assert (await model.complete(prompt_of(""), 1)).text == "said"
    with recorded() as calls:
        pass
    assert calls == Calls()
    assert (model.name, model.identity, model.gives_odds) == ("scripted", "scripted", True)
