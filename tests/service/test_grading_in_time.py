"""A deadline is shared among the judges of a chain, and what is known at its end is given."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from service.cache import MemoryStore
from service.catalog import read_prompts
from service.core.errors import (
    JudgeTimedOut,
)
from service.core.rubric import Criterion
from service.grading import Grader, Wish
from service.judges import Case, Judgement
from service.judges.one_call import OneCall
from service.models.scripted import ScriptedModel
from tests.service.test_grading import ANSWER, CLEAN, MET, RUBRIC, RULES, WHOLE, reply


class Slow:
    """Says one thing, then nothing more."""

    name, rounds = "slow", 1

    def __init__(self, inner: OneCall, speaks: bool) -> None:
        self._inner, self._speaks = inner, speaks
        self.model, self.identity, self.prompt_for = inner.model, inner.identity, inner.prompt_for

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        import asyncio

        if self._speaks:
            async for judgement in self._inner.assess(case, criteria):
                yield judgement
        await asyncio.Event().wait()


@pytest.mark.parametrize("speaks", [True, False])
async def test_at_the_deadline_what_is_known_is_given_and_nothing_known_is_a_time_out(speaks: bool) -> None:
    judge = Slow(OneCall(ScriptedModel([reply(p1=MET)]), read_prompts()["grade-v1"]), speaks)
    grader = Grader({"slow": (judge,)}, "slow", MemoryStore(9, 60), b"s", deadline_seconds=60)
    wish = Wish(deadline_seconds=0.05)
    if speaks:
        assert (await grader.grade(RUBRIC, RULES, ANSWER, wish)).status == "partial"
    else:
        with pytest.raises(JudgeTimedOut, match="deadline"):
            await grader.grade(RUBRIC, RULES, ANSWER, wish)


async def test_a_first_judge_that_stalls_leaves_the_next_its_share_of_the_time() -> None:
    template = read_prompts()["grade-v1"]
    stalls = Slow(OneCall(ScriptedModel([reply(p1=MET)]), template), speaks=True)
    second = ScriptedModel([reply(p2=WHOLE["p2"], f1=CLEAN)])
    second.name = second.identity = "second"
    grader = Grader({"slow": (stalls, OneCall(second, template))}, "slow", MemoryStore(9, 60), b"s", 60)
    grade = await grader.grade(RUBRIC, RULES, ANSWER, Wish(deadline_seconds=2))
    assert (grade.status, [point.model for point in grade.points]) == ("graded", ["scripted", "second"])
