"""While a service is up Python looks for garbage seldom, and afterwards as before."""

import gc
from collections.abc import Iterator

import pytest

from service.garbage import seldom_collected


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
    gc.enable()


def test_what_is_loaded_is_looked_through_no_more_and_what_follows_seldom() -> None:
    gc.set_threshold(700, 10, 10)
    with seldom_collected():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > 10 * 700
    assert gc.get_threshold() == (700, 10, 10)
    assert gc.get_freeze_count() == 0


def test_all_is_as_before_after_a_failure_too() -> None:
    gc.set_threshold(500, 5, 5)
    with pytest.raises(KeyError), seldom_collected():
        raise KeyError
    assert gc.get_threshold() == (500, 5, 5)


def test_a_start_that_had_switched_collecting_off_has_it_on_again() -> None:
    gc.disable()
    with seldom_collected():
        assert gc.isenabled()
    assert gc.isenabled()
