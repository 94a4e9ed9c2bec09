"""What is fitted: the weights that made the labels, on no more than the labels at hand, as another's program would."""

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evals import calibrate
from evals.calibrate import SIGNALS, calibrated, fitted, held_out
from evals.directions import Pair, family
from evals.pairs import LEVELS
from evals.replayed import Row, Rows
from service.judges.signals import KINDS, kind_of
from tests.evals.judged_by_odds import RUBRIC

P1, P2, P3, F1, F2, F3, SITUATION, *_ = RUBRIC.judged
TWO_LEVELS = ("commission", "omission", "only")
TRUE = {
    "yes": 1.2,
    "neutral": -0.8,
    "spread": 1.5,
    "overlap": 3.0,
    "length": -2.0,
    "empty": -0.5,
    "example": -0.7,
    "lift": 0.9,
}
"""By these weights the labels of the made-up rows fall."""
MEAN = {
    "yes": -0.5,
    "neutral": 0.5,
    "spread": 1.0,
    "overlap": 0.4,
    "length": 5.0,
    "empty": -2.0,
    "example": 1.0,
    "lift": 0.1,
}
SPREAD = {
    "yes": 2.0,
    "neutral": 1.0,
    "spread": 0.5,
    "overlap": 0.3,
    "length": 0.5,
    "empty": 1.5,
    "example": 1.0,
    "lift": 0.8,
}


def signals_of(**given: float) -> dict[str, float]:
    """These signals; all others as they are on the mean."""
    return MEAN | given


def rows(kind: str, count: int, rng: np.random.Generator, question: str = "q") -> list[Row]:
    """So many labels of this kind, drawn by proportional odds with the weights TRUE on what it is judged by.

    Cuts are 1 and -1 on a mean answer; of two levels 0.
    """
    made = []
    for n in range(count):
        signals = {name: float(rng.normal(MEAN[name], SPREAD[name])) for name in TRUE}
        slope = sum(TRUE[name] * (signals[name] - MEAN[name]) for name in SIGNALS)
        # One draw for all levels: those who reach a level have reached the ones below it.
        chance = rng.random()
        human = sum(chance < 1 / (1 + np.exp(-slope - cut)) for cut in cuts_of(kind))
        made.append(Row(f"{question}-{n}", question, f"{kind}1", kind, int(human), signals))
    return made


def rows_for(*made: Row) -> Rows:
    """As of a run that kept few odds."""
    return Rows(tuple(made), ())


def cuts_of(kind: str) -> tuple[float, ...]:
    return (0.0,) if kind in TWO_LEVELS else (1.0, -1.0)


