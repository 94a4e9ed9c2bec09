"""What replies say was spent and saved, added up whatever their form: JSON, server-sent events, lines of a batch."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.moody import Bill
from service.models.loading import load


@dataclass
class Ledger:
    """`carried`: what replies say was spent, by the tag of the answer.

    `failed`: tags of answers of which one got no grade; `unknown`: of those whose reply says that its cost is unknown.
    """

    carried: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    saved_usd: float = 0.0
    failed: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def spent_usd(self) -> float:
        return sum(self.carried.values())

    def take(self, tag: str, grade: Mapping[str, Any]) -> None:
        """One grade, or a problem in its place."""
        judge = grade.get("judge")
        if not judge:
            self.failed.add(tag)
            self.seen["failed"] += 1
            return
        self.seen[grade["status"]] += 1
        self.seen[str(grade["cache"])] += grade["cache"] is not None
        if judge["cost_usd"] is None:
            self.unknown.add(tag)
        self.carried[tag] += judge["cost_usd"] or 0.0
        self.saved_usd += judge["cost_saved_usd"] or 0.0

    def uncarried_usd(self, billed: Mapping[str, float]) -> float:
        """What was billed for answers that failed or whose cost no reply knows, short of what replies did carry."""
        return sum(billed.get(tag, 0.0) - self.carried.get(tag, 0.0) for tag in self.failed | self.unknown)


def grades_in(content_type: str, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each grade, or problem, of a reply, with its place in the request; 0 where there is one alone."""
    kind = content_type.partition(";")[0].strip()
    if kind == "application/x-ndjson":
        for line in text.splitlines():
            grade = json.loads(line)
            yield grade["index"], grade
    elif kind == "text/event-stream":
        yield 0, _last_event(text)
    else:
        yield 0, json.loads(text)


def _last_event(text: str) -> Mapping[str, Any]:
    """The `grade` event's data. Raises ValueError where the stream ended without it."""
    for event in reversed(text.replace("\r\n", "\n").split("\n\n")):
        lines = event.splitlines()
        if "event: grade" in lines:
            grade: Mapping[str, Any] = json.loads("\n".join(_data(lines)))
            return grade
    raise ValueError("a stream without a grade at its end")


def _data(lines: list[str]) -> Iterator[str]:
    return (line.removeprefix("data:").strip() for line in lines if line.startswith("data:"))


def billed_usd(bills: Iterable[Bill]) -> dict[str, float]:
    """What the upstream's calls cost, by the tag of the answer and litellm's table of prices."""
    litellm, billed = load(), defaultdict[str, float](float)
    for bill in bills:
        cached = bill.usage["prompt_tokens_details"]["cached_tokens"]
        billed[bill.tag] += sum(
            litellm.cost_per_token(
                model=bill.model,
                custom_llm_provider="openai",
                prompt_tokens=bill.usage["prompt_tokens"],
                completion_tokens=bill.usage["completion_tokens"],
                cache_read_input_tokens=cached,
            )
        )
    return billed
