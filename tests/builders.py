"""Small values for tests, each on one line of a table: answers, rubrics, verdicts."""

from hypothesis import settings

from service.core.answer import Answer
from service.core.calibration import Calibration, Scale
from service.core.rubric import Pitfall, PitfallKind, Point, Rubric, StarPart
from service.core.verdict import Level, Mention, Verdict

COMMISSION, OMISSION, ONLY = PitfallKind.COMMISSION, PitfallKind.OMISSION, PitfallKind.ONLY
untimed = settings(deadline=None)
"""For properties that load something on first use: no test's outcome hangs on the clock."""

PARTS = tuple(part.value for part in StarPart)


def answer_of(sentences: int = 3) -> Answer:
    """An answer of so many sentences, none of which a gate would stop."""
    return Answer.of(" ".join(f"In week {n} I planted the next bed of onions." for n in range(1, sentences + 1)))


def rubric_of(points: int = 2, *pitfalls: PitfallKind, star: bool = False, derived: bool = False) -> Rubric:
    """Points p1, p2 … and pitfalls f1, f2 … of these kinds; `derived`: the last point is decided by STAR."""
    last = "star" if derived else "judge"
    return Rubric(
        id="9.1",
        question="Which compost would you give a shaded bed, and why?",
        star=star or derived,
        points=tuple(
            Point(id=f"p{n}", text=f"Names the reason number {n}", decided_by=last if n == points else "judge")
            for n in range(1, points + 1)
        ),
        pitfalls=tuple(Pitfall(id=f"f{n}", kind=kind, text=f"Makes error {n}") for n, kind in enumerate(pitfalls, 1)),
    )


def verdict_of(
    criterion_id: str,
    level: Level,
    *sentences: int,
    mention: Mention | None = None,
    confidence: float | None = None,
) -> Verdict:
    """A verdict as a judge gives it, on these sentences."""
    return Verdict(
        criterion_id=criterion_id,
        level=level,
        mention=mention,
        sentences=sentences,
        confidence=confidence,
        model="scripted",
        prompt="grade-v1@0",
    )


def verdicts_of(**levels: Level) -> dict[str, Verdict]:
    """Verdicts by criterion id: `verdicts_of(p1="met", situation="absent")`."""
    return {name: verdict_of(name, level) for name, level in levels.items()}


def scale_of(*cuts: float, **weights: float) -> Scale:
    """A scale that says a level from a probability of one half on."""
    return Scale(weights=weights, cuts=cuts, least=(0.5,) * len(cuts))


def calibration_of(**scales: Scale) -> Calibration:
    """These scales by kind; the others go by the log odds of yes alone, an omission's against it.

    From log odds 1 on a point is met, from -1 on it is partial; pitfalls turn at 0.
    """
    plain = {
        "point": scale_of(1, -1, yes=1),
        "commission": scale_of(0, yes=1),
        "omission": scale_of(0, yes=-1),
        "only": scale_of(0, yes=1),
        "star": scale_of(1, -1, yes=1),
    }
    return Calibration(version=1, made_by="tests", note="", scales=plain | scales)
