"""The Grade: the reply of `POST /grade`, put together from verdicts. The contract's names live here."""

from typing import Literal

from service.core.answer import Answer
from service.core.feedback import Feedback, feedback
from service.core.frozen import Frozen
from service.core.gates import FOR_REVIEW, Flag, nothing_to_grade
from service.core.language import Ownership
from service.core.rubric import Pitfall, Point, Rubric, RubricSet, StarPart, rubric_version
from service.core.scoring import Band, score
from service.core.star import order_kept, ownership, quantified_result
from service.core.verdict import Mention, Verdict, Verdicts, settle

Status = Literal["graded", "partial", "abstained"]
CacheResult = Literal["hit", "miss", "coalesced", "mixed"]


class Evidence(Frozen):
    """A span of the answer exactly as received: `answer[start:end] == text`, in Unicode code points."""

    start: int
    end: int
    text: str


class CriterionGrade(Frozen):
    """What was decided on one criterion, by whom and on what evidence.

    `confidence` in the verdict and `probability` of its being met, committed or present are in [0, 1], null without
    odds or samples. `disputed`: several readings did not all agree. `model` and `prompt` are null where no model was
    asked.
    """

    id: str
    text: str
    verdict: str
    confidence: float | None = None
    probability: float | None = None
    disputed: bool = False
    reason: str | None = None
    evidence: tuple[Evidence, ...] = ()
    model: str | None = None
    prompt: str | None = None


class PointGrade(CriterionGrade):
    """met: stated with concrete content; partial: touched or only named; missed: absent, or raised to be rejected."""

    verdict: Literal["met", "partial", "missed", "unassessed"]


class PitfallGrade(CriterionGrade):
    """`mention` is how the answer touches the pitfall; null where no judge said."""

    verdict: Literal["committed", "avoided", "unassessed"]
    mention: Mention | None = None


class PartGrade(Frozen):
    """A STAR part's verdict, as a criterion's."""

    verdict: Literal["present", "partial", "absent", "unassessed"]
    confidence: float | None = None
    probability: float | None = None
    disputed: bool = False
    reason: str | None = None
    evidence: tuple[Evidence, ...] = ()
    model: str | None = None
    prompt: str | None = None


class StarGrade(Frozen):
    """The four parts, and three facts that do not score.

    `order_kept`: null with fewer than two parts found. `quantified_result`: a number stands in Result's evidence;
    null if Result is unassessed. `ownership`: first-person counts; null in languages whose forms we don't know.
    """

    situation: PartGrade
    task: PartGrade
    action: PartGrade
    result: PartGrade
    order_kept: bool | None
    quantified_result: bool | None
    ownership: Ownership | None


class Scores(Frozen):
    """Shares in [0, 1]; null where nothing was decided. `deduction` is what committed pitfalls take off."""

    points: float | None
    star: float | None
    deduction: float | None


class JudgeReport(Frozen):
    """Who judged and what it took. `input_tokens` includes the cached; `cost_usd` is null if a price is unknown."""

    name: str
    model: str | None = None
    prompt: str | None = None
    calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    cost_saved_usd: float | None = 0.0
    seconds: float = 0.0


class Grade(Frozen):
    """A graded answer. `graded`: all criteria decided; `partial`: some not; `abstained`: nothing to grade.

    `score` is in [0, 100], null when no point is decided. `score_bounds`: what it could be once all is assessed.
    """

    status: Status
    question_id: str | None
    rubric_version: str
    score: float | None
    score_bounds: tuple[float, float] | None
    band: Band | None
    scores: Scores
    points: tuple[PointGrade, ...]
    pitfalls: tuple[PitfallGrade, ...]
    star: StarGrade | None
    feedback: Feedback
    flags: tuple[Flag, ...]
    needs_review: bool
    judge: JudgeReport
    cache: CacheResult | None
    request_id: str


class ToldVerdict(CriterionGrade):
    """One criterion's verdict as it is known, before the grade. A STAR part's `id` and `text` are its name."""

    kind: Literal["point", "pitfall", "star"]
    mention: Mention | None = None


