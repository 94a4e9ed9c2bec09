"""Ask the model behind `per_criterion` what it says before the known answers, once for all criteria of some rubrics."""

from collections.abc import AsyncIterator, Sequence

from service.core.answer import Answer
from service.core.rubric import Rubric
from service.judges import Case
from service.judges.known import KnownOdds
from service.judges.per_criterion import PerCriterion

_SECONDS = 3600.0  # nobody waits for one of these


async def asked(judge: PerCriterion, rubrics: Sequence[Rubric]) -> AsyncIterator[int]:
    """Ask about one rubric after the other; after each, how many log odds the judge knows. Raises JudgeFailed."""
    nobody = Answer.of("")
    for rubric in rubrics:
        case = Case(rubric.question, nobody, "", lambda: _SECONDS, example=rubric.example_answer)
        await judge.get_known(case, rubric.judged)
        yield len(judge.known)


def file_of(judge: PerCriterion, made_by: str) -> KnownOdds:
    """All that the judge knows, rounded to what a model's own sums are steady to."""
    told = sorted(judge.known.items())
    directions = judge.calibration.directions
    return KnownOdds(
        version=1,
        made_by=made_by,
        model=judge.model.identity,
        log_odds={key: round(one.log_odds, 3) for key, one in told},
        along={key: round(one.along, 4) for key, one in told} if directions else {},
        directions=judge.calibration.directions_digest if directions else None,
    )