def a_set(rng: np.random.Generator, questions: Sequence[str] = ("q1", "q2", "q3")) -> list[Row]:
    return [row for question in questions for kind in KINDS for row in rows(kind, 30, rng, question)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_that_made_the_labels_are_found(kind: str) -> None:
    scale = fitted(rows(kind, 3000, np.random.default_rng(1)), kind)
    assert tuple(scale.weights) == SIGNALS
    # In units of a signal's own spread the standard error of a weight is near 0.06 at 3000 labels, of a cut too.
    for name, weight in scale.weights.items():
        assert weight * SPREAD[name] == pytest.approx(TRUE[name] * SPREAD[name], abs=0.25)
    on_the_mean = sum(weight * MEAN[name] for name, weight in scale.weights.items())
    assert [cut + on_the_mean for cut in scale.cuts] == pytest.approx(cuts_of(kind), abs=0.25)


@pytest.mark.parametrize("kind", TWO_LEVELS)
@pytest.mark.parametrize("count", [20, 60, 300])
def test_with_two_levels_it_is_the_logistic_regression_of_scikit_learn(kind: str, count: int) -> None:
    rng = np.random.default_rng([2, count])
    for _ in range(5):
        made = rows(kind, count, rng)
        signals = np.array([[row.signals[name] for name in SIGNALS] for row in made])
        mean, spread = signals.mean(axis=0), signals.std(axis=0)
        human = [row.human for row in made]
        theirs = LogisticRegression(C=1 / calibrate.PENALTY, tol=1e-8).fit((signals - mean) / spread, human)
        weights = theirs.coef_[0] / spread
        ours = fitted(made, kind)
        assert list(ours.weights.values()) == pytest.approx(weights, abs=0.01)
        assert ours.cuts[0] == pytest.approx(theirs.intercept_[0] - weights @ mean, abs=0.05)


@pytest.mark.parametrize("kind", ["point", "star"])
def test_with_three_levels_no_nearby_numbers_are_likelier(kind: str) -> None:
    made = rows(kind, 80, np.random.default_rng(3))
    human = np.array([row.human for row in made])
    signals = np.array([[row.signals[name] for name in SIGNALS] for row in made])
    spread = signals.std(axis=0)
    scale = fitted(made, kind)

    def loss(weights: np.ndarray, cuts: np.ndarray) -> float:
        """Minus the log of the labels' probability, and half the squared weights of the standardised signals."""
        reached = 1 / (1 + np.exp(-np.add.outer(signals @ weights, cuts)))
        each = np.stack((1 - reached[:, 0], reached[:, 0] - reached[:, 1], reached[:, 1]))
        return float(-np.log(each[human, np.arange(80)]).sum() + ((weights * spread) ** 2).sum() / 2)

    best = np.array([*scale.weights.values(), *scale.cuts])
    at_best = loss(best[:-2], best[-2:])
    for place in range(best.size):
        for step in (-0.05, 0.05):
            near = best.copy()
            near[place] += step
            assert loss(near[:-2], near[-2:]) > at_best


def test_labels_that_the_signals_part_wholly_get_finite_weights() -> None:
    made = [Row(f"a{n}", "q", "f1", "commission", int(n > 9), signals_of(yes=n / 10)) for n in range(20)]
    scale = fitted(made, "commission")
    assert 0 < scale.weights["yes"] < 20
    assert [scale.read(row.signals).height for row in made] == [row.human for row in made]


def test_a_signal_that_never_changes_has_no_weight() -> None:
    made = [Row(f"a{n}", "q", "f1", "commission", n % 2, signals_of(yes=1.5)) for n in range(8)]
    scale = fitted(made, "commission")
    assert [scale.weights["yes"], *scale.cuts] == pytest.approx([0, 0], abs=1e-3)


def test_the_highest_level_is_said_from_where_kappa_is_best() -> None:
    # Log odds 0 and 1 are innocent, 2 and 3 guilty, twenty each: any threshold between the probabilities of 1 and 2
    # has kappa 1, and the one nearest to one half stands.
    made = [Row(f"a{n}", "q", "f1", "commission", int(n % 4 > 1), signals_of(yes=n % 4)) for n in range(80)]
    scale = fitted(made, "commission")
    below, above = (scale.at_least(signals_of(yes=yes))[0] for yes in (1.0, 2.0))
    assert below < 0.5 < above
    assert scale.least == (0.5,)


def test_a_rare_fault_is_said_before_it_is_likelier_than_not() -> None:
    # Of 40 at log odds 0 none is guilty, of 20 at 1 eight are: by one half nobody would be, at a kappa of 0.
    made = [Row(f"a{n}", "q", "f1", "commission", 0, signals_of(yes=0)) for n in range(40)]
    made += [Row(f"b{n}", "q", "f1", "commission", int(n < 8), signals_of(yes=1)) for n in range(20)]
    scale = fitted(made, "commission")
    said = [scale.read(signals_of(yes=yes)).height for yes in (0, 1)]
    assert scale.at_least(signals_of(yes=1))[0] < 0.5
    assert said == [0, 1]


def test_partial_is_said_where_quadratic_kappa_is_best() -> None:
    made = [Row(f"a{n}", "q", "p1", "point", n % 3, signals_of(yes=4 * (n % 3))) for n in range(60)]
    scale = fitted(made, "point")
    assert [scale.read(signals_of(yes=yes)).height for yes in (0, 4, 8)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("kind", "heights", "complaint"),
    [
        ("commission", (0, 0), "2 labels of 'commission', and none of committed"),
        ("omission", (1,), "1 labels of 'omission', and none of avoided"),
        ("point", (0, 2, 2), "3 labels of 'point', and none of partial"),
        ("star", (1, 1), "2 labels of 'star', and none of absent, present"),
        ("only", (), "0 labels of 'only', and none of avoided, committed"),
    ],
)
def test_a_kind_that_lacks_labels_of_a_level_is_refused(kind: str, heights: tuple[int, ...], complaint: str) -> None:
    made = [Row("a", "q", "c", kind, human, MEAN) for human in heights]
    with pytest.raises(ValueError, match=complaint):
        fitted(made, kind)
    others = [row for row in a_set(np.random.default_rng(4)) if row.kind != kind]
    with pytest.raises(ValueError, match=complaint):
        calibrated(rows_for(*others, *made), "tests", "")


def test_a_calibration_has_a_scale_for_each_kind_fitted_on_that_kind_alone() -> None:
    made = a_set(np.random.default_rng(5))
    calibration = calibrated(rows_for(*made), "tests", "made up")
    assert (calibration.made_by, calibration.note) == ("tests", "made up")
    assert tuple(calibration.scales) == KINDS
    for kind in KINDS:
        own = [row for row in made if row.kind == kind]
        assert calibration.scales[kind] == fitted(own, kind, ("yes", "empty", "example"))
        assert calibration.without_example[kind] == fitted(own, kind, ("yes", "empty"))
    assert calibration.directions == {}


def test_the_same_rows_give_the_same_numbers() -> None:
    made = a_set(np.random.default_rng(6))
    assert calibrated(rows_for(*made), "tests", "") == calibrated(rows_for(*made), "tests", "")


def test_a_question_has_no_say_in_the_calibration_it_is_graded_by() -> None:
    made = a_set(np.random.default_rng(7))
    turned = [
        row._replace(human=len(LEVELS[family(row.kind)]) - 1 - row.human) if row.question == "q2" else row
        for row in made
    ]
    before, after = held_out(rows_for(*made)), held_out(rows_for(*turned))
    assert list(before) == ["q1", "q2", "q3"]
    assert before["q2"] == after["q2"]
    assert before["q1"] != after["q1"]
    assert before["q3"] != after["q3"]
    others = [row for row in made if row.question != "q1"]
    assert before["q1"].scales == calibrated(rows_for(*others), "tests", "").scales


def test_a_question_of_which_there_are_pairs_alone_is_held_out_too() -> None:
    made = rows_for(*a_set(np.random.default_rng(7)))._replace(pairs=(Pair("q4", "point", np.zeros(2)),))
    assert list(held_out(made)) == ["q1", "q2", "q3", "q4"]
    assert list(held_out(made, {"q2", "q4"})) == ["q2", "q4"]
    assert made.without({"q4"}).pairs == ()
    assert made.without({"q1"}).pairs == made.pairs


def test_a_question_cannot_be_held_out_where_there_is_no_other() -> None:
    with pytest.raises(ValueError, match="0 labels of 'point'"):
        held_out(rows_for(*a_set(np.random.default_rng(8), ["q1"])))


def test_every_kind_is_judged_by_the_odds_of_yes_and_the_rubric_has_them_all() -> None:
    assert set(KINDS) == {kind_of(criterion) for criterion in RUBRIC.judged}
    assert "yes" in SIGNALS
