"""Samples of Prometheus' API as OpenMetrics text, moved back in time: what `promtool` makes blocks of the past from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

WEEK_SECONDS = 7 * 86_400


class Series(NamedTuple):
    """Labels, `__name__` among them, and samples: seconds since 1970, and the value as Prometheus writes it."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, str]]


def openmetrics(series: Iterable[Series], back_seconds: float) -> str:
    """All samples, so many seconds earlier than they were taken."""
    return "".join(line for each in series for line in _lines(each, back_seconds)) + "# EOF\n"


def _lines(series: Series, back_seconds: float) -> Iterator[str]:
    name = series.labels["__name__"]
    labels = ",".join(f'{key}="{_escaped(text)}"' for key, text in series.labels.items() if key != "__name__")
    head = f"{name}{{{labels}}}" if labels else name
    for seconds, value in series.samples:
        yield f"{head} {value} {seconds - back_seconds:.3f}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
