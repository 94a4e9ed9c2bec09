"""What a grade took, and what it adds to the metrics."""

from collections.abc import Sequence

from service import metrics, tracing
from service.core.grade import Grade, JudgeReport
from service.core.rubric import StarPart
from service.judges import Case, Judge, total_usd
from service.memory import Findings


def report_of(chain: Sequence[Judge], case: Case, findings: Findings, seconds: float) -> JudgeReport:
    """Who judged, what the calls of this case used, and what was saved."""
    calls = case.completions
    first = next(iter(findings.verdicts.values()), None)
    return JudgeReport(
        name=chain[0].name,
        model=calls[0].model if calls else first.model if first else None,
        prompt=first.prompt if first else None,
        calls=sum(call.calls for call in calls),
        input_tokens=sum(call.input_tokens for call in calls),
        cached_input_tokens=sum(call.cached_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
        cost_usd=_rounded(total_usd(call.cost_usd for call in calls)),
        cost_saved_usd=_rounded(findings.cost_saved_usd),
        seconds=round(seconds, 3),
    )


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 8)


def counted(grade: Grade, question_set: str, seconds: float) -> Grade:
    """The grade, once the metrics and the open span know it. A reply given whole adds the same by its own tally."""
    labelled = metrics.labelled
    labelled(metrics.GRADES, grade.status, grade.cache or "none", question_set).inc()
    metrics.observe(labelled(metrics.GRADE_SECONDS, grade.cache or "none"), seconds)
    tracing.note(
        status=grade.status,
        cache=grade.cache,
        question_set=question_set,
        calls=grade.judge.calls,
        cost_usd=grade.judge.cost_usd,
        cost_saved_usd=grade.judge.cost_saved_usd,
    )
    if grade.score is not None:
        labelled(metrics.SCORES, question_set).observe(grade.score)
    if grade.needs_review:
        labelled(metrics.REVIEWS, question_set).inc()
    parts = [getattr(grade.star, part) for part in StarPart] if grade.star else []
    for kind, graded in (("point", grade.points), ("pitfall", grade.pitfalls), ("star", parts)):
        for criterion in graded:
            labelled(metrics.VERDICTS, kind, criterion.verdict).inc()
    for flag in grade.flags:
        metrics.GATES.labels(flag.kind).inc()
    if grade.judge.cost_saved_usd and grade.judge.model:
        metrics.COST_SAVED_USD.labels(grade.judge.model, question_set).inc(grade.judge.cost_saved_usd)
    return grade
