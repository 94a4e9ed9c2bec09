"""Prometheus' configuration and rules, held to promtool, to the metrics that there are, and to the runbooks."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from evals.push import MEASURES, NAMES
from tests.ops import rules
from tests.ops.promql import Series, exposed, labels_of
from tests.ops.rules import PROMETHEUS, RULE_FILES, RUNBOOKS, TEST_FILES, Alert
from tests.prometheus_tools import HOME, program

ALERTS = rules.alerts()
RECORDINGS = rules.recordings()
by_name = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert.name))


def promtool(*arguments: str | Path, given: str | None = None) -> str:
    """What it says; the test fails where it is not content."""
    command = [program("promtool"), *arguments]
    said = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout + said.stderr


def known() -> dict[str, Series]:
    """All that a rule may name: what the service shows, what evals push, what is recorded, and Prometheus' own `up`."""
    names = exposed() | {name: Series(frozenset(labels), rises=False) for name, labels in NAMES.items()}
    names |= {"up": Series(frozenset({"job", "instance"}), rises=False)}
    for rule in RECORDINGS:  # in the order of the files; those of one are known to the next
        names[rule.name] = Series(frozenset(rule.labels), rises=False)
    for rule in RECORDINGS:
        names[rule.name] = Series(labels_of(rule.expr, names) | frozenset(rule.labels), rises=False)
    return names


@pytest.fixture(scope="module")
def exposition() -> str:
    """What a service that has just begun shows at /metrics."""
    command = [sys.executable, "-m", "tests.ops.exposition"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOME).stdout


def test_prometheus_takes_the_configuration_with_every_file_of_rules() -> None:
    assert f"{len(RULE_FILES)} rule files found" in promtool("check", "config", PROMETHEUS / "prometheus.yml")


def test_promtool_has_nothing_to_say_against_the_rules() -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)
    assert said.count("SUCCESS") == len(RULE_FILES)


def test_promtool_has_nothing_to_say_against_the_metrics(exposition: str) -> None:
    assert "grader_requests_total" in exposition
    assert promtool("check", "metrics", given=exposition) == ""


@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: str(file.stem))
def test_the_rules_do_what_their_tests_say(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", file)


@by_name
def test_each_alert_is_seen_to_fire_and_to_be_silent(alert: Alert) -> None:
    cases = rules.cases_of(alert.name)
    assert cases.firing >= 1, f"no test in ops/prometheus/tests has {alert.name} fire"
    assert cases.silent >= 1, f"no test in ops/prometheus/tests has {alert.name} silent"


def test_each_recorded_sum_is_tested_by_its_value_or_by_an_alert() -> None:
    seen = "\n".join((*rules.tested_expressions(), *(alert.expr for alert in ALERTS)))
    feeding = {rule.name: rule.expr for rule in RECORDINGS}
    reached: set[str] = set()
    while found := {name for name in feeding if name in seen} - reached:
        reached |= found
        seen = "\n".join(feeding[name] for name in found)
    assert reached == set(feeding)


@by_name
def test_each_alert_says_who_is_called_why_and_where_to_read_on(alert: Alert) -> None:
    assert alert.labels["severity"] in {"page", "ticket"}
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert alert.annotations["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}docs/runbooks/{alert.name}.md"
    assert alert.is_patient, f"{alert.name} fires at the first bad scrape"


def test_each_alert_has_its_runbook_and_no_runbook_is_left_over() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {alert.name for alert in ALERTS}


@by_name
def test_a_runbook_says_what_to_look_at_and_when_it_is_over(alert: Alert) -> None:
    page = (RUNBOOKS / f"{alert.name}.md").read_text("utf-8")
    assert page.startswith(f"# {alert.name}\n")
    assert f"Severity: {alert.labels['severity']}." in page
    headings = ["What it means", "Who notices", "First look", "Likely causes", "What to do", "When it is over"]
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == headings
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    assert f"| [{alert.name}]({alert.name}.md) | {alert.labels['severity']} |" in index


def _queries() -> Iterator[tuple[str, str]]:
    """Each query there is, and where it stands."""
    yield from ((rule.name, rule.expr) for rule in RECORDINGS)
    yield from ((alert.name, alert.expr) for alert in ALERTS)
    for alert in ALERTS:
        for query in re.findall(r'query "([^"]+)"', alert.annotations["description"]):
            yield f"{alert.name}'s description", query
    for page in sorted(RUNBOOKS.glob("*.md")):
        for query in re.findall(r"```promql\n(.+?)```", page.read_text("utf-8"), re.DOTALL):
            yield page.name, query


@pytest.mark.parametrize("query", [pytest.param(query, id=place) for place, query in _queries()])
def test_a_query_names_metrics_and_labels_that_there_are(query: str) -> None:
    assert labels_of(query, known()) is not None  # else it raises, and says what there is not


def test_a_query_names_values_that_labels_have(exposition: str) -> None:
    values = _label_values(exposition)
    for place, query in _queries():
        for selector in _selectors(promql.parse(query)):
            for matcher in selector.matchers.matchers:
                wanted = _alternatives(matcher)
                there = values.get((selector.name or "", matcher.name), set())
                missing = [value for value in wanted if not any(re.fullmatch(value, each) for each in there)]
                assert not missing, f"{place}: {selector.name} has no {matcher.name} {missing}, only {sorted(there)}"


def _label_values(exposition: str) -> dict[tuple[str, str], set[str]]:
    """By metric and label."""
    values: dict[tuple[str, str], set[str]] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            for label, value in sample.labels.items():
                values.setdefault((sample.name, label), set()).add(value)
    objectives = {rule.labels["slo"] for rule in RECORDINGS if "slo" in rule.labels}
    for rule in RECORDINGS:
        values[rule.name, "slo"] = objectives
    jobs = {job["job_name"] for job in rules.read(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    values["up", "job"] = jobs
    for name in NAMES:
        values[name, "measure"] = set(MEASURES.values())
    return values


def _alternatives(matcher: promql.Matcher) -> list[str]:
    """The patterns that must each have something to match."""
    exact = matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual)
    return [re.escape(matcher.value)] if exact else matcher.value.split("|")


def _selectors(expr: object) -> Iterator[promql.VectorSelector]:
    """All selectors of series within an expression."""
    match expr:
        case promql.VectorSelector():
            yield expr
        case promql.MatrixSelector():
            yield expr.vector_selector
        case promql.BinaryExpr():
            yield from _selectors(expr.lhs)
            yield from _selectors(expr.rhs)
        case promql.Call():
            for argument in expr.args:
                yield from _selectors(argument)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr() | promql.AggregateExpr():
            yield from _selectors(expr.expr)


def test_a_runbook_names_panels_that_there_are() -> None:
    titles: set[str] = set()
    for board in (HOME / "ops" / "grafana" / "dashboards").glob("*.json"):
        titles |= set(re.findall(r'"title": "([^"]+)"', board.read_text("utf-8")))
    for page in sorted(RUNBOOKS.glob("*.md")):
        named = set(re.findall(r'"([A-Z][^"]+\?|Agreement over the runs)"', " ".join(page.read_text("utf-8").split())))
        assert named <= titles, f"{page.name}: no panel {sorted(named - titles)}"
