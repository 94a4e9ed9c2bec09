"""Every query of every panel put to Prometheus, and whether there is anything behind it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.backfill import Series
from bench.panel_data import Answer
from bench.panels import Dashboard, Panel, Target
from bench.variables import Times, substituted, values_for

_SELECTOR = re.compile(r"(?<![\w:])grader[\w:]*(?:\{[^}]*\})?")


class Source(Protocol):
    """A Prometheus."""

    def instant(self, expr: str, at: float) -> Sequence[Series]: ...
    def over(self, expr: str, start: float, end: float, step: float) -> Sequence[Series]: ...
    def label_values(self, selector: str, label: str) -> Sequence[str]: ...


@dataclass(frozen=True)
class Asked:
    """One target of a panel, and what was said to it. `without`: selectors in it that no series answers.

    Those count beside the answer itself, for `… or vector(0)` hides them.
    """

    dashboard: str
    panel: Panel
    answer: Answer
    without: tuple[str, ...] = ()

    @property
    def fault(self) -> str | None:
        """Why the panel would show nothing; None where it shows something."""
        if not self.answer.series:
            return "no series"
        if math.isnan(self.answer.last):
            return "no finite number"
        return f"nothing behind {', '.join(self.without)}" if self.without else None

    @property
    def name(self) -> str:
        return f"{self.dashboard}: {self.panel.title} ({self.answer.target.ref})"


def refuse_unknown(dashboards: Sequence[Dashboard]) -> None:
    """Raises BadDashboard where a query names a variable that its dashboard has not got: before anything is started."""
    for dashboard in dashboards:
        names = {**Times(0, 1, 1, 1).values, **{variable.name: "" for variable in dashboard.variables}}
        for panel in dashboard.panels:
            for target in panel.targets:
                substituted(target.expr, names, f"{dashboard.name}: panel {panel.title!r}")


def ask_all(source: Source, dashboards: Sequence[Dashboard], times: Times) -> list[Asked]:
    """In the order of the dashboards. Raises BadDashboard for what Prometheus or we do not understand."""
    asked: list[Asked] = []
    for dashboard in dashboards:
        values = values_for(dashboard, source.label_values)
        for annotation in dashboard.annotations:  # may mark nothing, but has to be understood
            source.instant(substituted(annotation, {**values, **times.values}, dashboard.name), times.end)
        asked += _asked(source, dashboard, values, times)
    return asked


def _asked(source: Source, dashboard: Dashboard, values: Mapping[str, str], times: Times) -> Iterator[Asked]:
    for panel in dashboard.panels:
        own = times.of(panel)
        for target in panel.targets:
            where = f"{dashboard.name}: panel {panel.title!r}"
            expr = substituted(target.expr, {**values, **own.values}, where)
            answer = Answer(target, _series(source, target, expr, own))
            without = tuple(each for each in selectors_of(expr) if not _is_there(source, each, times))
            yield Asked(dashboard.name, panel, answer, without)


def _series(source: Source, target: Target, expr: str, times: Times) -> Sequence[Series]:
    if target.instant:
        return source.instant(expr, times.end)
    return source.over(expr, times.start, times.end, times.step)


def selectors_of(expr: str) -> tuple[str, ...]:
    """What an expression takes of our metrics, each once."""
    return tuple(dict.fromkeys(_SELECTOR.findall(expr)))


def _is_there(source: Source, selector: str, times: Times) -> bool:
    return bool(source.instant(f"last_over_time({selector}[{times.values['__range']}])", times.end))
