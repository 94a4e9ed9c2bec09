"""Each measure by a sum worked by hand, where it is undefined, and against another's implementation."""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from evals import agreement

CASES = 200
Array = Any


def paired_levels(levels: int = 3) -> Iterator[tuple[Array, Array]]:
    """Seeded pairs of readings, 1 to 40 long, from far apart to nearly the same."""
    rng = np.random.default_rng(11)
    for _ in range(CASES):
        human = rng.integers(levels, size=rng.integers(1, 41))
        guess = rng.integers(levels, size=human.size)
        yield human, np.where(rng.random(human.size) < rng.random(), human, guess)


def forecasts() -> Iterator[tuple[Array, Array]]:
    """Seeded outcomes of both kinds with probabilities, some of them equal, some on the edges of bins."""
    rng = np.random.default_rng(12)
    for _ in range(CASES):
        positives = rng.random(rng.integers(2, 41)) < rng.uniform(0.1, 0.9)
        positives[:2] = True, False
        yield positives, np.round(rng.random(positives.size), int(rng.integers(1, 4)))


def scores() -> Iterator[tuple[Array, Array]]:
    rng = np.random.default_rng(13)
    for _ in range(CASES):
        human = np.round(rng.uniform(0, 100, rng.integers(3, 41)), int(rng.integers(-1, 2)))
        yield human, np.clip(np.round(human + rng.normal(0, 20, human.size), 1), 0, 100)


def test_accuracy_is_the_share_that_is_the_same() -> None:
    # Same in the first, third and fourth of 4: 3/4.
    assert agreement.accuracy([0, 1, 2, 2], [0, 2, 2, 2]) == 0.75
    for human, judge in paired_levels():
        assert agreement.accuracy(human, judge) == pytest.approx(metrics.accuracy_score(human, judge))


def test_one_step_accuracy_forgives_a_neighbouring_level() -> None:
    # Apart by 0, 1, 2, 1: three of 4 within one.
    assert agreement.one_step_accuracy([0, 1, 2, 2], [0, 2, 0, 1]) == 0.75
    for human, judge in paired_levels():
        near = [abs(int(h) - int(j)) < 2 for h, j in zip(human, judge, strict=True)]
        assert agreement.one_step_accuracy(human, judge) == pytest.approx(sum(near) / len(near))


def test_f1_weighs_hits_against_misses_and_false_alarms() -> None:
    # Of level 2: 1 hit, 1 miss, 2 false alarms. 2·1 / (2·1 + 1 + 2) = 0.4.
    assert agreement.f1([2, 2, 0, 1], [2, 0, 2, 2], positive=2) == pytest.approx(0.4)
    assert agreement.f1([1, 0], [0, 1], positive=1) == 0  # given by both, never together
    for human, judge in paired_levels():
        ours = agreement.f1(human, judge, positive=1)
        if ours is None:
            assert 1 not in human
            assert 1 not in judge
        else:
            assert ours == pytest.approx(metrics.f1_score(human == 1, judge == 1))


def test_cohens_kappa_takes_off_what_chance_gives() -> None:
    # 4 pairs, 3 agree. Chance: (2·3 + 2·1)/16 = 0.5, so kappa = 1 - 0.25/0.5.
    assert agreement.cohen_kappa([1, 1, 0, 0], [1, 1, 1, 0]) == pytest.approx(0.5)
    assert agreement.cohen_kappa([True, False], [False, True]) == -1
    for human, judge in paired_levels():
        ours = agreement.cohen_kappa(human, judge)
        if ours is None:
            assert len({*human.tolist(), *judge.tolist()}) == 1
        else:
            assert ours == pytest.approx(metrics.cohen_kappa_score(human, judge))


def test_kappa_is_0_where_one_side_alone_is_constant_and_undefined_where_both_are() -> None:
    # Agreement 1/2; chance (2·1 + 0·1)/4 = 1/2 as well.
    assert agreement.cohen_kappa([1, 1], [1, 0]) == 0
    assert agreement.cohen_kappa([1, 1], [1, 1]) is None
    assert agreement.quadratic_kappa([1, 1], [1, 1], (0, 1, 2)) is None


def test_quadratic_kappa_counts_a_miss_by_two_levels_four_times() -> None:
    # Squared misses 0, 4, 0 (mean 4/3). All 9 pairings of 0, 2, 2 with 0, 0, 2: 0 0 4, 4 4 0, 4 4 0 (mean 20/9).
    # 1 - (4/3)/(20/9) = 0.4. With a miss by one: 0, 1, 0 (1/3); pairings with 0, 1, 2: 0 1 4, 4 1 0, 4 1 0 (15/9): 0.8.
    assert agreement.quadratic_kappa([0, 2, 2], [0, 0, 2], (0, 1, 2)) == pytest.approx(0.4)
    assert agreement.quadratic_kappa([0, 2, 2], [0, 1, 2], (0, 1, 2)) == pytest.approx(0.8)
    for human, judge in paired_levels(4):
        ours = agreement.quadratic_kappa(human, judge, range(4))
        if ours is None:
            assert len({*human.tolist(), *judge.tolist()}) == 1
        else:
            theirs = metrics.cohen_kappa_score(human, judge, weights="quadratic", labels=range(4))
            assert ours == pytest.approx(theirs)


