"""What is known of a criterion before any candidate: asked once, set against the candidate's odds, kept by key."""

from dataclasses import replace

import pytest

from evals.known import file_of
from service.bootstrap import WORDINGS
from service.catalog import RUBRICS, read_catalog, read_json, read_prompts
from service.core.answer import Answer
from service.core.calibration import Calibration, Direction
from service.core.prompt import Prompt
from service.core.rubric import Criterion, Pitfall, Point
from service.core.verdict import Verdict
from service.judges import Case, reads_example
from service.judges.known import KNOWN, KnownOdds, kept_odds, key_of, known_answers
from service.judges.panel import Panel
from service.judges.per_criterion import PerCriterion, looks_at
from service.judges.signals import Told, kind_of
from service.models.scripted import Line, ScriptedModel
from tests.builders import calibration_of, scale_of

TEMPLATES = {kind: read_prompts()[name] for kind, name in WORDINGS[0].prompts.items()}
EMPTY = TEMPLATES["empty"].render("answer")
EXAMPLE = "I compared both figures in the March report and found a typing error."
CANDIDATE = Answer.of("I looked at the log. It told me nothing. So I asked the night shift.")
P1 = Point(id="p1", text="Names the cause")
F1 = Pitfall(id="f1", text="Blames others")
BESIDE_BOTH = calibration_of(point=scale_of(0, -9, yes=2, empty=-1, example=-1))
BARE = BESIDE_BOTH.model_copy(update={"without_example": {"point": scale_of(0, -9, yes=1, empty=-1)}})


def case(example: str | None = EXAMPLE, question: str = "What was the cause?") -> Case:
    return Case(question, CANDIDATE, "0123456789abcdef", lambda: 60.0, example=example)


def odds(prompt: Prompt) -> Line:
    """The answer without content gets a yes at 0.2, the example at 0.9, the candidate at 0.6."""
    if prompt.start.endswith("["):
        return {"A": 1.0}
    p = 0.2 if "passionate" in prompt.user else 0.9 if "typing error" in prompt.user else 0.6
    return {"Yes": p, "No": 1 - p}


async def verdicts(judge: PerCriterion, on: Case, *criteria: Criterion) -> list[Verdict]:
    return [judgement.verdict async for judgement in judge.assess(on, criteria)]


def judge_of(calibration: Calibration, known: KnownOdds | None = None) -> tuple[PerCriterion, ScriptedModel]:
    model = ScriptedModel(odds)
    return PerCriterion(model, TEMPLATES, calibration, known), model


async def test_a_candidates_odds_are_set_against_those_of_the_known_answers() -> None:
    judge, _ = judge_of(BESIDE_BOTH)
    [verdict] = await verdicts(judge, case(), P1)
    # 2 ln(0.6/0.4) - ln(0.2/0.8) - ln(0.9/0.1) = 0.811 + 1.386 - 2.197 = 0: partial, the cut, at 0.5.
    assert verdict.level == "partial"
    assert verdict.confidence == pytest.approx(0.5, abs=1e-3)


async def test_without_an_example_another_scale_looks_at_what_there_is() -> None:
    judge, model = judge_of(BARE)
    [verdict] = await verdicts(judge, case(example=None), P1)
    # ln(0.6/0.4) - ln(0.2/0.8) = 0.405 + 1.386 = 1.792, and 1/(1 + e^-1.792) = 0.857.
    assert verdict.confidence == pytest.approx(0.857, abs=1e-3)
    assert sum("passionate" in prompt.user for prompt in model.prompts) == 1


async def test_what_is_kept_from_the_judge_of_the_candidate_is_read_of_the_known_answers() -> None:
    judge, model = judge_of(BESIDE_BOTH)
    await verdicts(judge, replace(case(), unheard=frozenset({1})), P1)
    shown = {prompt.about.split()[-1]: prompt.user for prompt in model.prompts}
    assert "I looked at the log" not in shown["p1"]
    assert "It told me nothing" in shown["p1"]
    assert EXAMPLE in shown["example"]


async def test_what_is_known_is_asked_once_and_of_the_kinds_that_look_at_it() -> None:
    judge, model = judge_of(BESIDE_BOTH)
    first = case()
    await verdicts(judge, first, P1, F1)
    label = TEMPLATES["point"].label
    assert [call.about for call in model.prompts[:2]] == [f"{label} p1 empty", f"{label} p1 example"]
    assert len(first.completions) == 2 + 2 * 3  # the question without content, p1, f1: odds and a mark each
    again = case()
    await verdicts(judge, again, P1, F1)
    assert len(again.completions) == 2 * 3


@pytest.mark.parametrize("other", [case(question="What else?"), case(example="I guessed.")])
async def test_another_question_or_example_is_asked_anew(other: Case) -> None:
    judge, _ = judge_of(BESIDE_BOTH)
    await verdicts(judge, case(), P1)
    await verdicts(judge, other, P1)
    assert len(other.completions) > 4


