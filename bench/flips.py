"""Make a judge worse on purpose, for trying the gate: `python -m bench.flips RUN OUT [--seed 1] [--share 0.1]`.

Writes a copy of a run in which that share of the verdicts is another one, drawn at random; each flipped verdict's
probability is turned round. Scores are left as they were.
"""

import argparse
from pathlib import Path
from typing import TypeVar

import numpy as np

from evals.pairs import LEVELS, Kind
from evals.records import Record, journal, read_run
from service.core.grade import PartGrade, PitfallGrade, PointGrade
from service.core.rubric import StarPart

_Decided = TypeVar("_Decided", PointGrade, PitfallGrade, PartGrade)


def flipped(record: Record, share: float, rng: np.random.Generator) -> Record:
    """The record with so many of its verdicts flipped, on average; a failed one as it is."""

    def flip(decided: _Decided, kind: Kind) -> _Decided:
        if decided.verdict == "unassessed" or rng.random() >= share:
            return decided
        others = [level for level in LEVELS[kind] if level != decided.verdict]
        turned = None if decided.probability is None else 1 - decided.probability
        return decided.model_copy(update={"verdict": str(rng.choice(others)), "probability": turned})

    grade = record.grade
    if grade is None:
        return record
    worse = {
        "points": tuple(flip(point, "points") for point in grade.points),
        "pitfalls": tuple(flip(pitfall, "pitfalls") for pitfall in grade.pitfalls),
        "star": grade.star
        and grade.star.model_copy(update={part.value: flip(getattr(grade.star, part), "star") for part in StarPart}),
    }
    return record.model_copy(update={"grade": grade.model_copy(update=worse)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.1)
    wanted = parser.parse_args()
    run, rng = read_run(wanted.run), np.random.default_rng(wanted.seed)
    with journal(wanted.out, run.settings, resume=False) as written:
        for record in run.records:
            written.add(flipped(record, wanted.share, rng))
    print(f"written: {wanted.out}")


if __name__ == "__main__":
    main()
