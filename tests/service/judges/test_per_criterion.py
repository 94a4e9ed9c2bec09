"""One short question a criterion; the odds of the first token decide, and become the confidence."""

from collections.abc import Callable

import pytest

from service.catalog import read_prompts
from service.core.answer import Answer
from service.core.errors import ImpossibleOption, JudgeUnavailable
from service.core.prompt import Prompt
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point, StarCriterion, StarPart
from service.core.verdict import Mention, Verdict
from service.judges import Case
from service.judges.per_criterion import MARKS, PerCriterion, Thresholds, odds_of_yes, passages_of
from service.models.scripted import Line, ScriptedModel

ANSWER = Answer.of("I found the gap by hand. Then I fixed it. Costs fell by half.")
TEMPLATES = {
    kind: read_prompts()[f"{kind}-v1"] for kind in ("neutral", "point", "commission", "omission", "only", "star")
}
HALVES = Thresholds(met=0.6, partial=0.4, present=0.6, half_present=0.4, asserted=0.6, mentioned=0.6)


def case() -> Case:
    return Case("How did you find it?", ANSWER, "0123456789abcdef", lambda: 60.0)


def judge_of(script: Callable[[Prompt], Line] | list[Line]) -> PerCriterion:
    return PerCriterion(ScriptedModel(script), TEMPLATES, HALVES)


async def verdicts_of(judge: PerCriterion, *criteria: Criterion, on: Case | None = None) -> list[Verdict]:
    return [judgement.verdict async for judgement in judge.assess(on or case(), criteria)]


def yes(p: float) -> dict[str, float]:
    return {"Yes": p, "No": 1 - p}


@pytest.mark.parametrize(
    ("criterion", "odds", "level", "mention"),
    [
        (Point(id="p1", text="Says how"), 0.9, "met", None),
        (Point(id="p1", text="Says how"), 0.5, "partial", None),
        (Point(id="p1", text="Says how"), 0.1, "missed", None),
        (StarCriterion(part=StarPart.TASK), 0.9, "present", None),
        (StarCriterion(part=StarPart.TASK), 0.5, "partial", None),
        (StarCriterion(part=StarPart.TASK), 0.1, "absent", None),
        (Pitfall(id="f1", text="Blames"), 0.9, "committed", Mention.ASSERTS),
        (Pitfall(id="f1", text="Blames"), 0.1, "avoided", Mention.NONE),
        # Of these two the judge is asked whether the thing is there, so a yes clears the candidate.
        (Pitfall(id="f1", kind=PitfallKind.OMISSION, text="No data", expected="data"), 0.9, "avoided", Mention.NONE),
        (Pitfall(id="f1", kind=PitfallKind.OMISSION, text="No data", expected="data"), 0.1, "committed", Mention.OMITS),
        (Pitfall(id="f1", kind=PitfallKind.ONLY, text="Only code", expected="tests"), 0.9, "avoided", Mention.NONE),
        (
            Pitfall(id="f1", kind=PitfallKind.ONLY, text="Only code", expected="tests"),
            0.1,
            "committed",
            Mention.ASSERTS,
        ),
    ],
)
async def test_the_odds_of_yes_decide_the_level(
    criterion: Criterion, odds: float, level: str, mention: Mention | None
) -> None:
    judge = judge_of(lambda prompt: {"B": 0.7, "A": 0.2} if prompt.start else yes(odds))
    [verdict] = await verdicts_of(judge, criterion)
    assert (verdict.level, verdict.mention) == (level, mention)
    assert verdict.confidence == pytest.approx(max(odds, 1 - odds))


async def test_evidence_is_asked_for_only_where_something_was_found() -> None:
    model = ScriptedModel([{"A": 0.5, "C": 0.3}, yes(0.1), yes(0.9), {" C": 0.6, " A": 0.3}])
    judge = PerCriterion(model, TEMPLATES, HALVES)
    missed, met = await verdicts_of(judge, Point(id="p1", text="Names a law"), Point(id="p2", text="Names a cost"))
    assert (missed.sentences, met.sentences) == ((), (3,))
    assert [bool(prompt.start) for prompt in model.prompts] == [True, False, False, True]


async def test_all_questions_share_one_prefix_so_that_the_answer_is_read_once() -> None:
    model = ScriptedModel([yes(0.1)])
    criteria = (
        Point(id="p1", text="One"),
        Pitfall(id="f1", text="Two"),
        Pitfall(id="f2", kind=PitfallKind.OMISSION, text="Three", expected="three"),
        Pitfall(id="f3", kind=PitfallKind.ONLY, text="Four", expected="four"),
        StarCriterion(part=StarPart.RESULT),
    )
    await verdicts_of(PerCriterion(model, TEMPLATES, HALVES), *criteria)
    prefixes = {prompt.system + prompt.user[: prompt.user.index("</answer-")] for prompt in model.prompts}
    assert len(model.prompts) == 6
    assert len(prefixes) == 1


async def test_odds_of_neither_word_leave_the_criterion_undecided() -> None:
    assert await verdicts_of(judge_of([{"A": 1.0}, {"Perhaps": 0.9}]), Point(id="p1", text="One")) == []


async def test_a_mark_the_model_does_not_name_is_no_evidence() -> None:
    judge = judge_of(lambda prompt: {"the": 1.0} if prompt.start else yes(0.9))
    [verdict] = await verdicts_of(judge, Point(id="p1", text="One"))
    assert (verdict.level, verdict.sentences) == ("met", ())


async def test_what_was_decided_before_a_failure_is_kept() -> None:
    judge = judge_of([{"A": 1.0}, yes(0.1), JudgeUnavailable("gone")])
    judgements = judge.assess(case(), (Point(id="p1", text="One"), Point(id="p2", text="Two")))
    assert (await anext(judgements)).verdict.criterion_id == "p1"
    with pytest.raises(JudgeUnavailable):
        await anext(judgements)


async def test_a_mark_the_model_always_favours_is_no_evidence_of_anything() -> None:
    # C is likeliest, but it was 0.8 without any question: 0.6 / 0.8**0.7 = 0.70, and A has 0.3 / 0.1**0.7 = 1.5.
    model = ScriptedModel([{"C": 0.8, "A": 0.1, "B": 0.1}, yes(0.9), {"C": 0.6, "A": 0.3, "B": 0.1}])
    [verdict] = await verdicts_of(PerCriterion(model, TEMPLATES, HALVES), Point(id="p1", text="One"))
    assert verdict.sentences == (1,)


def test_a_model_without_odds_is_refused_by_name() -> None:
    model = ScriptedModel(["{}"])
    model.gives_odds = False
    with pytest.raises(ImpossibleOption, match="'scripted'"):
        PerCriterion(model, TEMPLATES, HALVES)


def test_more_sentences_than_marks_share_marks_and_none_is_lost() -> None:
    answer = Answer.of(" ".join(f"Sentence number {n} is here." for n in range(1, 131)))
    passages = passages_of(answer)
    assert [passage.mark for passage in passages] == list(MARKS)
    assert [n for passage in passages for n in passage.sentences] == list(range(1, len(answer.sentences) + 1))


@pytest.mark.parametrize(
    ("odds", "expected"),
    [
        ({"Yes": 0.6, "No": 0.2}, 0.75),
        ({" yes": 0.3, "YES": 0.3, "no": 0.2}, 0.75),  # however they are spelt
        ({"No": 0.5}, 0.0),
        ({"Maybe": 1.0}, None),
        ({}, None),
    ],
)
def test_odds_are_of_yes_against_no(odds: dict[str, float], expected: float | None) -> None:
    assert odds_of_yes(odds) == pytest.approx(expected)
