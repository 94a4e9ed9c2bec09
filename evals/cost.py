"""What a run took: money, tokens, calls and time."""

from collections.abc import Iterable, Sequence

import numpy as np

from evals.records import Record
from service.core.frozen import Frozen


class Cost(Frozen):
    """Totals over `readings` readings, those of failed ones included. `usd` is None if one price is unknown.

    `calls` brought a reply, `failed_calls` none: a partial grade may be for their sake.
    `seconds` is the sum of the readings' wall times, however many ran at once.
    `seconds_median` and `seconds_p95` are of the wall time of a reading, abstained ones left out; None without any.
    """

    readings: int
    usd: float | None
    usd_per_reading: float | None
    calls: int
    failed_calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    seconds: float
    seconds_median: float | None
    seconds_p95: float | None


def cost_of(records: Sequence[Record]) -> Cost:
    """By the replies where they were recorded, else by what the grade reports."""
    usd = total([usd_of(record) for record in records])
    seconds = [record.seconds for record in records if record.status != "abstained"]
    return Cost(
        readings=len(records),
        usd=usd,
        usd_per_reading=usd / len(records) if records and usd is not None else None,
        calls=sum(_used(record, "calls") for record in records),
        failed_calls=sum(len(record.failed_calls) for record in records),
        input_tokens=sum(_used(record, "input_tokens") for record in records),
        cached_tokens=sum(_used(record, "cached_tokens") for record in records),
        output_tokens=sum(_used(record, "output_tokens") for record in records),
        seconds=sum(record.seconds for record in records),
        seconds_median=float(np.median(seconds)) if seconds else None,
        seconds_p95=float(np.quantile(seconds, 0.95)) if seconds else None,
    )


def usd_of(record: Record) -> float | None:
    """What one reading cost; None if a price is unknown."""
    if record.replies:
        return total(reply.cost_usd for reply in record.replies)
    return record.grade.judge.cost_usd if record.grade else 0.0


def total(costs: Iterable[float | None]) -> float | None:
    """None if one of them is unknown."""
    known = list(costs)
    return None if None in known else round(sum(cost for cost in known if cost is not None), 8)


def _used(record: Record, what: str) -> int:
    if record.replies:
        return sum(getattr(reply, what) for reply in record.replies)
    if record.grade is None:
        return 0
    return int(getattr(record.grade.judge, "cached_input_tokens" if what == "cached_tokens" else what))
