"""Two short questions a criterion; the odds of the first tokens decide, by a calibration, and become probabilities."""

from collections.abc import Callable

import pytest

from service.bootstrap import WORDINGS
from service.catalog import read_prompts
from service.core.answer import Answer
from service.core.calibration import Calibration
from service.core.errors import ImpossibleOption, JudgeUnavailable
from service.core.prompt import Prompt
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point, StarCriterion, StarPart
from service.core.verdict import Mention, Verdict
from service.judges import Case
from service.judges.per_criterion import MARKS, PerCriterion, likeliest, marked, passages_of
from service.models.scripted import Line, ScriptedModel
from tests.builders import calibration_of, scale_of

ANSWER = Answer.of("I found the gap by hand. Then I fixed it. Costs fell by half.")
TEMPLATES = {kind: read_prompts()[name] for kind, name in WORDINGS[0].prompts.items()}
PLAIN = calibration_of()
P1, P2 = (Point(id=f"p{n}", text=f"Names the cost number {n}") for n in (1, 2))
F1 = Pitfall(id="f1", text="Blames others")
OMISSION = Pitfall(id="f2", kind=PitfallKind.OMISSION, text="No data", expected="data")
ONLY = Pitfall(id="f3", kind=PitfallKind.ONLY, text="Only code", expected="tests")
PART = StarCriterion(part=StarPart.TASK)
MARKED = {"B": 0.7, "A": 0.2}


def case() -> Case:
    return Case("How did you find it?", ANSWER, "0123456789abcdef", lambda: 60.0)


def judge_of(script: Callable[[Prompt], Line] | list[Line], calibration: Calibration = PLAIN) -> PerCriterion:
    return PerCriterion(ScriptedModel(script), TEMPLATES, calibration)


async def verdicts_of(judge: PerCriterion, *criteria: Criterion, on: Case | None = None) -> list[Verdict]:
    return [judgement.verdict async for judgement in judge.assess(on or case(), criteria)]


def asks_for_marks(prompt: Prompt) -> bool:
    return prompt.start.endswith("[")


def yes(p: float) -> dict[str, float]:
    return {"Yes": p, "No": 1 - p}


def saying(p: float) -> Callable[[Prompt], Line]:
    """Yes with this probability to all that is asked; asked where, mostly B."""
    return lambda prompt: MARKED if asks_for_marks(prompt) else yes(p)


@pytest.mark.parametrize(
    ("criterion", "odds", "level", "mention", "confidence", "probability"),
    [
        # Log odds of 0.9 are ln 9 = 2.197: partial is 1/(1 + e^-(2.197 + 1)) = 0.961, met 1/(1 + e^-1.197) = 0.768.
        (P1, 0.9, "met", None, 0.768, 0.768),
        (PART, 0.9, "present", None, 0.768, 0.768),
        # Log odds 0: partial 1/(1 + e^-1) = 0.731, met 0.269. Just partial: 0.731 - 0.269.
        (P1, 0.5, "partial", None, 0.462, 0.269),
        (PART, 0.5, "partial", None, 0.462, 0.269),
        # Log odds -2.197: partial 0.232, met 0.039. Missed: 1 - 0.232.
        (P1, 0.1, "missed", None, 0.768, 0.039),
        (PART, 0.1, "absent", None, 0.768, 0.039),
        # A pitfall's cut is 0 here, so that the probability is the odds themselves.
        (F1, 0.9, "committed", Mention.ASSERTS, 0.9, 0.9),
        (F1, 0.1, "avoided", Mention.NONE, 0.9, 0.1),
        (ONLY, 0.9, "committed", Mention.ASSERTS, 0.9, 0.9),
        (ONLY, 0.1, "avoided", Mention.NONE, 0.9, 0.1),
        # Here the judge is asked whether the thing is there, so that a yes clears the candidate.
        (OMISSION, 0.9, "avoided", Mention.NONE, 0.9, 0.1),
        (OMISSION, 0.1, "committed", Mention.OMITS, 0.9, 0.9),
    ],
)
async def test_the_odds_of_yes_decide_the_level_by_the_calibration(
    criterion: Criterion, odds: float, level: str, mention: Mention | None, confidence: float, probability: float
) -> None:
    [verdict] = await verdicts_of(judge_of(saying(odds)), criterion)
    assert (verdict.criterion_id, verdict.level, verdict.mention) == (criterion.id, level, mention)
    assert verdict.confidence == pytest.approx(confidence, abs=5e-4)
    assert verdict.probability == pytest.approx(probability, abs=5e-4)


async def test_each_kind_of_criterion_is_read_by_its_own_scale() -> None:
    strict = scale_of(-9, yes=1)  # wants log odds of 9
    judge = judge_of(saying(0.9), calibration_of(commission=strict))
    assert [v.level for v in await verdicts_of(judge, F1, ONLY)] == ["avoided", "committed"]


