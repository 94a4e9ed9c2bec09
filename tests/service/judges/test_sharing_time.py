"""Judges who are asked in turn share the time there is."""

import pytest

from service.judges import Case
from tests.builders import answer_of


class Clock:
    """Seconds left of 30, when the test says so."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return 30.0 - self.passed


def test_each_has_an_even_share_of_what_is_left_and_the_last_all_of_it() -> None:
    left = Clock()
    case = Case("q", answer_of(), "mark", left)
    # 30 s among 3; it ends 0.05 s early, for a model to say itself that it is late.
    first = case.share(3)
    assert first.seconds_left() == pytest.approx(9.95)
    left.passed = 4.0
    assert first.seconds_left() == pytest.approx(5.95)
    # 26 s among 2: what the first did not use is everybody's.
    assert case.share(2).seconds_left() == pytest.approx(12.95)
    left.passed = 20.0
    assert case.share(1).seconds_left() == pytest.approx(9.95)


def test_what_a_share_used_is_counted_with_the_whole() -> None:
    case = Case("q", answer_of(), "mark", Clock())
    assert case.share(2).completions is case.completions


def test_after_the_deadline_nothing_is_left() -> None:
    left = Clock()
    left.passed = 31.0
    assert Case("q", answer_of(), "mark", left).share(2).seconds_left() < 0
