"""What the model behind `per_criterion` says before the known answers, once for all criteria of some rubrics: asked, or
found in a run that asked.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from evals.replayed import Known
from service.core.answer import Answer
from service.core.calibration import Calibration
from service.core.rubric import Rubric
from service.judges import Case
from service.judges.known import KnownOdds
from service.judges.per_criterion import PerCriterion
from service.judges.signals import Told, kind_of, told_by

_SECONDS = 3600.0  # nobody waits for one of these


async def asked(judge: PerCriterion, rubrics: Sequence[Rubric]) -> AsyncIterator[int]:
    """Ask about one rubric after the other; after each, how many log odds the judge knows. Raises JudgeFailed."""
    nobody = Answer.of("")
    for rubric in rubrics:
        case = Case(rubric.question, nobody, "", lambda: _SECONDS, example=rubric.example_answer)
        await judge.get_known(case, rubric.judged)
        yield len(judge.known)


def found(known: Known, rubrics: Sequence[Rubric], calibration: Calibration) -> dict[str, Told]:
    """By key, what a run was told of all criteria of these rubrics. Raises ValueError where it did not ask."""
    told: dict[str, Told] = {}
    for rubric in rubrics:
        for criterion in rubric.judged:
            for name, key in known.keys_of(rubric, criterion):
                if key not in known.replies:
                    raise ValueError(f"nothing of {criterion.id} of question {rubric.id} before the {name} answer")
                direction = calibration.direction_of(kind_of(criterion), rubric.example_answer is not None)
                told[key] = told_by(known.replies[key], direction) or Told(0.0)
    return told


def model_of(identity: str) -> str:
    """The model's identity in that of a judge per criterion, which stands between the judge's name and its templates.
    Raises ValueError for any other judge's.
    """
    words = identity.split(" ")
    if words[0] != PerCriterion.name or "|" in words:
        raise ValueError(f"it is of the judge {identity!r}, not of {PerCriterion.name} as it runs")
    return " ".join(words[1:-3])


def file_of(told: Mapping[str, Told], model: str, calibration: Calibration, made_by: str) -> KnownOdds:
    """All that was told, rounded to what a model's own sums are steady to."""
    in_order = sorted(told.items())
    directions = calibration.directions
    return KnownOdds(
        version=1,
        made_by=made_by,
        model=model,
        log_odds={key: round(one.log_odds, 3) for key, one in in_order},
        along={key: round(one.along, 4) for key, one in in_order} if directions else {},
        directions=calibration.directions_digest if directions else None,
    )