@pytest.mark.parametrize(
    ("neutral", "level"),
    [
        # yes - neutral: ln 9 - ln 9 = 0 is not yet above the cut of 1, ln 9 - ln 1 = 2.2 is.
        (yes(0.9), "avoided"),
        (yes(0.5), "committed"),
        ({"Perhaps": 1.0}, "committed"),  # neither word: as ready for the one as for the other
    ],
)
async def test_how_ready_the_model_is_to_say_yes_at_all_can_be_taken_off(neutral: dict[str, float], level: str) -> None:
    calibration = calibration_of(commission=scale_of(-1, yes=1, neutral=-1))
    [verdict] = await verdicts_of(judge_of([neutral, MARKED, yes(0.9), MARKED], calibration), F1)
    assert verdict.level == level


async def test_the_question_without_content_comes_first_and_each_is_asked_for_yes_or_no_and_then_for_a_mark() -> None:
    model = ScriptedModel(saying(0.1))
    await verdicts_of(PerCriterion(model, TEMPLATES, PLAIN), P1, F1)
    assert [asks_for_marks(prompt) for prompt in model.prompts] == [False, True] * 3
    assert "Answers the question" in model.prompts[0].user
    assert P1.text in model.prompts[2].user
    for plain, begun in zip(model.prompts[::2], model.prompts[1::2], strict=True):
        assert (begun.system, begun.user) == (plain.system, plain.user)
        assert begun.start.startswith(plain.start)


async def test_a_prompt_says_of_itself_by_which_template_and_on_what_it_is() -> None:
    model = ScriptedModel(saying(0.1))
    await verdicts_of(PerCriterion(model, TEMPLATES, PLAIN), P1, OMISSION, PART)
    neutral, point, omission, star = (TEMPLATES[kind].label for kind in ("neutral", "point", "omission", "star"))
    assert [prompt.about for prompt in model.prompts] == [
        neutral, f"{neutral} evidence",
        f"{point} p1", f"{point} p1 evidence",
        f"{omission} f2", f"{omission} f2 evidence",
        f"{star} task", f"{star} task evidence",
    ]  # fmt: skip


async def test_one_token_is_asked_for_each_time() -> None:
    model = ScriptedModel(saying(0.9))
    await verdicts_of(PerCriterion(model, TEMPLATES, PLAIN), P1)
    assert {prompt.most_tokens for prompt in model.prompts} == {1}
    assert min(prompt.odds for prompt in model.prompts) > 0


@pytest.mark.parametrize("criterion", [P1, PART, F1, ONLY, OMISSION])  # of the last, what would be missing
async def test_a_sentence_is_shown_only_where_what_was_asked_for_was_found(criterion: Criterion) -> None:
    [found] = await verdicts_of(judge_of([yes(0.5), {"A": 0.5}, yes(0.9), MARKED]), criterion)
    [missing] = await verdicts_of(judge_of([yes(0.5), {"A": 0.5}, yes(0.1), MARKED]), criterion)
    assert (found.sentences, missing.sentences) == ((2,), ())


async def test_a_partial_verdict_shows_where_too() -> None:
    [verdict] = await verdicts_of(judge_of([yes(0.5), {"A": 0.5}, yes(0.5), {" C": 0.6, " A": 0.3}]), P1)
    assert (verdict.level, verdict.sentences) == ("partial", (3,))


async def test_all_questions_share_one_prefix_so_that_the_answer_is_read_once() -> None:
    model = ScriptedModel(saying(0.1))
    await verdicts_of(PerCriterion(model, TEMPLATES, PLAIN), P1, F1, OMISSION, ONLY, PART)
    prefixes = {prompt.system + prompt.user[: prompt.user.index("</answer-")] for prompt in model.prompts}
    assert len(model.prompts) == 2 * (1 + 5)
    assert len(prefixes) == 1


async def test_the_worked_example_is_the_same_for_every_answer() -> None:
    model = ScriptedModel(saying(0.1))
    judge = PerCriterion(model, TEMPLATES, PLAIN)
    await verdicts_of(judge, P1)
    await verdicts_of(judge, F1, on=Case("Why?", Answer.of("Because."), "fedcba9876543210", lambda: 60.0))
    assert len({prompt.system for prompt in model.prompts}) == 1


async def test_odds_of_neither_word_leave_the_criterion_undecided() -> None:
    script: list[Line] = [yes(0.5), MARKED, {"Perhaps": 0.9}, MARKED, yes(0.9), MARKED]
    assert [v.criterion_id for v in await verdicts_of(judge_of(script), P1, P2)] == ["p2"]


