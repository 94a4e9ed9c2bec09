"""What stands for the variables in a dashboard's queries: Grafana's own times, and values found in Prometheus."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.panels import BadDashboard, Dashboard, Panel, Variable

LabelValues = Callable[[str, str], Sequence[str]]
"""The values of a label among the series that a selector takes; an empty selector takes all."""

_MENTION = re.compile(r"\$(?P<plain>\w+)|\$\{(?P<braced>\w+)(?::(?P<form>\w+))?\}|\[\[(?P<old>\w+)\]\]")
_LABEL_VALUES = re.compile(r"\s*label_values\(\s*(?:(?P<selector>.+?)\s*,\s*)?(?P<label>\w+)\s*\)\s*", re.DOTALL)
_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}']")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


@dataclass(frozen=True)
class Times:
    """What a panel is asked over, in seconds; `rates`: what a rate spans at least."""

    start: float
    end: float
    step: float
    rates: float

    @property
    def values(self) -> Mapping[str, str]:
        """Of Grafana's own variables."""
        lasts, step = round(self.end - self.start), max(1, round(self.step))
        return {
            "__range": f"{lasts}s", "__range_s": str(lasts), "__range_ms": str(1000 * lasts),
            "__interval": f"{step}s", "__interval_ms": str(1000 * step),
            "__rate_interval": f"{max(round(self.rates), step)}s",
        }  # fmt: skip

    def of(self, panel: Panel) -> "Times":
        """A panel's own, where it has some. The ends lie on whole steps, as Grafana lays them."""
        start = self.end - seconds_of(panel.time_from, panel.title) if panel.time_from else self.start
        step = max(self.step, seconds_of(panel.interval, panel.title)) if panel.interval else self.step
        return Times(start // step * step, self.end // step * step, step, self.rates)


def seconds_of(text: str, where: str) -> float:
    """Of a duration such as 30d. Raises BadDashboard."""
    found = re.fullmatch(r">?(\d+)([smhdw])", text)
    if not found:
        raise BadDashboard(f"{where}: {text!r} is no duration such as 30d")
    return int(found[1]) * _SECONDS[found[2]]


def substituted(text: str, values: Mapping[str, str], where: str) -> str:
    """The text with its variables' values. Raises BadDashboard for a variable that there is none of."""

    def value_of(mention: re.Match[str]) -> str:
        name = mention["plain"] or mention["braced"] or mention["old"]
        if name not in values:
            raise BadDashboard(f"{where}: unknown variable ${name} in {text!r}")
        if mention["form"] not in (None, "regex"):
            raise BadDashboard(f"{where}: ${name} is wanted as {mention['form']!r}, and only 'regex' is understood")
        return values[name]

    return _MENTION.sub(value_of, text)


def values_for(dashboard: Dashboard, label_values: LabelValues) -> dict[str, str]:
    """What stands for each variable: all of its values where it takes them all, else the first.

    Raises BadDashboard where a variable has no value, or is of a kind that is not understood.
    """
    values: dict[str, str] = {}
    for variable in dashboard.variables:
        where = f"{dashboard.name}: variable ${variable.name}"
        known = _known_values(variable, values, where, label_values)
        if not known:
            raise BadDashboard(f"{where} has no value")
        if variable.takes_all:
            values[variable.name] = variable.all_value or f"({'|'.join(map(_quoted, known))})"
        else:
            values[variable.name] = _quoted(known[0]) if variable.kind == "query" else known[0]
    return values


def _known_values(
    variable: Variable, values: Mapping[str, str], where: str, label_values: LabelValues
) -> Sequence[str]:
    match variable.kind:
        case "datasource":
            return [variable.query or "prometheus"]
        case "custom" | "interval" | "constant" | "textbox":
            return variable.given
        case "query":
            asked = _LABEL_VALUES.fullmatch(variable.query)
            if not asked:
                raise BadDashboard(f"{where}: of queries only label_values(…) is understood, not {variable.query!r}")
            return label_values(substituted(asked["selector"] or "", values, where), asked["label"])
    raise BadDashboard(f"{where} is of a kind that is not understood: {variable.kind!r}")


def _quoted(value: str) -> str:
    """For a regular expression inside a PromQL string, as Grafana's Prometheus data source does it."""
    return _SPECIAL.sub(lambda special: rf"\\{special[0]}" if special[0] != "\\" else r"\\\\", value)
