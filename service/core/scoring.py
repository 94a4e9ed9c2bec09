"""Turn verdicts into a score: weighted means, a deduction, a band, and how far the unassessed could move it."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from service.core.rubric import Bands, Pitfall, Point, Rubric, RubricSet, StarPart
from service.core.verdict import Level, Verdicts, settle

Band = Literal["weak", "developing", "solid", "strong"]


class Score(NamedTuple):
    """`points`, `star`, `deduction` are in [0, 1], `score` in [0, 100]; None means nothing was there to count.

    `bounds`: the score is within them, and stays so once all is assessed; None for a rubric without points.
    """

    score: float | None
    bounds: tuple[float, float] | None
    band: Band | None
    points: float | None
    star: float | None
    deduction: float | None


def score(rubric: Rubric, verdicts: Verdicts, rules: RubricSet) -> Score:
    """Score what was decided, and bound what was not. Weights, shares, levels and bands are all applied here.

    A pitfall nobody has decided is not committed in the score, and committed in the lower bound. The deduction is
    None where the rubric has pitfalls and none was decided.
    """
    levels = {v.criterion_id: v.level for v in settle(rubric, verdicts).values()}
    total = _total(rubric, levels, rules)
    bounds = None
    if rubric.points and total is not None and _whole(rubric, levels):
        bounds = (total, total)
    elif rubric.points:
        worst = _total(rubric, _filled(rubric, levels, "missed", "committed", "absent"), rules)
        best = _total(rubric, _filled(rubric, levels, "met", "avoided", "present"), rules)
        bounds = (worst or 0.0, best or 0.0)
    undecided = rubric.pitfalls and not any(f.id in levels for f in rubric.pitfalls)
    return Score(
        score=total,
        bounds=bounds,
        band=band_of(total, rules.bands),
        points=_rounded(_points(rubric, levels, rules), 4),
        star=_rounded(_star(rubric, levels, rules), 4),
        deduction=None if undecided else _rounded(_deduction(rubric, levels, rules), 4),
    )


def band_of(total: float | None, bands: Bands) -> Band | None:
    """The band of a rounded score; None of an unknown one."""
    if total is None:
        return None
    if total < bands.developing:
        return "weak"
    return "developing" if total < bands.solid else "solid" if total < bands.strong else "strong"


def _total(rubric: Rubric, levels: Mapping[str, Level], rules: RubricSet) -> float | None:
    """100 × max(0, points_share·points + star_share·star − deduction), points alone without STAR."""
    points, star = _points(rubric, levels, rules), _star(rubric, levels, rules)
    if points is None:
        return None
    earned = points if star is None else rules.points_share * points + rules.star_share * star
    return _rounded(100 * max(0.0, earned - _deduction(rubric, levels, rules)), 1)


def _points(rubric: Rubric, levels: Mapping[str, Level], rules: RubricSet) -> float | None:
    decided = [point for point in rubric.points if point.id in levels]
    earned = [share * _value(levels[point.id], rules) for point, share in zip(decided, _shares(decided), strict=True)]
    return sum(earned) if decided else None


def _star(rubric: Rubric, levels: Mapping[str, Level], rules: RubricSet) -> float | None:
    decided = [levels[part] for part in StarPart if rubric.star and part in levels]
    return sum(_value(level, rules) for level in decided) / len(decided) if decided else None


def _deduction(rubric: Rubric, levels: Mapping[str, Level], rules: RubricSet) -> float:
    shares = zip(rubric.pitfalls, _shares(rubric.pitfalls), strict=True)
    return rules.max_deduction * sum(share for pitfall, share in shares if levels.get(pitfall.id) == "committed")


def _filled(rubric: Rubric, levels: Mapping[str, Level], point: Level, pitfall: Level, part: Level) -> dict[str, Level]:
    """Every criterion's level, the unassessed ones taken as given: so is a point that STAR cannot decide yet."""
    assumed: dict[str, Level] = dict.fromkeys((p.id for p in rubric.points), point)
    assumed |= dict.fromkeys((f.id for f in rubric.pitfalls), pitfall)
    assumed |= dict.fromkeys((name.value for name in StarPart if rubric.star), part)
    return assumed | dict(levels)


def _whole(rubric: Rubric, levels: Mapping[str, Level]) -> bool:
    """Whether nothing that scores is unassessed."""
    scored: list[Point | Pitfall] = [*rubric.points, *rubric.pitfalls]
    return all(c.id in levels for c in scored) and (not rubric.star or all(part in levels for part in StarPart))


def _value(level: Level, rules: RubricSet) -> float:
    values = rules.level_values
    return {"met": values.met, "present": values.met, "partial": values.partial}.get(level, values.missed)


def _shares(criteria: Sequence[Point | Pitfall]) -> list[float]:
    """Each weight's share of all; of the heaviest first, for finite weights may have an infinite sum."""
    heaviest = max((c.weight for c in criteria), default=1.0)
    scaled = [c.weight / heaviest for c in criteria]
    whole = sum(scaled)
    return [weight / whole for weight in scaled]


def _rounded(value: float | None, places: int) -> float | None:
    """Half up, as people round; the float's own noise is taken off first."""
    if value is None:
        return None
    exact = Decimal(repr(round(value, 9)))
    return float(exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))
