"""The soak knows a wrong reply when it sees one, and asks for the same each time."""

import itertools
import json

import pytest

from bench.soak import Ask, asks, wrong


@pytest.mark.parametrize(
    ("ask", "status", "reply", "fault"),
    [
        (Ask("hit", "/grade", {}), 200, {"cache": "hit", "status": "graded"}, None),
        (Ask("hit", "/grade", {}), 200, {"cache": "miss", "status": "graded"}, "hit: told miss"),
        (Ask("miss", "/grade", {}), 500, {}, "miss: 500 for 200"),
        (Ask("invalid", "/grade", {}, 422), 422, {}, None),
        (Ask("invalid", "/grade", {}, 422), 200, {}, "invalid: 200 for 422"),
        (Ask("abstained", "/grade", {}), 200, {"cache": None, "status": "abstained"}, None),
        (Ask("batch", "/grade/batch", {"items": [1, 2]}), 200, {}, "batch: 1 lines"),
    ],
)
def test_a_reply_is_held_to_what_its_kind_must_get(
    ask: Ask, status: int, reply: dict[str, object], fault: str | None
) -> None:
    assert wrong(ask, status, json.dumps(reply)) == fault


def test_a_stream_must_end_in_a_grade() -> None:
    ask = Ask("stream", "/grade", {})
    assert wrong(ask, 200, "event: verdict\r\ndata: {}\r\n\r\nevent: grade\r\ndata: {}\r\n\r\n") is None
    assert wrong(ask, 200, "event: verdict\ndata: {}\n\n") == "stream: no grade at its end"


def test_the_same_seed_asks_the_same_and_no_two_misses_are_alike() -> None:
    kinds = {"hit": 1, "miss": 3, "invalid": 1}
    first, again = (list(itertools.islice(asks(kinds, seed=5), 200)) for _ in range(2))
    assert first == again
    missed = [ask.body["answer"] for ask in first if ask.kind == "miss"]
    assert len(set(missed)) == len(missed) > 80
