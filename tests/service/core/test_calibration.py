"""From signals to the probability of each level, by sums worked by hand."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.core.calibration import DIRECTIONS, Calibration, Direction, Scale
from service.judges.signals import KINDS
from tests.builders import calibration_of, scale_of

LN9 = math.log(9)  # the log odds of 0.9


def scale(*cuts: float, least: tuple[float, ...], **weights: float) -> Scale:
    return Scale(weights=weights, cuts=cuts, least=least)


def test_each_level_is_reached_with_the_logistic_of_weighed_signals_and_cut() -> None:
    # 2 · 1.5 - 1 · 0.5 = 2.5. Cuts 0 and -5: 1/(1 + e^-2.5) = 0.924, 1/(1 + e^2.5) = 0.076.
    reached = scale_of(0, -5, yes=2, length=-1).at_least({"yes": 1.5, "length": 0.5})
    assert reached == pytest.approx((0.924, 0.076), abs=5e-4)


@pytest.mark.parametrize(
    ("yes", "height", "confidence", "probability"),
    [
        # Cuts ln 9 and -ln 9. At 0: partial 0.9, met 0.1; just partial 0.9 - 0.1.
        (0.0, 1, 0.8, 0.1),
        # At ln 9: ln 81 is 81/82 = 0.9878, met 0.5. Just met is all that is met.
        (LN9, 2, 0.5, 0.5),
        # At -ln 9: partial 0.5, met 1/82 = 0.0122. Just partial: 0.5 - 0.0122.
        (-LN9, 1, 0.4878, 0.0122),
        # At -2 ln 9: partial 0.1, met 1/(1 + 9³) = 0.0014. Missed: 1 - 0.1.
        (-2 * LN9, 0, 0.9, 0.0014),
    ],
)
def test_of_three_levels_the_highest_that_is_likely_enough_is_said(
    yes: float, height: int, confidence: float, probability: float
) -> None:
    # A hair below one half, where rounding would decide.
    reading = scale(LN9, -LN9, least=(0.4999, 0.4999), yes=1).read({"yes": yes})
    assert list(reading) == pytest.approx([height, confidence, probability])


@pytest.mark.parametrize(
    ("yes", "least", "height", "confidence"),
    [
        (LN9, 0.5, 1, 0.9),
        (LN9, 0.95, 0, 0.1),  # not sure enough to say it; and not sure of the contrary
        (-LN9, 0.5, 0, 0.9),
        (-LN9, 0.05, 1, 0.1),
        (-LN9, 0.0, 1, 0.1),
    ],
)
def test_of_two_levels_the_higher_is_said_from_its_least_on(
    yes: float, least: float, height: int, confidence: float
) -> None:
    reading = scale(0, least=(least,), yes=1).read({"yes": yes})
    assert list(reading) == pytest.approx([height, confidence, 0.9 if yes > 0 else 0.1])


def test_just_its_least_is_enough_for_a_level() -> None:
    assert scale(0, least=(0.5,), yes=1).read({"yes": 0}) == (1, 0.5, 0.5)  # 1/(1 + e^0) = 0.5


def test_a_level_may_be_said_though_the_one_below_it_has_a_higher_threshold() -> None:
    # Partial 0.9 and met 0.1; partial wants 0.95, met only 0.1.
    reading = scale(LN9, -LN9, least=(0.95, 0.0999), yes=1).read({"yes": 0})
    assert list(reading) == pytest.approx([2, 0.1, 0.1])


@pytest.mark.parametrize("signals", [{}, {"overlap": 4.0}, {"yes": 0.0, "overlap": 4.0}])
def test_a_signal_that_is_missing_counts_0_and_one_without_weight_nothing(signals: dict[str, float]) -> None:
    assert scale_of(LN9, yes=3, length=5).at_least(signals) == pytest.approx((0.9,))


@pytest.mark.parametrize(("yes", "probability"), [(1e6, 1.0), (-1e6, 0.0)])
def test_signals_beyond_all_measure_are_no_overflow(yes: float, probability: float) -> None:
    reading = scale_of(0, yes=10).read({"yes": yes})
    assert reading == (int(probability), 1.0, probability)


@given(
    yes=st.floats(-50, 50),
    cuts=st.lists(st.floats(-20, 20), min_size=1, max_size=2).map(lambda cuts: sorted(cuts, reverse=True)),
    least=st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_the_levels_probabilities_are_shares_of_one(yes: float, cuts: list[float], least: list[float]) -> None:
    made = scale(*cuts, least=tuple(least[: len(cuts)]), yes=1)
    reached = made.at_least({"yes": yes})
    steps = (1.0, *reached, 0.0)
    assert all(above <= below for below, above in pairwise(steps))
    reading = made.read({"yes": yes})
    assert 0 <= reading.height <= len(cuts)
    assert 0 <= reading.confidence <= 1
    assert reading.probability == pytest.approx(reached[-1], abs=1e-4)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"cuts": [0, 1], "least": [0.5, 0.5]}, "`cuts` must not rise"),
        ({"cuts": [0], "least": [0.5, 0.5]}, "needs one `least` for each of the `cuts`"),
        ({"cuts": [], "least": []}, "cuts\n  Tuple should have at least 1 item"),
        ({"cuts": [2, 1, 0], "least": [0.5, 0.5, 0.5]}, "cuts\n  Tuple should have at most 2 items"),
        ({"cuts": [0], "least": [1.5]}, "least.0\n  Input should be less than or equal to 1"),
        ({"cuts": [0], "least": [-0.1]}, "least.0\n  Input should be greater than or equal to 0"),
        ({"cuts": [math.inf], "least": [0.5]}, "cuts.0\n  Input should be a finite number"),
        ({"cuts": [0], "least": [0.5], "weights": {"yes": math.nan}}, "weights.yes\n  Input should be a finite"),
        ({"cuts": [0], "least": [0.5], "bias": 1}, "bias\n  Extra inputs are not permitted"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Scale.model_validate({"weights": {"yes": 1}} | given)
    assert complaint in str(refused.value)


def test_levels_that_are_reached_alike_are_allowed() -> None:
    assert scale_of(1, 1, yes=1).read({"yes": 0}).height == 2


def test_the_digest_is_of_the_numbers_alone() -> None:
    one = calibration_of()
    assert len(one.digest) == 12
    assert one.model_copy(update={"note": "of today", "made_by": "somebody"}).digest == one.digest
    assert Calibration.model_validate_json(one.model_dump_json()).digest == one.digest
    backwards = dict(reversed(list(one.scales.items())))
    assert one.model_copy(update={"scales": backwards}).digest == one.digest


@pytest.mark.parametrize(
    "other",
    [scale_of(0.5, yes=1), scale_of(0, yes=1.5), scale_of(0, overlap=1), scale(0, least=(0.6,), yes=1)],
)
def test_any_other_number_makes_another_digest(other: Scale) -> None:
    assert calibration_of(commission=other).digest != calibration_of().digest


def test_a_file_of_another_version_is_not_read_as_this_one() -> None:
    with pytest.raises(ValidationError, match="version"):
        Calibration.model_validate(calibration_of().model_dump() | {"version": 2})


@pytest.mark.parametrize(
    ("odds", "along"),
    [
        # 2 ln 0.5 - ln 0.25 - ln 0.125 = (-2 + 2 + 3) ln 2
        ({"Yes": 0.5, "No": 0.25, "It": 0.125}, 3 * math.log(2)),
        ({"Yes": 0.05, "No": 0.025, "It": 0.0125}, 3 * math.log(2)),  # only how they stand to each other counts
        ({"Yes": 0.5, "No": 0.25}, 2 * math.log(2)),  # "It" as the least likely told: 2 ln 0.5 - 2 ln 0.25
        ({"Yes": 0.5, "No": 0.25, "It": 0.0}, 2 * math.log(2)),
        ({"Well": 1.0}, 0.0),
        ({}, 0.0),
    ],
)
def test_how_far_odds_lie_along_a_direction(odds: dict[str, float], along: float) -> None:
    assert Direction(weights={"Yes": 2, "No": -1, "It": -1}).along(odds) == pytest.approx(along)


def test_other_directions_make_another_judge() -> None:
    plain = calibration_of()
    one, two = (plain.model_copy(update={"directions": {"there": Direction(weights={"Yes": w})}}) for w in (1.0, 2.0))
    assert len({plain.digest, one.digest, two.digest}) == 3
    assert len({plain.directions_digest, one.directions_digest, two.directions_digest}) == 3


def test_each_kind_is_measured_by_its_direction_and_points_without_an_example_by_their_own() -> None:
    there, committed, stated = (Direction(weights={"Yes": w}) for w in (1.0, 2.0, 3.0))
    calibration = calibration_of().model_copy(update={"directions": {"there": there, "committed": committed}})
    assert set(DIRECTIONS) == set(KINDS)
    assert {kind: calibration.direction_of(kind, True) for kind in KINDS} == {
        "point": there,
        "star": there,
        "omission": there,
        "commission": committed,
        "only": committed,
    }
    assert calibration.direction_of("point", False) == there
    with_stated = calibration.model_copy(update={"directions": {**calibration.directions, "stated": stated}})
    assert [with_stated.direction_of("point", example) for example in (True, False)] == [there, stated]
    assert [with_stated.direction_of("omission", example) for example in (True, False)] == [there, there]
    assert calibration_of().direction_of("point", False) is None