def test_quadratic_kappa_goes_by_the_place_among_the_levels() -> None:
    assert agreement.quadratic_kappa([0, 10, 50], [10, 10, 50], (0, 10, 50)) == agreement.quadratic_kappa(
        [0, 1, 2], [1, 1, 2], (0, 1, 2)
    )
    with pytest.raises(ValueError, match=r"readings \[3\] are none of the levels \[0, 1, 2\]"):
        agreement.quadratic_kappa([0, 3], [0, 1], (0, 1, 2))
    with pytest.raises(ValueError, match=r"levels \[2, 1, 0\] do not rise"):
        agreement.quadratic_kappa([0, 1], [0, 1], (2, 1, 0))


def test_score_kappa_is_quadratic_kappa_of_tens() -> None:
    # Bins 0, 9, 9 (100 falls in the last) and 0, 0, 9: as 0, 2, 2 and 0, 0, 2 above, all distances 4.5 times as long.
    assert agreement.score_kappa([3, 90, 100], [9.9, 0, 99]) == pytest.approx(0.4)
    for human, judge in scores():
        bins = [np.digitize(side, range(10, 100, 10)) for side in (human, judge)]
        theirs = metrics.cohen_kappa_score(*bins, weights="quadratic", labels=range(10))
        assert agreement.score_kappa(human, judge) == pytest.approx(theirs)
    with pytest.raises(ValueError, match="scores in"):
        agreement.score_kappa([101], [50])
    with pytest.raises(ValueError, match="width 0"):
        agreement.score_kappa([100], [50], width=0)


def plain_alpha(readings: list[list[float]], distance: Callable[[float, float, dict[float, int]], float]) -> float:
    """Krippendorff's alpha from its definition, pair by pair: each thing read m times counts 1/(m-1) a pair."""
    read = ([v for v in thing if not np.isnan(v)] for thing in zip(*readings, strict=True))
    units = [values for values in read if len(values) > 1]
    values = [v for unit in units for v in unit]
    counts = {value: values.count(value) for value in set(values)}
    observed = sum(distance(a, b, counts) / (len(u) - 1) for u in units for a, b in combinations(u, 2)) / len(values)
    pairs = len(values) * (len(values) - 1)
    return 1 - observed / (sum(distance(a, b, counts) for a, b in combinations(values, 2)) / pairs)


def nominal(a: float, b: float, _: dict[float, int]) -> float:
    return float(a != b)


def ordinal(a: float, b: float, counts: dict[float, int]) -> float:
    """Squared number of readings from the middle of one level to the middle of the other."""
    low, high = sorted((a, b))
    between = sum(n for value, n in counts.items() if low <= value <= high)
    return float((between - (counts[low] + counts[high]) / 2) ** 2)


def test_krippendorffs_alpha_passes_over_what_was_read_once() -> None:
    # The third thing has one reader and is out. Things read twice: (0, 0), (0, 1), (1, 1): 6 values, three of each.
    # Observed: 2 of 6 ordered pairs within things differ. Expected: 2·3·3 of 6·5 pairs. 1 - (1/3)/(18/30) = 4/9.
    readings: list[list[int | None]] = [[0, 0, 2, 1], [0, 1, None, 1]]
    assert agreement.krippendorff_alpha(readings, "nominal") == pytest.approx(4 / 9)
    assert agreement.krippendorff_alpha(readings) == pytest.approx(4 / 9)  # with two levels, order says no more


def test_krippendorffs_alpha_agrees_with_its_definition() -> None:
    rng = np.random.default_rng(14)
    defined = 0
    for _ in range(CASES):
        table = rng.integers(3, size=(rng.integers(2, 5), rng.integers(1, 13))).astype(float)
        table[rng.random(table.shape) < 0.2] = np.nan
        readings: list[list[int | None]] = [[None if np.isnan(v) else int(v) for v in row] for row in table]
        alpha = agreement.krippendorff_alpha(readings, "ordinal")
        if alpha is not None:
            defined += 1
            assert alpha == pytest.approx(plain_alpha(table.tolist(), ordinal))
            assert agreement.krippendorff_alpha(readings, "nominal") == pytest.approx(
                plain_alpha(table.tolist(), nominal)
            )
    assert defined > CASES / 2


@pytest.mark.parametrize(
    "readings",
    [[], [[], []], [[0, 1, 2]], [[0, None], [None, 1]], [[1, 1], [1, 1]], [[1, 1, 0], [1, 1, None]], [[None], [None]]],
)
def test_krippendorffs_alpha_is_undefined_without_two_readings_that_could_differ(readings: Any) -> None:
    assert agreement.krippendorff_alpha(readings) is None


