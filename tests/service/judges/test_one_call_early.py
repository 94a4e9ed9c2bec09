"""Read while it is written, a reply gives each verdict once its entry is whole, and the same as read at the end."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import GradingError, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.judges import Case, Judgement, asked
from service.judges.one_call import OneCall
from service.models import Completion, OnText
from service.models.scripted import ScriptedModel
from tests.builders import untimed
from tests.service.judges.test_one_call import ANSWER, CRITERIA, REPLY, TEMPLATE


class Writer(ScriptedModel):
    """Writes these pieces; then says it is done, or fails."""

    def __init__(self, pieces: Sequence[str], failure: GradingError | None = None) -> None:
        super().__init__(["".join(pieces)], cost_usd=0.01)
        self._pieces, self._failure = pieces, failure

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        for piece in self._pieces:
            if on_text:
                on_text(piece)
            await asyncio.sleep(0)
        if self._failure:
            raise self._failure
        return await super().complete(prompt, timeout_seconds)


def case(early: bool = True) -> Case:
    return Case("What went wrong?", ANSWER, "0123456789abcdef", lambda: 60.0, early=early)


async def judgements(model: ScriptedModel, early: bool = True) -> list[Judgement]:
    return [j async for j in OneCall(model, TEMPLATE).assess(case(early), CRITERIA)]


TEXT = json.dumps(REPLY)
TEXTS = (
    TEXT,
    f"Here you are:\n```json\n{json.dumps(REPLY, indent=2)}\n```",
    json.dumps({"verdicts": REPLY}),
    TEXT[: len(TEXT) // 2],  # cut off
    TEXT.replace('"met"', '"perhaps"') + TEXT,  # what cannot be accepted at first is said again
    TEXT.replace("leak named", 'so "p2": {"at": [1], "level": "met"} it is'),  # quotation marks left unescaped
)


@untimed
@given(st.sampled_from(TEXTS), st.data())
def test_however_it_is_cut_into_pieces_early_verdicts_are_those_of_the_whole(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    early = asyncio.run(judgements(Writer(pieces)))
    whole = asyncio.run(judgements(Writer(pieces), early=False))
    told = [j.verdict for j in early if not j.final]
    assert sorted(told, key=str) == sorted((j.verdict for j in whole), key=str)
    assert [j for j in early if j.final] == whole


async def test_a_verdict_is_told_once_its_entry_is_whole_and_not_before() -> None:
    after_first = TEXT.index("}") + 1
    model = Writer([TEXT[: after_first - 1], "}", TEXT[after_first:]], JudgeUnavailable("never heard"))
    judging = OneCall(model, TEMPLATE).assess(case(), CRITERIA)
    first = await anext(judging)
    assert (first.verdict.criterion_id, first.final, first.cost_usd) == ("p1", False, None)
    assert not model.prompts  # it is still writing
    await judging.aclose()


async def test_what_was_whole_before_a_failure_stands_and_is_worth_remembering() -> None:
    two = TEXT[: TEXT.index('"f1"')] + '"f1": {"at": [], "as": "none", "le'
    got: list[Judgement] = []

    async def listen() -> None:
        async for judgement in OneCall(Writer([two], JudgeTimedOut("slow")), TEMPLATE).assess(case(), CRITERIA):
            got.append(judgement)

    with pytest.raises(JudgeTimedOut):
        await listen()
    assert [j.verdict.criterion_id for j in got if j.final] == ["p1", "p2"]
    assert {j.cost_usd for j in got} == {None}


async def test_of_a_reply_cut_off_only_the_rest_is_asked_again() -> None:
    cut = TEXT[: TEXT.index('"f1"') + 20]
    model = ScriptedModel([cut, TEXT])
    got = [j async for j in asked(OneCall(model, TEMPLATE), case(), CRITERIA)]
    assert [j.verdict.criterion_id for j in got if j.final] == ["p1", "p2", "f1", "f2", "result"]
    assert "p2:" not in model.prompts[1].user


async def test_who_leaves_stops_the_writing() -> None:
    stopped = asyncio.Event()

    class Endless(Writer):
        async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
            assert on_text
            on_text(TEXT)
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()
            raise AssertionError

    judging = OneCall(Endless([]), TEMPLATE).assess(case(), CRITERIA)
    await anext(judging)
    await judging.aclose()
    await stopped.wait()
    assert stopped.is_set()
