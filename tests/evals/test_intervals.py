"""Bootstrap intervals draw whole groups, leave out what is undefined, and say so."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from evals.agreement import auc, cohen_kappa
from evals.intervals import Indices, Interval, Statistic, groups_of, interval, paired_difference


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_of(values: Any) -> Statistic:
    column = np.asarray(values, dtype=float)
    return lambda at: float(column[at].mean())


def test_items_of_one_key_make_one_group() -> None:
    assert [group.tolist() for group in groups_of(["a", "b", "a", "c"])] == [[0, 2], [1], [3]]
    assert groups_of([]) == ()


def test_the_value_is_the_figure_itself_and_the_bounds_lie_around_it() -> None:
    found = interval(groups_of(range(4)), mean_of([1, 2, 3, 6]), rng())
    assert found is not None
    assert found.value == 3  # (1 + 2 + 3 + 6)/4
    assert found.low is not None
    assert found.high is not None
    assert 1 <= found.low < 3 < found.high <= 6
    assert found.undefined_draws == 0


def test_the_bounds_are_the_percentiles_of_the_draws() -> None:
    # Draws of 0 0, 0 10 and 10 10 have the means 0, 5 and 10, whose quartiles are 2.5 and 7.5.
    class Fixed:
        def integers(self, high: int, size: tuple[int, int]) -> Any:
            assert (high, size) == (2, (3, 2))
            return np.array([[0, 0], [0, 1], [1, 1]])

    fixed: Any = Fixed()
    assert interval(groups_of("ab"), mean_of([0, 10]), fixed, draws=3, level=0.5) == Interval(5, 2.5, 7.5, 0)


def test_single_items_give_the_bounds_of_scipys_bootstrap() -> None:
    seeded = rng(5)
    for seed in range(20):
        values = seeded.normal(size=int(seeded.integers(2, 40)))
        ours = interval(groups_of(range(values.size)), mean_of(values), rng(seed), draws=200)
        theirs = stats.bootstrap((values,), np.mean, n_resamples=200, method="percentile", rng=rng(seed))
        bounds = theirs.confidence_interval
        assert ours is not None
        assert [ours.low, ours.high] == pytest.approx([bounds.low, bounds.high])


def test_groups_are_drawn_whole() -> None:
    drawn: list[list[int]] = []

    def note(at: Indices) -> float:
        drawn.append(at.tolist())
        return 0.0

    interval(groups_of("aabbb"), note, rng(), draws=50)
    assert drawn[0] == [0, 1, 2, 3, 4]
    wholes = {(0, 1, 0, 1), (0, 1, 2, 3, 4), (2, 3, 4, 0, 1), (2, 3, 4, 2, 3, 4)}
    assert {tuple(at) for at in drawn} == wholes
    assert len(drawn) == 51


def test_kin_make_the_interval_wider_than_strangers_would() -> None:
    values = np.repeat([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 10)  # ten of each group say the same
    alone = interval(groups_of(range(60)), mean_of(values), rng())
    together = interval(groups_of(np.repeat(range(6), 10).tolist()), mean_of(values), rng())

    def width(found: Interval | None) -> float:
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    # The deviation of a mean of 6 draws is sqrt(10) times that of 60.
    assert 2 < width(together) / width(alone) < 4.5


def test_about_nineteen_in_twenty_intervals_hold_the_true_mean() -> None:
    seeded = rng(6)
    held = 0
    for _ in range(200):
        found = interval(groups_of(range(60)), mean_of(seeded.normal(size=60)), seeded, draws=200)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    # 190 expected, with a deviation of 3; percentile intervals are a little narrow.
    assert 178 <= held <= 198


def test_the_same_seed_gives_the_same_interval() -> None:
    groups, mean = groups_of(range(9)), mean_of(rng().normal(size=9))
    assert interval(groups, mean, rng(3)) == interval(groups, mean, rng(3))
    assert interval(groups, mean, rng(3)) != interval(groups, mean, rng(4))


def test_undefined_draws_are_left_out_and_counted() -> None:
    positives, scores = np.array([True, False, True]), np.array([0.9, 0.1, 0.8])
    found = interval(groups_of(range(3)), lambda at: auc(positives[at], scores[at]), rng())
    assert found is not None
    # A draw of one kind alone: (2/3)³ + (1/3)³ = 1/3 of 1,000 draws, with a deviation of 15.
    assert 270 < found.undefined_draws < 400
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_with_more_than_half_of_the_draws_undefined_there_are_no_bounds() -> None:
    groups = groups_of(range(3))
    found = interval(groups, lambda at: 1.0 if {*at.tolist()} == {0, 1, 2} else None, rng())
    # All three in one draw: 6 of 27.
    assert found is not None
    assert (found.value, found.low, found.high) == (1, None, None)
    assert 720 < found.undefined_draws < 830


def test_half_of_the_draws_are_enough_for_bounds() -> None:
    calls = iter([7.0, 1.0, None])
    found = interval(groups_of("ab"), lambda _: next(calls), rng(), draws=2)
    assert found == Interval(7, 1, 1, 1)


def test_one_group_has_no_bounds() -> None:
    assert interval(groups_of("aaa"), mean_of([1, 2, 3]), rng()) == Interval(2, None, None, 0)


def test_an_undefined_figure_has_no_interval() -> None:
    assert interval(groups_of("ab"), lambda _: None, rng()) is None
    assert interval((), mean_of([]), rng()) is None


@pytest.mark.parametrize(("draws", "level"), [(0, 0.95), (10, 0), (10, 1), (10, 95)])
def test_an_interval_needs_draws_and_a_level_between_0_and_1(draws: int, level: float) -> None:
    with pytest.raises(ValueError, match="at least one draw"):
        interval(groups_of("ab"), mean_of([1, 2]), rng(), draws, level)


def test_a_paired_difference_is_after_less_before_over_the_same_items() -> None:
    # Items are hard or easy for both; after is 1 higher throughout, so each draw differs by exactly 1.
    before = np.array([0.0, 50.0, 100.0, 10.0])
    found = paired_difference(groups_of(range(4)), mean_of(before), mean_of(before + 1), rng())
    assert found == Interval(1, 1, 1, 0)


def test_a_paired_difference_is_undefined_where_either_side_is() -> None:
    groups = groups_of("ab")
    assert paired_difference(groups, lambda _: None, mean_of([1, 2]), rng()) is None
    assert paired_difference(groups, mean_of([1, 2]), lambda _: None, rng()) is None


def test_a_paired_difference_of_kappas() -> None:
    # Human 1 1 0 0. Before: 1 1 1 0, kappa 0.5. After: all four right, kappa 1.
    human, before, after = np.array([1, 1, 0, 0]), np.array([1, 1, 1, 0]), np.array([1, 1, 0, 0])
    found = paired_difference(
        groups_of(range(4)),
        lambda at: cohen_kappa(human[at], before[at]),
        lambda at: cohen_kappa(human[at], after[at]),
        rng(),
    )
    assert found is not None
    assert found.value == pytest.approx(0.5)
