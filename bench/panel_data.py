"""What Prometheus said to a panel, made ready to be shown: names by legend, buckets apart, rows of tables."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from bench.backfill import Series
from bench.panels import Target

_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NO_NAMES = ("__name__", "job", "instance")


class Answer(NamedTuple):
    """What was said to one target."""

    target: Target
    series: Sequence[Series]

    @property
    def last(self) -> float:
        """The last finite value of any series; NaN without one."""
        told = (float(value) for each in reversed(self.series) for _, value in reversed(each.samples))
        return next((value for value in told if math.isfinite(value)), math.nan)


@dataclass(frozen=True)
class Named:
    """A series under the name that its legend gives it."""

    name: str
    seconds: Sequence[float]
    values: Sequence[float]
    dashed: bool = False
    unit: str | None = None

    @property
    def last(self) -> float:
        """The last finite value; NaN without one."""
        return next((value for value in reversed(self.values) if math.isfinite(value)), math.nan)

    def along(self, moments: Sequence[float]) -> list[float]:
        """Its values at these moments, NaN where it has none."""
        known = dict(zip(self.seconds, self.values, strict=True))
        return [known.get(at, math.nan) for at in moments]


def named(answers: Sequence[Answer]) -> list[Named]:
    """All series of a panel."""
    return [
        Named(
            name=legend_of(answer.target.legend, series.labels),
            seconds=[at for at, _ in series.samples],
            values=[float(value) for _, value in series.samples],
            dashed=answer.target.dashed,
            unit=answer.target.unit,
        )
        for answer in answers
        for series in answer.series
    ]


def legend_of(form: str, labels: Mapping[str, str]) -> str:
    """As Grafana fills in a legend; without a form, the labels themselves."""
    if form:
        return _LEGEND.sub(lambda mention: labels.get(mention[1], ""), form).strip()
    told = ", ".join(text for key, text in sorted(labels.items()) if key not in _NO_NAMES)
    return told or labels.get("__name__", "value")


def bound_of(name: str) -> float:
    """The upper end that a bucket is named by; NaN where it is none."""
    try:
        return float(name)
    except ValueError:
        return math.nan


def bucketed(series: Sequence[Named]) -> list[Named]:
    """Buckets that hold all smaller ones, by their upper ends, short of the smaller ones. Others are left out."""
    buckets = sorted((each for each in series if not math.isnan(bound_of(each.name))), key=lambda b: bound_of(b.name))
    apart = buckets[:1]
    for lower, upper in pairwise(buckets):
        below = [0.0 if math.isnan(value) else value for value in lower.along(upper.seconds)]
        values = [max(0.0, value - less) for value, less in zip(upper.values, below, strict=True)]
        apart.append(Named(upper.name, upper.seconds, values, upper.dashed, upper.unit))
    return apart


def rows_of(answers: Sequence[Answer]) -> tuple[list[str], list[tuple[dict[str, str], dict[str, float]]]]:
    """The labels that tell rows apart, and the rows: their labels, and the latest value of each target by its ref."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for answer in answers:
        for series in answer.series:
            labels = tuple((key, text) for key, text in sorted(series.labels.items()) if key not in _NO_NAMES)
            rows.setdefault(labels, {})[answer.target.ref] = float(series.samples[-1][1])
    keys = list(dict.fromkeys(key for labels in rows for key, _ in labels))
    return keys, [(dict(labels), said) for labels, said in rows.items()]
