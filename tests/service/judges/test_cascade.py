"""A cheap judge says what it is sure of; the rest goes to a strong one, whose failure costs nothing already known."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from service.cache import MemoryStore
from service.catalog import read_json, read_prompts
from service.core.errors import AnswerTooLong, BadFile, GradingError, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion, Pitfall, Point, RubricSet, StarCriterion, StarPart
from service.core.verdict import Level, Verdict
from service.grading import Grader, Wish
from service.judges import Case, Judgement, prompts_of
from service.judges.cascade import CHOSEN, Cascade, Choice, Keep
from service.models.scripted import ScriptedModel
from tests.builders import answer_of, rubric_of, verdict_of

TEMPLATES = read_prompts()
P1, P2 = (Point(id=f"p{n}", text=f"Names the reason number {n}") for n in (1, 2))
F1 = Pitfall(id="f1", text="Blames the weather")
PART = StarCriterion(part=StarPart.RESULT)
KEEP = Keep(points=0.8, pitfalls=0.6, star=0.9)
Said = Mapping[str, tuple[Level, float | None]]


class Sure:
    """A judge that gives these levels with these confidences, and fails where it is told an error."""

    rounds = 1

    def __init__(self, name: str, said: Said, fails: GradingError | None = None, cost_usd: float | None = 0.01) -> None:
        self.model = ScriptedModel(["{}"])
        self.model.name = self.name = self.identity = name
        self.asked: list[list[str]] = []
        self._said, self._fails, self._cost_usd = said, fails, cost_usd

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        return TEMPLATES["point-v1" if self.name == "cheap" else "grade-v1"]

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        self.asked.append([criterion.id for criterion in criteria])
        for criterion in criteria:
            if criterion.id in self._said:
                level, confidence = self._said[criterion.id]
                verdict = verdict_of(criterion.id, level, 1, confidence=confidence)
                yield Judgement(verdict.model_copy(update={"model": self.name}), self._cost_usd)
        if self._fails:
            raise self._fails


def case() -> Case:
    return Case("Why?", answer_of(4), "0123456789abcdef", lambda: 60.0)


async def judged(cascade: Cascade, *criteria: Criterion) -> list[Judgement]:
    return [judgement async for judgement in cascade.assess(case(), criteria)]


def last(judgements: Sequence[Judgement]) -> dict[str, tuple[Level, str, bool]]:
    """What stands in the end: level, who said it, whether it is final."""
    return {j.verdict.criterion_id: (j.verdict.level, j.verdict.model, j.final) for j in judgements}


async def test_only_weak_verdicts_go_to_the_strong_judge() -> None:
    cheap = Sure("cheap", {"p1": ("met", 0.8), "p2": ("met", 0.79)})
    strong = Sure("strong", {"p1": ("missed", None), "p2": ("missed", None)})
    judgements = await judged(Cascade(cheap, strong, KEEP), P1, P2)
    assert (cheap.asked, strong.asked) == ([["p1", "p2"]], [["p2"]])
    assert last(judgements) == {"p1": ("met", "cheap", True), "p2": ("missed", "strong", True)}


async def test_a_cheap_judge_that_is_sure_of_everything_is_all_there_is_to_pay() -> None:
    cheap, strong = Sure("cheap", {"p1": ("met", 0.9)}), Sure("strong", {})
    [judgement] = await judged(Cascade(cheap, strong, KEEP), P1)
    assert (judgement.final, judgement.cost_usd, strong.asked) == (True, 0.01, [])


@pytest.mark.parametrize(
    ("criterion", "level", "confidence", "kept"),
    [
        (P1, "met", 0.8, True),
        (P1, "met", 0.7999, False),
        (F1, "avoided", 0.6, True),
        (F1, "avoided", 0.59, False),
        (PART, "present", 0.9, True),
        (PART, "present", 0.89, False),
        (P1, "met", None, False),  # a judge that does not know how sure it is
    ],
)
def test_each_kind_has_its_own_threshold(
    criterion: Criterion, level: Level, confidence: float | None, kept: bool
) -> None:
    assert KEEP.holds(criterion, verdict_of(criterion.id, level, 1, confidence=confidence)) is kept


def test_what_readings_dispute_is_never_kept_and_with_no_threshold_nothing_is() -> None:
    sure = verdict_of("p1", "met", 1, confidence=1.0)
    assert KEEP.holds(P1, sure)
    assert not KEEP.holds(P1, sure.model_copy(update={"disputed": True}))
    assert not Keep(points=None, pitfalls=0.0, star=0.0).holds(P1, sure)


async def test_a_weak_verdict_is_told_at_once_but_not_as_final() -> None:
    cascade = Cascade(Sure("cheap", {"p1": ("met", 0.5)}), Sure("strong", {"p1": ("missed", None)}), KEEP)
    weak, final = await judged(cascade, P1)
    assert (weak.verdict.level, weak.final, weak.cost_usd) == ("met", False, 0.01)
    # What the cheap judge took belongs to the verdict's price.
    assert (final.verdict.level, final.final) == ("missed", True)
    assert final.cost_usd == pytest.approx(0.02)


async def test_what_the_cheap_judge_left_out_goes_to_the_strong_one() -> None:
    cascade = Cascade(Sure("cheap", {"p1": ("met", 0.9)}), strong := Sure("strong", {"p2": ("met", None)}), KEEP)
    assert set(last(await judged(cascade, P1, P2))) == {"p1", "p2"}
    assert strong.asked == [["p2"]]


@pytest.mark.parametrize("error", [JudgeUnavailable("gone"), JudgeTimedOut("slow"), AnswerTooLong("too long")])
async def test_where_the_strong_judge_fails_the_cheap_verdict_stands_with_its_low_confidence(
    error: GradingError,
) -> None:
    cascade = Cascade(Sure("cheap", {"p1": ("met", 0.5)}), Sure("strong", {}, fails=error), KEEP)
    [judgement] = await judged(cascade, P1)
    assert (judgement.verdict.level, judgement.verdict.confidence, judgement.final) == ("met", 0.5, False)


@pytest.mark.parametrize("error", [JudgeUnavailable("gone"), AnswerTooLong("too long")])
async def test_where_the_cheap_judge_fails_the_strong_one_takes_over(error: GradingError) -> None:
    cheap = Sure("cheap", {"p1": ("met", 0.9)}, fails=error)
    judgements = await judged(Cascade(cheap, Sure("strong", {"p2": ("met", None)}), KEEP), P1, P2)
    assert last(judgements) == {"p1": ("met", "cheap", True), "p2": ("met", "strong", True)}


@pytest.mark.parametrize(
    ("cheap", "strong"),
    [
        (JudgeUnavailable("cheap is gone"), JudgeUnavailable("strong is gone")),
        (None, JudgeUnavailable("strong is gone")),
        (JudgeUnavailable("cheap is gone"), None),
    ],
)
async def test_a_failure_is_raised_where_nothing_at_all_is_known(
    cheap: GradingError | None, strong: GradingError | None
) -> None:
    cascade = Cascade(Sure("cheap", {}, fails=cheap), Sure("strong", {}, fails=strong), KEEP)
    with pytest.raises(JudgeUnavailable, match=r"strong is gone" if strong else "cheap is gone"):
        await judged(cascade, P1)


async def test_an_unknown_price_of_either_makes_the_verdicts_price_unknown() -> None:
    cheap = Sure("cheap", {"p1": ("met", 0.5)}, cost_usd=None)
    *_, final = await judged(Cascade(cheap, Sure("strong", {"p1": ("met", None)}), KEEP), P1)
    assert final.cost_usd is None


async def test_escalations_are_counted_by_kind() -> None:
    def counted(kind: str) -> float:
        return REGISTRY.get_sample_value("grader_escalations_total", {"kind": kind}) or 0.0

    before = {kind: counted(kind) for kind in ("point", "pitfall", "star")}
    cheap = Sure("cheap", {"p1": ("met", 0.9), "f1": ("avoided", 0.1), "result": ("absent", 0.1)})
    await judged(Cascade(cheap, Sure("strong", {}), KEEP), P1, F1, PART)
    assert {kind: counted(kind) - before[kind] for kind in before} == {"point": 0, "pitfall": 1, "star": 1}


# In a grader, where verdicts are remembered

RUBRIC = rubric_of(2)
TEXT = answer_of(4).received


def grader_of(cascade: Cascade) -> Grader:
    return Grader({"cascade": (cascade,)}, "cascade", MemoryStore(9, 60), b"s", deadline_seconds=60)


async def test_a_verdict_that_waits_for_the_strong_judge_is_not_remembered() -> None:
    cheap = Sure("cheap", {"p1": ("met", 0.9), "p2": ("met", 0.5)})
    grader = grader_of(Cascade(cheap, Sure("strong", {}, fails=JudgeUnavailable("gone")), KEEP))
    first = await grader.grade(RUBRIC, RubricSet(), TEXT, Wish())
    second = await grader.grade(RUBRIC, RubricSet(), TEXT, Wish())
    assert [first.status, first.cache, second.cache] == ["graded", "miss", "mixed"]
    assert cheap.asked == [["p1", "p2"], ["p2"]]


async def test_what_the_strong_judge_decided_is_remembered() -> None:
    cheap, strong = Sure("cheap", {"p1": ("met", 0.9), "p2": ("met", 0.5)}), Sure("strong", {"p2": ("missed", None)})
    grader = grader_of(Cascade(cheap, strong, KEEP))
    first, second = [await grader.grade(RUBRIC, RubricSet(), TEXT, Wish()) for _ in range(2)]
    assert (first.points, second.cache) == (second.points, "hit")
    assert [(point.verdict, point.model) for point in first.points] == [("met", "cheap"), ("missed", "strong")]
    assert first.judge.name == "cascade"
    assert second.judge.cost_saved_usd == pytest.approx(0.03)


class Never(Sure):
    """Is asked, and says nothing before the deadline."""

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        import asyncio

        await asyncio.Event().wait()
        yield Judgement(verdict_of("p1", "met"), None)


async def test_at_the_deadline_the_cheap_verdict_stands() -> None:
    cheap = Sure("cheap", {"p1": ("met", 0.5), "p2": ("met", 0.5)})
    grade = await grader_of(Cascade(cheap, Never("strong", {}), KEEP)).grade(
        RUBRIC, RubricSet(), TEXT, Wish(deadline_seconds=0.05)
    )
    assert (grade.status, {point.model for point in grade.points}) == ("graded", {"cheap"})
    assert grade.needs_review


# Whose verdicts they are, and by which thresholds


def test_other_thresholds_and_other_judges_make_another_cascade() -> None:
    cheap, strong, other = Sure("cheap", {}), Sure("strong", {}), Sure("other", {})
    cascades = [
        Cascade(cheap, strong, KEEP),
        Cascade(cheap, other, KEEP),
        Cascade(other, strong, KEEP),
        Cascade(cheap, strong, KEEP.model_copy(update={"star": None})),
    ]
    assert len({cascade.identity for cascade in cascades}) == 4


def test_both_judges_wordings_shape_its_verdicts() -> None:
    cascade = Cascade(Sure("cheap", {}), Sure("strong", {}), KEEP)
    assert prompts_of(cascade, P1) == (TEMPLATES["point-v1"], TEMPLATES["grade-v1"])
    assert cascade.prompt_for(P1) == TEMPLATES["point-v1"]


def test_the_thresholds_that_ship_can_be_read() -> None:
    assert read_json(CHOSEN, Choice).version == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"keep": {"points": 1.1, "pitfalls": 0.5, "star": 0.5}}, "keep.points"),
        ({"keep": {"points": 0.5, "pitfalls": 0.5}}, "keep.star: is missing"),
        ({"version": 2}, "version"),
        ({"speed": 9}, "speed: unknown key"),
    ],
)
def test_thresholds_that_cannot_be_are_refused_by_name(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    path = tmp_path / "cascade.json"
    path.write_text(json.dumps(json.loads(CHOSEN.read_text()) | changed))
    with pytest.raises(BadFile, match=said):
        read_json(path, Choice)


def test_a_threshold_is_a_confidence() -> None:
    with pytest.raises(ValidationError):
        Keep(points=-0.1, pitfalls=0.5, star=0.5)


def test_a_verdict_read_from_before_there_were_disputes_is_not_disputed() -> None:
    assert not Verdict.model_validate_json('{"criterion_id": "p1", "level": "met"}').disputed