async def test_a_mark_the_model_does_not_name_is_no_evidence() -> None:
    judge = judge_of(lambda prompt: {"the": 1.0} if asks_for_marks(prompt) else yes(0.9))
    [verdict] = await verdicts_of(judge, P1)
    assert (verdict.level, verdict.sentences) == ("met", ())


async def test_what_was_decided_before_a_failure_is_kept() -> None:
    judge = judge_of([yes(0.5), MARKED, yes(0.1), MARKED, JudgeUnavailable("gone")])
    judgements = judge.assess(case(), (P1, P2))
    assert (await anext(judgements)).verdict.criterion_id == "p1"
    with pytest.raises(JudgeUnavailable):
        await anext(judgements)


async def test_each_verdict_costs_both_of_its_questions() -> None:
    def costs(cost_usd: float | None) -> PerCriterion:
        return PerCriterion(ScriptedModel(saying(0.9), cost_usd=cost_usd), TEMPLATES, PLAIN)

    on = case()
    judgements = [j async for j in costs(0.001).assess(on, (P1, P2))]
    assert [j.cost_usd for j in judgements] == [pytest.approx(0.002)] * 2
    assert len(on.completions) == 6  # those of the question without content too
    assert [j.cost_usd async for j in costs(None).assess(case(), (P1,))] == [None]


async def test_verdicts_bear_model_and_prompt() -> None:
    [verdict] = await verdicts_of(judge_of(saying(0.9)), ONLY)
    assert (verdict.model, verdict.prompt) == ("scripted", TEMPLATES["only"].label)
    assert judge_of([]).prompt_for(ONLY) == TEMPLATES["only"]


async def test_a_mark_the_model_always_favours_is_no_evidence_of_anything() -> None:
    # C is likeliest, but it was 0.8 without any question: 0.6 / 0.8**0.7 = 0.70, and A has 0.3 / 0.1**0.7 = 1.5.
    script: list[Line] = [yes(0.5), {"C": 0.8, "A": 0.1, "B": 0.1}, yes(0.9), {"C": 0.6, "A": 0.3, "B": 0.1}]
    [verdict] = await verdicts_of(judge_of(script), P1)
    assert verdict.sentences == (1,)


def test_another_calibration_makes_another_judge_and_another_note_does_not() -> None:
    others = calibration_of(point=scale_of(2, -1, yes=1)), PLAIN.model_copy(update={"note": "of today"})
    moved, renamed = (judge_of([], calibration).identity for calibration in others)
    assert moved != judge_of([]).identity == renamed


def test_another_question_without_content_makes_another_judge() -> None:
    other = PerCriterion(ScriptedModel([]), TEMPLATES | {"neutral": read_prompts()["neutral-v1"]}, PLAIN)
    assert other.identity != judge_of([]).identity


def test_a_model_without_odds_is_refused_by_name() -> None:
    model = ScriptedModel(["{}"])
    model.gives_odds = False
    with pytest.raises(ImpossibleOption, match="'scripted'"):
        PerCriterion(model, TEMPLATES, PLAIN)


def test_more_sentences_than_marks_share_marks_and_none_is_lost() -> None:
    answer = Answer.of(" ".join(f"Sentence number {n} is here." for n in range(1, 131)))
    passages = passages_of(answer.sentences)
    assert [passage.mark for passage in passages] == list(MARKS)
    assert [n for passage in passages for n in passage.sentences] == list(range(1, len(answer.sentences) + 1))


def test_of_all_tokens_the_marks_of_the_passages_are_read_and_of_those_not_told_none() -> None:
    odds = {" A": 0.5, "C": 0.2, "D": 0.2, "a": 0.05, "The": 0.05}  # three sentences: A, B and C
    assert marked(odds, passages_of(ANSWER.sentences)) == {"A": 0.5, "C": 0.2}
    assert marked({}, passages_of(ANSWER.sentences)) == {}


def test_a_mark_that_the_question_alone_brings_up_stands_out() -> None:
    passages = passages_of(ANSWER.sentences)
    # B was not told without a question: 0.2 / 0.0001**0.7 = 126, and A has 0.7 / 0.5**0.7 = 1.1.
    assert likeliest(passages, {"A": 0.7, "B": 0.2}, {"A": 0.5}) == (2,)
    assert likeliest(passages, {}, {"A": 0.5}) == ()


def test_a_mark_that_is_rare_either_way_does_not_outdo_a_likely_one() -> None:
    # C rose fivefold, but from next to nothing: 0.05 / 0.01**0.7 = 1.26, and A has 0.8 / 0.5**0.7 = 1.30.
    assert likeliest(passages_of(ANSWER.sentences), {"A": 0.8, "C": 0.05}, {"A": 0.5, "C": 0.01}) == (1,)
