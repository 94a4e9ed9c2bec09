"""Spans from a file (GRADER_TRACES=file:PATH) as trees, for reading: `python -m bench.span_tree PATH`."""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

Span = Mapping[str, Any]
"""As OpenTelemetry's SDK writes it."""

_UNSAID = ("http.request.method", "http.route", "gen_ai.operation.name", "gen_ai.request.model", "grader.request_id")


def spans_in(path: Path) -> list[Span]:
    """Every span of a file, in the order in which they ended. Raises ValueError naming a line that is no span."""
    spans = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            span = json.loads(line)
            span["context"]["span_id"], span["name"], span["start_time"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path}:{number}: is no span; GRADER_TRACES=file:PATH writes one a line") from None
        spans.append(span)
    return spans


def trees(spans: Iterable[Span]) -> Iterator[str]:
    """One text for each trace: a line a span, below and further in than the one that it is a part of."""
    by_id = {span["context"]["span_id"]: span for span in spans}
    parts: dict[str | None, list[Span]] = defaultdict(list)
    for span in by_id.values():
        parent = span["parent_id"]
        parts[parent if parent in by_id else None].append(span)  # a caller's own span is not in our file
    for whole in sorted(parts[None], key=_began):
        yield "\n".join(_lines(whole, parts))


def _lines(span: Span, parts: Mapping[str | None, list[Span]]) -> Iterator[str]:
    yield f"{span['name']}  {_milliseconds(span):.1f} ms  {_said(span)}".rstrip()
    within = sorted(parts.get(span["context"]["span_id"], ()), key=_began)
    for number, part in enumerate(within):
        last = number == len(within) - 1
        first, *rest = _lines(part, parts)
        yield f"{'└─ ' if last else '├─ '}{first}"
        for line in rest:
            yield f"{'   ' if last else '│  '}{line}"


def _said(span: Span) -> str:
    attributes = span["attributes"] or {}
    said = [
        f"{name.removeprefix('grader.').removeprefix('gen_ai.')}={json.dumps(value)}"
        for name, value in attributes.items()
        if name not in _UNSAID
    ]
    return " ".join((*said, *(event["name"] for event in span.get("events", ()))))


def _milliseconds(span: Span) -> float:
    return (_time(span["end_time"]) - _time(span["start_time"])).total_seconds() * 1000


def _began(span: Span) -> datetime:
    return _time(span["start_time"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="what GRADER_TRACES=file:PATH has written")
    try:
        found = spans_in(parser.parse_args().path)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    print("\n\n".join(trees(found)) or "no spans there; they are written a few seconds after they end")


if __name__ == "__main__":
    main()
