"""The gate stops a run that has become worse than chance and the judge's own noise explain, and no other."""

from collections.abc import Sequence

import numpy as np
import pytest

from evals.gate import Gate, Ruling, gate_of
from evals.golden import GoldenAnswer, read_golden
from evals.records import Record, Run
from tests.evals.made_runs import (
    CATALOG,
    INTERVIEW,
    failed_of,
    golden_of,
    nearly_perfect,
    record_of,
    rubric_of,
    run_of,
    settings_for,
)

SHIPPED = read_golden(INTERVIEW, CATALOG)
RUBRIC = rubric_of("p1", f1="commission")
GOLDEN = tuple(
    golden_of(f"{n}", RUBRIC, p1="met" if n % 2 else "missed", f1=n % 3 == 0, score=float(n)) for n in range(12)
)
FLIPPED = {"met": "missed", "missed": "met"}


def shipped(seed: int, flipped: float) -> Run:
    records = nearly_perfect(SHIPPED, np.random.default_rng(seed), flipped)
    return run_of(*records)._replace(settings=settings_for(INTERVIEW))


def gate(
    run: Run, baseline: Run, golden: Sequence[GoldenAnswer] = SHIPPED, allowed: dict[str, float] | None = None
) -> Gate:
    return gate_of(golden, run, baseline, CATALOG, np.random.default_rng(1), allowed=allowed, draws=200)


def ruling(found: Gate, name: str) -> Ruling:
    return next(each for each in found.rulings if each.name == name)


def small(wrong: int = 0, reading: int = 0) -> list[Record]:
    """Twelve answers, of which the first so many have their point's verdict turned over."""
    records = []
    for number, answer in enumerate(GOLDEN):
        p1 = answer.labels.points["p1"]
        said = FLIPPED[p1] if number < wrong else p1
        f1 = "committed" if answer.labels.pitfalls["f1"] else "avoided"
        records.append(record_of(answer, {"p1": said, "f1": f1}, reading=reading))
    return records


def test_an_identical_run_passes() -> None:
    found = gate(shipped(1, 0.02), shipped(1, 0.02))
    assert found.passed
    assert {each.why for each in found.rulings} == {"has not fallen", "has not risen"}


def test_a_judge_with_a_tenth_of_its_verdicts_turned_over_fails() -> None:
    found = gate(shipped(2, 0.1), shipped(1, 0.0))
    assert not found.passed
    kappa = ruling(found, "points_kappa")
    assert not kappa.passed
    # A tenth of the verdicts became another of three levels: of 'met or not' some 8 % changed, so kappa falls by
    # more than a tenth, from 1.
    assert kappa.before == 1.0
    assert kappa.after
    assert 0.8 < kappa.after < 0.93
    assert kappa.why == "the fall's 95 % interval lies wholly below 0"


def test_a_judge_that_is_as_good_and_errs_elsewhere_passes() -> None:
    found = gate(shipped(3, 0.05), shipped(4, 0.05))
    assert found.passed
    assert found.comparison.flips


def test_a_fall_that_chance_can_explain_passes() -> None:
    # One of twelve verdicts: in a third of the draws, (11/12)^12 = 0.35, the flipped answer does not occur at all.
    kappa = ruling(gate(run_of(*small(wrong=1)), run_of(*small()), GOLDEN), "points_kappa")
    assert (kappa.passed, kappa.before) == (True, 1.0)
    assert kappa.why == "chance could explain the fall: its 95 % interval reaches 0"


def test_a_fall_no_larger_than_what_readings_differ_by_passes() -> None:
    noisy = [*small(), *small(wrong=9, reading=1)]
    found = gate(run_of(*small(wrong=6), readings=2), run_of(*noisy, readings=2), GOLDEN)
    kappa = ruling(found, "points_kappa")
    # Readings of the baseline: kappa 1, and 9 of 12 wrong: 2·(3/12) − 1 = −0.5; between them 1.5. The run: 6 of 12, 0.
    assert kappa.noise == pytest.approx(1.5, abs=0.1)
    assert (kappa.passed, kappa.before) == (True, 1.0)
    assert kappa.after == pytest.approx(0.0, abs=0.1)
    assert "readings of one run differ by as much" in kappa.why


def test_a_fall_may_be_allowed_by_name_and_only_so_far() -> None:
    baseline, worse = run_of(*small()), run_of(*small(wrong=6))
    assert not ruling(gate(worse, baseline, GOLDEN), "points_kappa").passed
    assert ruling(gate(worse, baseline, GOLDEN, {"points_kappa": 1.0}), "points_kappa").passed
    short = ruling(gate(worse, baseline, GOLDEN, {"points_kappa": 0.5}), "points_kappa")
    assert (short.passed, short.allowed) == (False, 0.5)
    assert "more than the 0.500 allowed" in short.why


def test_a_figure_that_is_undefined_now_has_fallen() -> None:
    flat = [record_of(answer, {"p1": "met", "f1": "avoided"}) for answer in GOLDEN]
    spearman = ruling(gate(run_of(*flat), run_of(*small()), GOLDEN), "score_spearman")
    assert (spearman.passed, spearman.after) == (False, None)
    assert spearman.why == "was defined in the baseline and is undefined now"


def test_a_figure_that_the_baseline_lacks_is_no_bar() -> None:
    star = ruling(gate(run_of(*small()), run_of(*small()), GOLDEN), "star_auc")
    assert (star.passed, star.before) == (True, None)


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (1, False)])
def test_more_failures_fail(failed: int, passed: bool) -> None:
    # One of twelve is 8 %, and the share may rise by 2.
    records = [*(failed_of(answer) for answer in GOLDEN[:failed]), *small()[failed:]]
    assert ruling(gate(run_of(*records), run_of(*small()), GOLDEN), "failed").passed is passed


def test_answers_without_a_record_count_as_failed() -> None:
    found = ruling(gate(run_of(*small()[1:]), run_of(*small()), GOLDEN), "failed")
    assert (found.passed, found.before) == (False, 0.0)
    assert found.after == pytest.approx(1 / 12)


def test_more_unassessed_criteria_fail() -> None:
    open_ = [record_of(GOLDEN[0], {"f1": "committed"}), *small()[1:]]
    found = ruling(gate(run_of(*open_), run_of(*small()), GOLDEN), "unassessed")
    # One of 24 is 4.2 %.
    assert not found.passed
    assert found.after == pytest.approx(1 / 24)


def test_a_run_in_which_nothing_was_graded_fails() -> None:
    found = gate(run_of(*(failed_of(answer) for answer in GOLDEN)), run_of(*small()), GOLDEN)
    assert not found.passed
    assert not ruling(found, "failed").passed
    assert ruling(found, "unassessed").why == "nothing was graded"


def test_an_allowance_for_no_figure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no figures \['kapa'\]"):
        gate(run_of(*small()), run_of(*small()), GOLDEN, {"kapa": 0.1})