def test_readers_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"readers of unequal length: \[2, 1\]"):
        agreement.krippendorff_alpha([[0, 1], [0]])


def test_auc_is_the_chance_that_a_positive_scores_above_a_negative() -> None:
    # Positives .9 and .4, negatives .4 and .1. Above: .9 twice, .4 once; one tie. (3 + 1/2)/4.
    assert agreement.auc([True, True, False, False], [0.9, 0.4, 0.4, 0.1]) == 0.875
    for positives, probabilities in forecasts():
        theirs = metrics.roc_auc_score(positives, probabilities)
        assert agreement.auc(positives, probabilities) == pytest.approx(theirs)


@pytest.mark.parametrize("positives", [[], [True, True], [False]])
def test_auc_and_threshold_are_undefined_with_one_kind_alone(positives: list[bool]) -> None:
    assert agreement.auc(positives, [0.5] * len(positives)) is None
    assert agreement.best_threshold(positives, [0.5] * len(positives)) is None


def test_the_best_threshold_gives_the_highest_kappa() -> None:
    # From .4 on: hits 2 of 2, one false alarm of 2; agreement 3/4, chance (2·3 + 2·1)/16, kappa 0.5.
    # From .5 on: hits 1, false alarms 0: agreement 3/4, chance (2·1 + 2·3)/16, 0.5 as well; the lower stands.
    # From .3 on all is positive: 0. From .4 on, with the false alarm at .35 instead, all is right: 1.
    assert agreement.best_threshold([True, True, False, False], [0.5, 0.4, 0.4, 0.3]) == 0.4
    assert agreement.best_threshold([True, True, False, False], [0.5, 0.4, 0.35, 0.3]) == 0.4
    for positives, probabilities in forecasts():
        threshold = agreement.best_threshold(positives, probabilities)
        kappas = {t: metrics.cohen_kappa_score(positives, probabilities >= t) for t in np.unique(probabilities)}
        assert threshold is not None
        assert kappas[threshold] == pytest.approx(max(kappas.values()))
        assert threshold == min(t for t, kappa in kappas.items() if kappa == pytest.approx(max(kappas.values())))


def test_scores_that_mislead_end_at_a_threshold_that_says_nothing() -> None:
    assert agreement.best_threshold([True, False], [0.1, 0.9]) == 0.1


POSITIVES, PROBABILITIES = [True, False, True, True], [0.55, 0.65, 0.95, 0.85]


def test_the_confusion_table_has_humans_in_rows_and_the_judge_in_columns() -> None:
    # Human 2 was read as 0 once and as 2 once; human 0 as 2 once.
    assert agreement.confusion([2, 2, 0], [0, 2, 2], (0, 1, 2)) == ((0, 0, 1), (0, 0, 0), (1, 0, 1))
    assert agreement.confusion([2, 2, 0], [0, 2, 2], (2, 0)) == ((1, 1), (1, 0))
    assert agreement.confusion([], [], (0, 1)) == ((0, 0), (0, 0))
    for human, judge in paired_levels():
        theirs = metrics.confusion_matrix(human, judge, labels=[0, 1, 2])
        assert agreement.confusion(human, judge, (0, 1, 2)) == tuple(map(tuple, theirs.tolist()))
    with pytest.raises(ValueError, match="none of the levels"):
        agreement.confusion([3], [0], (0, 1))


@pytest.mark.parametrize(
    "measure",
    [
        agreement.accuracy,
        agreement.one_step_accuracy,
        agreement.cohen_kappa,
        agreement.mean_error,
        agreement.mean_absolute_error,
        agreement.score_kappa,
        agreement.brier,
        agreement.expected_calibration_error,
        lambda human, judge: agreement.f1(human, judge, 1),
        lambda human, judge: agreement.quadratic_kappa(human, judge, (0, 1)),
    ],
)
def test_no_readings_are_undefined_and_unequal_lengths_an_error(measure: Callable[..., float | None]) -> None:
    assert measure([], []) is None
    assert measure(np.array([]), np.array([])) is None
    with pytest.raises(ValueError, match="equal length"):
        measure([True, False], [1])


def test_no_forecasts_make_an_empty_curve() -> None:
    assert agreement.calibration_curve([], []) == ()


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_what_is_unknown_is_refused_rather_than_counted(unknown: Any) -> None:
    with pytest.raises(ValueError, match="unassessed left out"):
        agreement.cohen_kappa([1, 0], [1, unknown])
    with pytest.raises(ValueError, match="unknown left out"):
        agreement.auc([True, False], [0.5, unknown])
    with pytest.raises(ValueError, match="True or False"):
        agreement.auc([True, unknown], [0.5, 0.6])


def test_levels_are_no_words_and_positives_no_levels() -> None:
    words: Any = ["met", "missed"]
    with pytest.raises(ValueError, match="whole numbers"):
        agreement.accuracy(words, words)
    with pytest.raises(ValueError, match="True or False"):
        agreement.auc([0, 2], [0.5, 0.6])  # type: ignore[list-item]
