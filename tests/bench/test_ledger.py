"""Costs are added up whatever the form of the reply, and what no reply carries is told apart."""

import json

import pytest

from bench.ledger import Ledger, billed_usd, grades_in
from bench.moody import Bill


def _grade(cost: float | None, saved: float | None = 0.0, status: str = "graded") -> dict[str, object]:
    return {"status": status, "cache": "miss", "judge": {"cost_usd": cost, "cost_saved_usd": saved}}


_FAILED = {"status": "failed", "problem": {"status": 502}}


def test_a_grade_is_found_in_json_in_a_stream_and_in_each_line_of_a_batch() -> None:
    grade = _grade(0.5)
    told = json.dumps(grade)
    events = f": keep-alive\r\n\r\nevent: verdict\r\ndata: {{}}\r\n\r\nevent: grade\r\ndata: {told}\r\n\r\n"
    lines = "\n".join(json.dumps({"index": index, **_grade(index)}) for index in (1, 0)) + "\n"
    assert list(grades_in("application/json", told)) == [(0, grade)]
    assert list(grades_in("text/event-stream; charset=utf-8", events)) == [(0, grade)]
    assert [(place, each["judge"]["cost_usd"]) for place, each in grades_in("application/x-ndjson", lines)] == [
        (1, 1), (0, 0),
    ]  # fmt: skip


def test_a_stream_that_ends_without_a_grade_is_an_error() -> None:
    with pytest.raises(ValueError, match="without a grade at its end"):
        list(grades_in("text/event-stream", "event: verdict\ndata: {}\n\n"))


def test_partial_grades_count_and_unknown_costs_stand_in_no_sum() -> None:
    ledger = Ledger()
    for tag, grade in (("a", _grade(0.25, 0.5)), ("a", _grade(0.5, status="partial")), ("b", _grade(None, None))):
        ledger.take(tag, grade)
    assert (ledger.spent_usd, ledger.saved_usd, ledger.unknown) == (0.75, 0.5, {"b"})
    assert ledger.seen == {"graded": 2, "partial": 1, "miss": 3}


def test_what_no_reply_carries_is_what_was_billed_for_it_short_of_what_was_carried() -> None:
    ledger = Ledger()
    for tag, grade in (("a", _grade(1.0)), ("b", _FAILED), ("c", _grade(None)), ("d", _FAILED), ("d", _grade(0.5))):
        ledger.take(tag, grade)
    # b 2 and c 4, of d 8 - 0.5; a failed nowhere, so what was billed for it is not looked at.
    assert ledger.uncarried_usd({"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0}) == 13.5


def test_bills_are_priced_by_the_table_and_cached_input_is_cheaper() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 600}}
    # gpt-5-mini, dollars a million: 0.25 input, 0.025 cached, 2 output. 400*0.25 + 600*0.025 + 100*2 = 315.
    assert billed_usd([Bill("gpt-5-mini", "a", usage)] * 2) == {"a": pytest.approx(2 * 315e-6)}
