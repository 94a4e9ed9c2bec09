"""What a judge per criterion notices, each number by a sum worked by hand."""

import math

import pytest

from service.core.answer import Answer
from service.core.calibration import Direction
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point, StarCriterion, StarPart
from service.judges.signals import KINDS, Asked, Told, kind_of, log_odds, signals_of, told_by

ANSWER = Answer.of("I weighed the costs of both.")
POINT = Point(id="p1", text="Weighs the price")
OMISSION = Pitfall(id="f1", kind=PitfallKind.OMISSION, text="Leaves the price out", expected="costs or price")
PART = StarCriterion(part=StarPart.TASK)
ODDS = {"Yes": 0.75, "No": 0.25}


@pytest.mark.parametrize(
    ("odds", "expected"),
    [
        ({"Yes": 0.75, "No": 0.25}, math.log(3)),
        ({"Yes": 0.3, "No": 0.1, "Perhaps": 0.6}, math.log(3)),  # what is neither word has no part in it
        ({" yes": 0.25, "YES": 0.5, "no": 0.125, " No": 0.125}, math.log(3)),  # however they are spelt
        ({"Yes": 0.5, "No": 0.5}, 0.0),
        # A word that was not told counts as one in a thousand million: ln 0.5 + 9 ln 10 = 20.03.
        ({"Yes": 0.5}, 20.03),
        ({"No": 0.5}, -20.03),
    ],
)
def test_log_odds_are_of_yes_against_no(odds: dict[str, float], expected: float) -> None:
    assert log_odds(odds) == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("odds", [{}, {"Maybe": 1.0}, {"Yes": 0.0, "No": 0.0}, {"Yesterday": 0.5, "None": 0.5}])
def test_without_either_word_there_are_no_log_odds_and_no_signals(odds: dict[str, float]) -> None:
    assert log_odds(odds) is None
    assert signals_of(POINT, ANSWER, Asked(odds, {"A": 1.0}, neutral=0.0)) is None


def test_a_criterions_signals() -> None:
    signals = signals_of(POINT, ANSWER, Asked(ODDS, {"A": 0.5, "B": 0.25, "C": 0.25}, neutral=-0.5))
    assert signals == {
        "yes": pytest.approx(math.log(3)),
        "neutral": -0.5,
        # 0.5 ln 2 + 2 · 0.25 ln 4 = 1.5 ln 2
        "spread": pytest.approx(1.5 * math.log(2)),
        # weighs and price; "weighed" has the stem of the first.
        "overlap": 0.5,
        "short": pytest.approx(math.log(91 / 7)),
        # Six words.
        "length": pytest.approx(math.log(7)),
        "lift": 0.0,
    }


def test_what_the_known_answers_told_stands_beside_and_the_lift_is_over_their_mean() -> None:
    there = Direction(weights={"Yes": 0.5, "No": -0.5})
    known = {"empty": Told(-2.0, 0.1), "example": Told(1.0, 0.3)}
    signals = signals_of(POINT, ANSWER, Asked(ODDS, {}, 0.0, known), there)
    assert signals
    assert (signals["empty"], signals["example"]) == (-2.0, 1.0)
    # 0.5 ln 0.75 - 0.5 ln 0.25 = 0.5 ln 3, less (0.1 + 0.3) / 2.
    assert signals["lift"] == pytest.approx(0.5 * math.log(3) - 0.2)


def test_what_a_reply_tells_is_measured_along_a_direction_and_without_one_not_at_all() -> None:
    assert told_by(ODDS, Direction(weights={"Yes": 2.0, "No": -2.0})) == pytest.approx((math.log(3), 2 * math.log(3)))
    assert told_by(ODDS, None) == pytest.approx((math.log(3), 0.0))
    assert told_by({"Perhaps": 1.0}, None) is None


@pytest.mark.parametrize(
    ("marks", "spread"),
    [
        ({"A": 1.0}, 0.0),
        ({"A": 0.1, "B": 0.1}, math.log(2)),  # of what the marks have among them: one half each
        ({"A": 0.3, "B": 0.0}, 0.0),
        ({"A": 0.0}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_spread_is_the_entropy_of_the_marks_among_themselves(marks: dict[str, float], spread: float) -> None:
    signals = signals_of(POINT, ANSWER, Asked(ODDS, marks, neutral=0.0))
    assert signals is not None
    assert signals["spread"] == pytest.approx(spread)


@pytest.mark.parametrize(
    ("criterion", "overlap"),
    [
        (OMISSION, 0.5),  # of what should be there: costs and price, one of them
        (OMISSION.model_copy(update={"expected": None}), 0.0),  # else of the fault: leaves, price
        (PART, 0.0),  # no wording in the rubric
        (Point(id="p1", text="Is it so?"), 0.0),  # no content words
    ],
)
def test_the_overlap_is_with_what_a_good_answer_would_say(criterion: Criterion, overlap: float) -> None:
    signals = signals_of(criterion, ANSWER, Asked(ODDS, {}, neutral=0.0))
    assert signals is not None
    assert signals["overlap"] == overlap


def test_an_answer_without_words_has_length_0() -> None:
    signals = signals_of(POINT, Answer.of(""), Asked(ODDS, {}, neutral=0.0))
    assert signals is not None
    assert signals["length"] == 0


def test_points_pitfalls_by_their_kind_and_star_parts_are_told_apart() -> None:
    pitfalls = (Pitfall(id="f1", kind=kind, text="Errs") for kind in PitfallKind)
    criteria: tuple[Criterion, ...] = (POINT, *pitfalls, PART)
    assert tuple(map(kind_of, criteria)) == KINDS
