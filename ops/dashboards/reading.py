"""What a dashboard's JSON asks of Prometheus: for tests, and for pictures drawn from those very queries."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Dashboard = Mapping[str, Any]
"""As committed."""

_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")


class Asked(NamedTuple):
    """One query of a panel; `instant`: of one moment, not of a range of them."""

    panel: str
    reference: str
    expr: str
    legend: str
    unit: str
    instant: bool


class Offered(NamedTuple):
    """What a variable offers to choose from: a label's values on the series selected."""

    name: str
    selector: str
    label: str


def panels(dashboard: Dashboard) -> Iterator[Mapping[str, Any]]:
    """All but the rows' headings."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def queries(dashboard: Dashboard) -> Iterator[Asked]:
    """All that its panels ask, variables still in them."""
    for panel in panels(dashboard):
        unit = panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            legend, instant = target.get("legendFormat", ""), target.get("instant", False)
            yield Asked(panel["title"], target["refId"], target["expr"], legend, unit, instant)


def marks(dashboard: Dashboard) -> Iterator[str]:
    """The queries of its annotations."""
    return (annotation["expr"] for annotation in dashboard["annotations"]["list"] if "expr" in annotation)


def offers(dashboard: Dashboard) -> Iterator[Offered]:
    """What its variables ask. Raises ValueError for one that is no `label_values(selector, label)`."""
    for variable in dashboard["templating"]["list"]:
        asked = _LABEL_VALUES.fullmatch(variable["query"])
        if not asked:
            raise ValueError(f"{variable['query']!r} of the variable {variable['name']!r}, wanted label_values(…, …)")
        yield Offered(variable["name"], asked["selector"], asked["label"])


def filled(expr: str, chosen: Mapping[str, str] = {}, *, rate_interval: str = "1m", seconds: int = 3600) -> str:
    """The query as Grafana sends it: over so many seconds, with the values chosen, or else all."""
    known = {"__rate_interval": rate_interval, "__range": f"{seconds}s", **chosen}
    return re.sub(r"\$(\w+)", lambda name: known.get(name[1], ".*"), expr)
