"""Say what to keep and what to change, from accepted facts alone: code writes it, no model does."""

from service.core.answer import Answer
from service.core.frozen import Frozen
from service.core.rubric import Pitfall, Point, Rubric
from service.core.verdict import Verdict, Verdicts, settle

MOST_GAPS = 3


class Feedback(Frozen):
    """`strength` is None where no point was met with evidence, `next_step` where nothing is left to mend.

    `note` says what the feedback could not take into account; None where all was assessed.
    """

    strength: str | None
    gaps: tuple[str, ...]
    next_step: str | None
    note: str | None = None


def feedback(rubric: Rubric, verdicts: Verdicts, answer: Answer) -> Feedback:
    """One strength with its quote, the gaps with most weight first, and one next step."""
    settled = settle(rubric, verdicts)
    gaps = _gaps(rubric, settled)
    names = {point.id for point in rubric.points} | {criterion.id for criterion in rubric.judged}
    unassessed = len(names - settled.keys())
    return Feedback(
        strength=_strength(rubric, settled, answer),
        gaps=tuple(_gap(criterion, settled[criterion.id]) for criterion in gaps[:MOST_GAPS]),
        next_step=f"{_step(gaps[0]).rstrip('.')}." if gaps else None,
        note=f"{unassessed} of {len(names)} criteria could not be assessed; nothing is said about those."
        if unassessed
        else None,
    )


def _strength(rubric: Rubric, verdicts: Verdicts, answer: Answer) -> str | None:
    met = [
        (point, verdict)
        for point in rubric.points
        if (verdict := verdicts.get(point.id)) and verdict.level == "met" and verdict.sentences
    ]
    if not met:
        return None
    point, verdict = max(met, key=lambda pair: (pair[0].weight, pair[1].confidence or 0.0))
    span = answer.sentences[verdict.sentences[0] - 1].span
    return f"{point.text}: “{answer.received[span.start : span.end]}”"


def _gaps(rubric: Rubric, verdicts: Verdicts) -> list[Point | Pitfall]:
    """Most weight first; of one weight missed points, then those met in part, then pitfalls, in the page's order."""
    ranked: list[tuple[int, Point | Pitfall]] = []
    criteria: list[Point | Pitfall] = [*rubric.points, *rubric.pitfalls]
    for criterion in criteria:
        verdict = verdicts.get(criterion.id)
        if verdict and verdict.level in ("missed", "partial", "committed"):
            ranked.append((("missed", "partial", "committed").index(verdict.level), criterion))
    return [criterion for _, criterion in sorted(ranked, key=lambda pair: (-pair[1].weight, pair[0]))]


def _gap(criterion: Point | Pitfall, verdict: Verdict) -> str:
    if isinstance(criterion, Pitfall):
        return f"To avoid: {criterion.text}"
    if verdict.level == "partial":
        return f"Only in part: {criterion.text}" + (f" ({criterion.partial_when})" if criterion.partial_when else "")
    return f"Missing: {criterion.text}"


def _step(criterion: Point | Pitfall) -> str:
    match criterion:
        case Point(decided_by="star"):
            return "Tell it in four parts: the situation, your task, what you did, and what came of it"
        case Point(met_when=str(sufficient)):
            return f"Add to the answer until this holds: {sufficient}"
        case Pitfall(expected=str(expected)):
            return f"Bring in {expected}"
        case Pitfall(text=text):
            return f"Mend this: {text}"
        case _:
            return f"Work on this: {criterion.text}"
