"""What holds of every score: better verdicts never lower it, silence only widens its bounds, and units don't matter."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from service.core.rubric import Pitfall, Point, Rubric, RubricSet
from service.core.scoring import score
from service.core.verdict import Level
from tests.builders import PARTS, verdicts_of

RULES = RubricSet()
VALUES = {"met": Fraction(1), "partial": Fraction(1, 2), "missed": Fraction(0)}
VALUES |= {"present": Fraction(1), "absent": Fraction(0)}
POINT: tuple[Level, ...] = ("missed", "partial", "met")
PITFALL: tuple[Level, ...] = ("committed", "avoided")
PART: tuple[Level, ...] = ("absent", "partial", "present")
weights = st.integers(1, 100)


@st.composite
def rubrics(draw: st.DrawFn) -> Rubric:
    return Rubric(
        question="Why?",
        star=draw(st.booleans()),
        points=tuple(
            Point(id=f"p{n}", text="t", weight=w) for n, w in enumerate(draw(st.lists(weights, min_size=1, max_size=5)))
        ),
        pitfalls=tuple(
            Pitfall(id=f"f{n}", text="t", weight=w) for n, w in enumerate(draw(st.lists(weights, max_size=4)))
        ),
    )


def ladder(rubric: Rubric) -> dict[str, tuple[Level, ...]]:
    """Each criterion's levels, the worst first."""
    steps: dict[str, tuple[Level, ...]] = {point.id: POINT for point in rubric.points}
    steps |= {pitfall.id: PITFALL for pitfall in rubric.pitfalls}
    return steps | (dict.fromkeys(PARTS, PART) if rubric.star else {})


def some_levels(data: st.DataObject, rubric: Rubric, *, whole: bool = False) -> dict[str, Level]:
    steps = ladder(rubric)
    known = list(steps) if whole else data.draw(st.lists(st.sampled_from(list(steps)), unique=True))
    return {name: data.draw(st.sampled_from(steps[name])) for name in known}


def weighed(rubric: Rubric, factor: float, which: str) -> Rubric:
    """The same rubric, the weights of its points (pitfalls) counted in another unit."""
    changed = tuple(c.model_copy(update={"weight": c.weight * factor}) for c in getattr(rubric, which))
    return rubric.model_copy(update={which: changed})


@given(st.data())
def test_one_step_up_on_any_criterion_never_lowers_score_or_bounds(data: st.DataObject) -> None:
    rubric = data.draw(rubrics())
    levels = some_levels(data, rubric)
    before = score(rubric, verdicts_of(**levels), RULES)
    for name, level in levels.items():
        steps = ladder(rubric)[name]
        raised = steps[min(steps.index(level) + 1, len(steps) - 1)]
        after = score(rubric, verdicts_of(**{**levels, name: raised}), RULES)
        assert (after.score or 0) >= (before.score or 0)
        assert after.bounds
        assert before.bounds
        assert all(high >= low for high, low in zip(after.bounds, before.bounds, strict=True))


@given(st.data())
def test_what_is_not_assessed_widens_the_bounds_and_nothing_else(data: st.DataObject) -> None:
    rubric = data.draw(rubrics())
    whole = some_levels(data, rubric, whole=True)
    full = score(rubric, verdicts_of(**whole), RULES)
    left_out = data.draw(st.lists(st.sampled_from(list(whole)), unique=True))
    part = score(rubric, verdicts_of(**{n: level for n, level in whole.items() if n not in left_out}), RULES)
    assert full.bounds == (full.score, full.score)
    assert part.bounds
    assert full.score is not None
    assert part.bounds[0] <= full.score <= part.bounds[1]


@given(st.data(), st.sampled_from([2.0**-40, 0.25, 3.0, 1e9]), st.sampled_from(["points", "pitfalls"]))
def test_weights_are_shares_so_their_unit_does_not_matter(data: st.DataObject, factor: float, which: str) -> None:
    rubric = data.draw(rubrics())
    verdicts = verdicts_of(**some_levels(data, rubric))
    assert score(weighed(rubric, factor, which), verdicts, RULES) == score(rubric, verdicts, RULES)


@given(st.data())
def test_the_score_is_its_formula_in_exact_fractions_rounded_half_up(data: st.DataObject) -> None:
    rubric = data.draw(rubrics())
    levels = some_levels(data, rubric, whole=True)
    points = sum(Fraction(p.weight) * VALUES[levels[p.id]] for p in rubric.points) / sum(
        Fraction(p.weight) for p in rubric.points
    )
    earned = points
    if rubric.star:
        earned = Fraction(8, 10) * points + Fraction(2, 10) * sum(VALUES[levels[part]] for part in PARTS) / 4
    if rubric.pitfalls:
        committed = sum(Fraction(f.weight) for f in rubric.pitfalls if levels[f.id] == "committed")
        earned -= Fraction(3, 10) * committed / sum(Fraction(f.weight) for f in rubric.pitfalls)
    exact = 100 * max(Fraction(0), Fraction(earned))
    tenths = (Decimal(exact.numerator) * 10 / Decimal(exact.denominator)).quantize(Decimal(1), rounding=ROUND_HALF_UP)

    assert score(rubric, verdicts_of(**levels), RULES).score == float(tenths / 10)