async def test_what_a_file_tells_of_this_model_is_not_asked_again() -> None:
    asked, model = judge_of(BESIDE_BOTH)
    await asked.get_known(case(), (P1,))
    told = file_of(asked.known, model.identity, asked.calibration, "a test")
    assert told.model == model.identity
    judge, again = judge_of(BESIDE_BOTH, told)
    [verdict] = await verdicts(judge, case(), P1)
    assert len(again.prompts) == 4
    [before] = await verdicts(asked, case(), P1)
    assert verdict.confidence == pytest.approx(before.confidence, abs=1e-3)  # a file's odds are rounded


def test_a_file_of_another_model_tells_nothing() -> None:
    file, plain = KnownOdds(version=1, made_by="a test", model="one", log_odds={"k": 1.0}), calibration_of()
    assert dict(kept_odds(file, "one", plain)) == {"k": Told(1.0)}
    assert dict(kept_odds(file, "another", plain)) == dict(kept_odds(None, "one", plain)) == {}


async def test_how_far_the_odds_lean_over_those_of_the_known_answers_shapes_the_verdict() -> None:
    there = {"there": Direction(weights={"Yes": 1, "No": -1})}
    judge, model = judge_of(calibration_of(point=scale_of(1, -9, lift=1)).model_copy(update={"directions": there}))
    [verdict] = await verdicts(judge, case(), P1)
    # Along it lie ln(0.6/0.4) = 0.405, and of the known answers -1.386 and 2.197, on the mean 0.405: a lift of 0.
    # 1/(1 + e^-1) = 0.731 is the probability of partial or more.
    assert verdict.level == "partial"
    assert verdict.confidence == pytest.approx(0.731, abs=1e-3)
    told = {call.about.partition(" ")[2]: call.odds for call in model.prompts}
    assert told == {"p1 empty": 3000, "p1 example": 3000, "": 40, "evidence": 40, "p1": 3000, "p1 evidence": 40}


async def test_without_directions_few_odds_are_told() -> None:
    judge, model = judge_of(BESIDE_BOTH)
    await verdicts(judge, case(), P1)
    assert {call.odds for call in model.prompts} == {40}


async def test_without_an_example_points_are_measured_along_their_own_direction_and_kept_apart() -> None:
    directions = {"there": Direction(weights={"Yes": 1, "No": -1}), "stated": Direction(weights={"Yes": 2, "No": -2})}
    scales = {"point": scale_of(0, -9, lift=1)}
    judge, model = judge_of(calibration_of(**scales).model_copy(update={"directions": directions}))
    beside, [bare] = await verdicts(judge, case(), P1), await verdicts(judge, case(example=None), P1)
    # ln(0.6/0.4) = 0.405; over the known answers' mean a lift of 0, and 2 (0.405 + 1.386) = 3.583 over the empty one:
    # 0.9730 for partial or more, 0.0044 for met.
    assert beside[0].confidence == pytest.approx(0.5, abs=1e-3)
    assert bare.confidence == pytest.approx(0.9686, abs=1e-3)
    # The same answer without content was asked for both: how far it lies along the one says nothing of the other.
    assert sum("passionate" in prompt.user for prompt in model.prompts) == 2
    again = await verdicts(judge, case(example=None), P1)
    assert again == [bare]
    assert sum("passionate" in prompt.user for prompt in model.prompts) == 2


async def test_what_was_measured_by_other_directions_is_asked_anew() -> None:
    scales = {"point": scale_of(0, -9, yes=1, lift=1)}
    one, two = (
        calibration_of(**scales).model_copy(update={"directions": {"there": Direction(weights={"Yes": w, "No": -w})}})
        for w in (1.0, 2.0)
    )
    asked, model = judge_of(one)
    await asked.get_known(case(), (P1,))
    told = file_of(asked.known, model.identity, asked.calibration, "a test")
    # ln(0.2/0.8), once as log odds and once along the direction.
    [empty] = [key for key, said in told.log_odds.items() if said == pytest.approx(-1.386, abs=1e-3)]
    assert told.along[empty] == pytest.approx(-1.386, abs=1e-3)
    same, other = kept_odds(told, model.identity, one), kept_odds(told, model.identity, two)
    assert (len(same), len(other)) == (2, 0)


def test_a_judge_says_whether_the_example_shapes_its_verdicts_and_so_does_one_that_asks_it() -> None:
    looks, _ = judge_of(BESIDE_BOTH)
    plain, _ = judge_of(calibration_of())
    assert reads_example(looks)
    assert not reads_example(plain)
    assert reads_example(Panel([plain, looks]))


def test_the_file_that_ships_holds_each_criterion_of_the_catalog_that_a_scale_looks_at() -> None:
    wording = WORDINGS[0]
    file, calibration = read_json(wording.known, KnownOdds), read_json(wording.calibration, Calibration)
    lacking = [
        (rubric.id, criterion.id, known.name)
        for rubric in read_catalog(RUBRICS).listed
        for known in known_answers(EMPTY, rubric.example_answer)
        for criterion in rubric.judged
        if looks_at(calibration.scale_of(kind_of(criterion), rubric.example_answer is not None), known.name)
        and not file.told(key_of(TEMPLATES[kind_of(criterion)], rubric.question, known.answer, criterion), calibration)
    ]
    assert lacking == []
    assert [known.name for known in known_answers(EMPTY, EXAMPLE)] == list(KNOWN)
