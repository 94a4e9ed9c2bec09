"""The load asks for what it says it asks for, the same each time."""

import itertools
from collections import Counter

import pytest

from bench.observed_load import SHARES, Ask, Asks, course
from service.api.requests import request_of
from service.catalog import Catalog, read_catalog


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_catalog()


def _asked(catalog: Catalog, count: int) -> list[tuple[Ask, ...]]:
    return list(itertools.islice(Asks(catalog, SHARES, 1, "main", "now"), count))


def test_every_kind_comes_and_the_same_seed_asks_the_same(catalog: Catalog) -> None:
    first = _asked(catalog, 600)
    assert first == _asked(catalog, 600)
    assert Counter(moment[0].kind for moment in first).keys() == SHARES.keys()


def test_several_ask_for_the_same_at_one_moment(catalog: Catalog) -> None:
    moments = [moment for moment in _asked(catalog, 600) if moment[0].kind == "same"]
    assert {len(moment) for moment in moments} == {4}
    assert all(len(set(map(str, moment))) == 1 for moment in moments)


def test_all_but_the_invalid_ones_are_sound_requests(catalog: Catalog) -> None:
    for ask in (moment[0] for moment in _asked(catalog, 600)):
        if ask.path == "/grade" and ask.kind != "invalid":
            assert ask.body
            request_of(dict(ask.body))


def test_answers_that_are_to_be_paid_for_bear_a_tag_of_their_own(catalog: Catalog) -> None:
    tags = [moment[0].tags[0] for moment in _asked(catalog, 600) if moment[0].kind in ("miss", "same", "hopeless")]
    assert len(set(tags)) == len(tags) > 100
    for moment in _asked(catalog, 600):
        if moment[0].kind == "miss":
            assert moment[0].body
            assert f"This was case {moment[0].tags[0]}." in moment[0].body["answer"]


def test_a_batch_has_a_tag_for_each_item(catalog: Catalog) -> None:
    batch = next(moment[0] for moment in _asked(catalog, 600) if moment[0].kind == "batch")
    assert batch.body
    assert len(batch.body["items"]) == len(batch.tags) == 6


def test_the_course_ends_well() -> None:
    events = course(0.7)
    assert [event.at for event in events] == sorted(event.at for event in events)
    last = [event.moods for event in events if event.moods][-1]
    assert not any(mood.ill for mood in last.values())
    assert not events[-1].frozen