def told_of(rubric: Rubric, verdict: Verdict, answer: Answer) -> ToldVerdict:
    """The verdict in the words in which the grade will say it."""
    name, kind, text = verdict.criterion_id, "star", verdict.criterion_id
    worded: tuple[Point | Pitfall, ...] = (*rubric.points, *rubric.pitfalls)
    criterion = next((c for c in worded if c.id == name), None)
    if criterion:
        kind, text = "point" if isinstance(criterion, Point) else "pitfall", criterion.text
    return ToldVerdict.model_validate(
        {"kind": kind, "id": name, "text": text, "mention": verdict.mention, **_decided(verdict, answer)}
    )


def grade_of(
    rubric: Rubric,
    rules: RubricSet,
    answer: Answer,
    flags: tuple[Flag, ...],
    verdicts: Verdicts,
    *,
    judge: JudgeReport,
    cache: CacheResult | None,
    request_id: str,
) -> Grade:
    """The whole reply. `verdicts` holds what judges decided; code derives, scores and words the rest."""
    settled = settle(rubric, verdicts)
    abstained = nothing_to_grade(flags)
    whole = all(criterion.id in settled for criterion in (*rubric.judged, *rubric.points))
    result = score(rubric, settled, rules)
    return Grade(
        status="abstained" if abstained else "graded" if whole else "partial",
        question_id=rubric.id,
        rubric_version=rubric_version(rubric, rules),
        score=result.score,
        score_bounds=result.bounds,
        band=result.band,
        scores=Scores(points=result.points, star=result.star, deduction=result.deduction),
        points=tuple(_point(point, settled.get(point.id), answer) for point in rubric.points),
        pitfalls=tuple(_pitfall(pitfall, settled.get(pitfall.id), answer) for pitfall in rubric.pitfalls),
        star=_star(settled, answer) if rubric.star else None,
        feedback=feedback(rubric, settled, answer),
        flags=flags,
        needs_review=_needs_review(flags, settled, rules),
        judge=judge,
        cache=cache,
        request_id=request_id,
    )


def verdicts_on_nothing(rubric: Rubric) -> dict[str, Verdict]:
    """What holds of an answer with nothing to grade: points missed, parts absent, pitfalls avoided."""
    levels: dict[type, str] = {Point: "missed", Pitfall: "avoided"}
    verdicts = [
        Verdict.model_validate({"criterion_id": criterion.id, "level": levels.get(type(criterion), "absent")})
        for criterion in rubric.judged
    ]
    return {verdict.criterion_id: verdict for verdict in verdicts}


def _needs_review(flags: tuple[Flag, ...], verdicts: Verdicts, rules: RubricSet) -> bool:
    unsure = any(
        v.disputed or (v.confidence is not None and v.confidence < rules.review_below) for v in verdicts.values()
    )
    return unsure or any(flag.kind in FOR_REVIEW for flag in flags)


def _point(point: Point, verdict: Verdict | None, answer: Answer) -> PointGrade:
    return PointGrade.model_validate({"id": point.id, "text": point.text, **_decided(verdict, answer)})


def _pitfall(pitfall: Pitfall, verdict: Verdict | None, answer: Answer) -> PitfallGrade:
    mention = verdict.mention if verdict else None
    return PitfallGrade.model_validate(
        {"id": pitfall.id, "text": pitfall.text, "mention": mention, **_decided(verdict, answer)}
    )


def _star(verdicts: Verdicts, answer: Answer) -> StarGrade:
    parts = {part.value: PartGrade.model_validate(_decided(verdicts.get(part.value), answer)) for part in StarPart}
    return StarGrade(
        **parts,
        order_kept=order_kept(verdicts),
        quantified_result=quantified_result(answer, verdicts),
        ownership=ownership(answer),
    )


def _decided(verdict: Verdict | None, answer: Answer) -> dict[str, object]:
    if verdict is None:
        return {"verdict": "unassessed"}
    return {
        "verdict": verdict.level,
        "confidence": verdict.confidence,
        "probability": verdict.probability,
        "disputed": verdict.disputed,
        "reason": verdict.reason,
        "evidence": evidence_of(answer, verdict),
        "model": verdict.model or None,
        "prompt": verdict.prompt or None,
    }


def evidence_of(answer: Answer, verdict: Verdict) -> tuple[Evidence, ...]:
    """The verdict's sentences as spans; neighbouring sentences make one span."""
    spans: list[tuple[int, int]] = []
    previous = None
    for number in sorted(verdict.sentences):
        start, end = answer.sentences[number - 1].span
        if previous is not None and number == previous + 1:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        previous = number
    return tuple(Evidence(start=start, end=end, text=answer.received[start:end]) for start, end in spans)
