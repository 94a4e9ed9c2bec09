"""The committed dashboards are what the code builds, ask only for what there is, and can be read by a newcomer."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from evals.push import NAMES
from ops.dashboards import DASHBOARDS, text_of
from ops.dashboards.__main__ import FOLDER
from ops.dashboards.reading import filled, marks, offers, panels, queries
from tests.ops.promql import Series, WrongQuery, exposed, labels_of

KNOWN = exposed() | {name: Series(frozenset(labels), rises=False) for name, labels in NAMES.items()}
WIDTH = 24
COMMITTED: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
every_dashboard = pytest.mark.parametrize("dashboard", COMMITTED.values(), ids=COMMITTED.keys())


def faults(dashboard: dict[str, Any]) -> list[str]:
    """What its queries, variables, marks and legends get wrong."""
    found = []
    asked = [(query.panel, query.expr, query.legend) for query in queries(dashboard)]
    asked += [("a mark", expr, "") for expr in marks(dashboard)]
    asked += [
        (offered.name, f"count by ({offered.label}) ({offered.selector})", f"{{{{{offered.label}}}}}")
        for offered in offers(dashboard)
    ]
    chosen = {f"${offered.name}" for offered in offers(dashboard)} | {"$__rate_interval", "$__range"}
    for where, expr, legend in asked:
        found += [f"{where}: no variable {name}" for name in re.findall(r"\$\w+", expr) if name not in chosen]
        try:
            labels = labels_of(filled(expr), KNOWN if where not in OFFERED else COUNTABLE)
        except WrongQuery as error:
            found.append(f"{where}: {error}")
            continue
        named = re.findall(r"\{\{(\w+)\}\}", legend)
        found += [f"{where}: no label {name!r} for {legend!r}" for name in named if name not in labels and name != "le"]
    return found


OFFERED = {offered.name for dashboard in COMMITTED.values() for offered in offers(dashboard)}
COUNTABLE = {name: series._replace(rises=False) for name, series in KNOWN.items()}


def test_the_committed_files_are_what_the_code_builds() -> None:
    built = {name: text_of(build()) for name, build in DASHBOARDS.items()}
    committed = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert built == committed, "run `python -m ops.dashboards`"


def test_building_twice_gives_the_same() -> None:
    assert all(text_of(build()) == text_of(build()) for build in DASHBOARDS.values())


@every_dashboard
def test_queries_ask_only_for_what_there_is(dashboard: dict[str, Any]) -> None:
    assert faults(dashboard) == []


def expr(dashboard: dict[str, Any], to: str) -> None:
    next(iter(panels(dashboard)))["targets"][0]["expr"] = to


def legend(dashboard: dict[str, Any], to: str) -> None:
    next(iter(panels(dashboard)))["targets"][0]["legendFormat"] = to


def variable(dashboard: dict[str, Any], to: str) -> None:
    dashboard["templating"]["list"][0]["query"] = to


def mark(dashboard: dict[str, Any], to: str) -> None:
    dashboard["annotations"]["list"][0]["expr"] = to


@pytest.mark.parametrize(
    ("change", "to", "fault"),
    [
        (expr, "sum(rate(grader_tokenz_total[5m]))", "no metric 'grader_tokenz_total'"),
        (expr, "sum(grader_judge_seconds)", "no metric 'grader_judge_seconds'"),
        (expr, 'sum(rate(grader_tokens_total{question="2.2"}[5m]))', "matchers of grader_tokens_total"),
        (expr, "sum by (route) (rate(grader_tokens_total[5m]))", "no ['route']"),
        (expr, "sum(rate(grader_breaker_state[5m]))", "is a gauge: it has no rate"),
        (expr, 'sum(rate(grader_tokens_total{model=~"$modell"}[5m]))', "no variable $modell"),
        (legend, "{{flavour}}", "no label 'flavour'"),
        (variable, "label_values(grader_tokens_total, colour)", "no ['colour']"),
        (variable, "label_values(grader_tokens, model)", "no metric 'grader_tokens'"),
        (mark, "changes(grader_built_info[5m])", "no metric 'grader_built_info'"),
    ],
)
def test_a_broken_dashboard_is_found_out(change: Callable[[dict[str, Any], str], None], to: str, fault: str) -> None:
    broken = copy.deepcopy(COMMITTED["latency"])
    change(broken, to)
    found = faults(broken)
    assert found
    assert fault in " ".join(found)


@every_dashboard
def test_each_panel_says_its_question_what_to_make_of_the_answer_and_its_unit(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        assert panel["title"].endswith("?"), panel["title"]
        assert len(panel["description"].split()) >= 12, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


@every_dashboard
def test_no_two_panels_ask_the_same(dashboard: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(set(titles)) == len(titles)
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))


@every_dashboard
def test_panels_neither_overlap_nor_leave_the_grid(dashboard: dict[str, Any]) -> None:
    assert overlaps(dashboard) == []


def overlaps(dashboard: dict[str, Any]) -> list[str]:
    taken: dict[tuple[int, int], str] = {}
    found = []
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        found += [f"{panel['title']} leaves the grid"] if at["x"] + at["w"] > WIDTH else []
        found += sorted({f"{panel['title']} lies on {taken[cell]}" for cell in cells if cell in taken})
        taken |= dict.fromkeys(cells, panel["title"])
    return found


def test_an_overlap_is_found_out() -> None:
    broken = copy.deepcopy(COMMITTED["cost"])
    broken["panels"][2]["gridPos"]["x"] -= 1
    broken["panels"][-1]["gridPos"]["w"] += 1
    assert len(overlaps(broken)) == 2


@every_dashboard
def test_a_row_of_single_figures_comes_first(dashboard: dict[str, Any]) -> None:
    kinds = [panel["type"] for panel in dashboard["panels"]]
    assert kinds[:7] == ["row", *["stat"] * 6]
    assert kinds[7] == "row"


@every_dashboard
def test_each_query_and_variable_asks_the_source_that_is_provisioned(dashboard: dict[str, Any]) -> None:
    source = {"type": "prometheus", "uid": "prometheus"}
    asking = [*dashboard["templating"]["list"], *dashboard["annotations"]["list"], *panels(dashboard)]
    asking += [target for panel in panels(dashboard) for target in panel["targets"]]
    assert all(part["datasource"] == source for part in asking)


def test_the_dashboards_can_be_told_apart() -> None:
    uids = {dashboard["uid"] for dashboard in COMMITTED.values()}
    assert uids == {"grader-latency", "grader-cost", "grader-grading", "grader-evals"}


def test_queries_are_filled_as_grafana_sends_them() -> None:
    query = 'rate(x{model=~"$model", kind="a"}[$__rate_interval]) + increase(y{set=~"$set"}[$__range])'
    assert filled(query, {"model": "gpt"}, rate_interval="2m", seconds=600) == (
        'rate(x{model=~"gpt", kind="a"}[2m]) + increase(y{set=~".*"}[600s])'
    )
