"""Whether a run may pass: has a headline figure fallen by more than chance and the judge's own noise explain?"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evals.compare import Comparison, Difference, compare_runs
from evals.golden import GoldenAnswer
from evals.measures import HEADLINE
from evals.pairs import material_of
from evals.records import Run
from evals.stability import noise_of
from evals.summary import expected_readings
from service.catalog import Catalog
from service.core.frozen import Frozen

MOST_WORSE = 0.02
"""By how much the share of failed answers, or of unassessed criteria, may rise."""


class Ruling(Frozen):
    """One thing the gate looked at. `why` says in words what the ruling rests on.

    `noise` is the greatest difference between two readings of one run, 0 where each answer was read once; `allowed`
    what the caller tolerates beside it. `before`, `after`, `low`, `high` (of the difference) are None if undefined.
    """

    name: str
    title: str
    passed: bool
    why: str
    before: float | None
    after: float | None
    low: float | None = None
    high: float | None = None
    noise: float = 0.0
    allowed: float = 0.0


class Gate(Frozen):
    """The rulings on a run against its baseline."""

    rulings: tuple[Ruling, ...]
    comparison: Comparison

    @property
    def passed(self) -> bool:
        return all(ruling.passed for ruling in self.rulings)


def gate_of(
    golden: Sequence[GoldenAnswer],
    run: Run,
    baseline: Run,
    catalog: Catalog,
    rng: np.random.Generator,
    *,
    allowed: Mapping[str, float] | None = None,
    draws: int = 1000,
) -> Gate:
    """A figure fails where the 95 % interval of its paired difference lies wholly below 0, and the fall is larger than
    the noise and than what is allowed; or where it was defined and is no more. Failures and what is unassessed fail
    where their share rose by more than MOST_WORSE; an answer with no record counts as failed.

    With five figures at 95 %, about one run in ten that is as good as its baseline, and not the same, would fail by
    chance if all five were independent; they are not, so it is fewer. Raises ValueError for an `allowed` figure that
    is none.
    """
    allowed = allowed or {}
    strange = sorted(allowed.keys() - {figure.name for figure in HEADLINE})
    if strange:
        raise ValueError(f"no figures {strange}; there are {[figure.name for figure in HEADLINE]}")
    comparison = compare_runs(golden, baseline, run, catalog, rng, draws)
    noises = [noise_of(material_of(golden, one.records, catalog)) for one in (baseline, run)]
    rulings = [
        _ruling(difference, max(noise.get(difference.name, 0.0) for noise in noises), allowed.get(difference.name, 0.0))
        for difference in comparison.differences
    ]
    rulings += _shares(len(golden), run, baseline, comparison)
    return Gate(rulings=tuple(rulings), comparison=comparison)


def _ruling(figure: Difference, noise: float, allowed: float) -> Ruling:
    low, high = (figure.range.low, figure.range.high) if figure.range else (None, None)
    fall = -(figure.difference or 0.0)
    if figure.a is None:
        passed, why = True, "undefined in the baseline: nothing to fall from"
    elif figure.b is None:
        passed, why = False, "was defined in the baseline and is undefined now"
    elif fall <= 0:
        passed, why = True, "has not fallen"
    elif high is None:
        passed, why = True, "the interval of the fall cannot be told: too few answers"
    elif high >= 0:
        passed, why = True, "chance could explain the fall: its 95 % interval reaches 0"
    elif fall <= noise:
        passed, why = True, f"readings of one run differ by as much ({noise:.3f})"
    elif fall <= allowed:
        passed, why = True, f"a fall of {allowed:.3f} is allowed"
    else:
        passed, why = False, _fallen(noise, allowed)
    return Ruling(
        name=figure.name,
        title=figure.title,
        passed=passed,
        why=why,
        before=figure.a,
        after=figure.b,
        low=low,
        high=high,
        noise=noise,
        allowed=allowed,
    )


def _fallen(noise: float, allowed: float) -> str:
    than = [f"the {noise:.3f} by which readings of one run differ"] if noise else []
    than += [f"the {allowed:.3f} allowed"] if allowed else []
    return "the fall's 95 % interval lies wholly below 0" + (
        f", and it is more than {' and '.join(than)}" if than else ""
    )


def _shares(answers: int, run: Run, baseline: Run, comparison: Comparison) -> Iterator[Ruling]:
    failed = [
        _failed(expected_readings(answers, one.settings), change.readings, change.failed)
        for one, change in ((baseline, comparison.before), (run, comparison.after))
    ]
    yield _share_ruling("failed", "Share of answers failed or without a record", failed[0], failed[1])
    unassessed = comparison.before.unassessed, comparison.after.unassessed
    yield _share_ruling("unassessed", "Share of criteria left unassessed", *unassessed)


def _failed(expected: int, readings: int, failed: float | None) -> float:
    """Share of the wanted readings that failed or have no record."""
    missing = max(0, expected - readings)
    return ((failed or 0.0) * readings + missing) / max(expected, readings, 1)


def _share_ruling(name: str, title: str, before: float | None, after: float | None) -> Ruling:
    if before is None or after is None:
        passed, why = before is None, "nothing was graded" if after is None else "nothing was graded in the baseline"
    else:
        rise = after - before
        passed = rise <= MOST_WORSE + 1e-9  # the float's own noise is no rise
        how = "by no more than" if passed else "by more than"
        why = f"rose {how} {MOST_WORSE:.0%}" if rise > 0 else "has not risen"
    return Ruling(name=name, title=title, passed=passed, why=why, before=before, after=after, allowed=MOST_WORSE)
