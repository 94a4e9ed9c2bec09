"""Spans from a file, as trees."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.span_tree import spans_in, trees


def span(name: str, began: int, parent: str | None = None, **attributes: Any) -> dict[str, Any]:
    """One that took as many milliseconds as it began seconds after the minute."""
    return {
        "name": name,
        "context": {"span_id": f"id of {name}"},
        "parent_id": parent and f"id of {parent}",
        "start_time": f"2026-11-26T12:00:{began:02}.000000Z",
        "end_time": f"2026-11-26T12:00:{began:02}.{began:03}000Z",
        "attributes": attributes,
        "events": [{"name": "retry"}] if name == "chat" else [],
    }


def test_each_trace_is_a_tree_in_the_order_in_which_its_parts_began() -> None:
    spans = [
        span("chat", 4, "judge", **{"gen_ai.usage.input_tokens": 9, "gen_ai.request.model": "m"}),
        span("judge", 3, "whole"),
        span("gate", 2, "whole", **{"grader.flags": []}),
        span("whole", 1, "a caller's, which is not in the file", **{"grader.cache": "miss"}),
        span("next", 5),
    ]
    assert list(trees(spans)) == [
        "\n".join(
            (
                'whole  1.0 ms  cache="miss"',
                "├─ gate  2.0 ms  flags=[]",
                "└─ judge  3.0 ms",
                "   └─ chat  4.0 ms  usage.input_tokens=9 retry",
            )
        ),
        "next  5.0 ms",
    ]


@pytest.mark.parametrize("line", ["not json", "{}", "[]", '{"context": {}}'])
def test_a_line_that_is_no_span_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "spans"
    path.write_text(json.dumps(span("good", 1)) + "\n" + line + "\n")
    with pytest.raises(ValueError, match="spans:2: is no span"):
        spans_in(path)


def test_a_file_without_spans_gives_none(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    path.touch()
    assert (spans_in(path), list(trees([]))) == ([], [])
