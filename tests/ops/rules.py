"""The rules of ops/prometheus and their tests, read as the tests of them need it."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from tests.prometheus_tools import HOME

PROMETHEUS = HOME / "ops" / "prometheus"
RUNBOOKS = HOME / "docs" / "runbooks"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TEST_FILES = sorted((PROMETHEUS / "tests").glob("*.yml"))


class Alert(NamedTuple):
    """An alerting rule."""

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    is_patient: bool
    """Whether it waits before it fires."""


class Recording(NamedTuple):
    """A recording rule."""

    name: str
    expr: str
    labels: Mapping[str, str]


class Cases(NamedTuple):
    """What the tests say of an alert: how often it has to fire, and how often to be silent."""

    firing: int
    silent: int


@cache  # a second each, and every alert's test reads them all
def read(file: Path) -> Any:
    """The YAML of it."""
    return YAML(typ="safe", pure=True).load(file.read_text("utf-8"))


def alerts() -> tuple[Alert, ...]:
    return tuple(
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"], "for" in rule)
        for rule in _rules()
        if "alert" in rule
    )


def recordings() -> tuple[Recording, ...]:
    return tuple(
        Recording(rule["record"], rule["expr"], rule.get("labels", {})) for rule in _rules() if "record" in rule
    )


def cases_of(alert: str) -> Cases:
    cases = [case for test in _tests() for case in test.get("alert_rule_test", ()) if case["alertname"] == alert]
    firing = sum(bool(case["exp_alerts"]) for case in cases)
    return Cases(firing, len(cases) - firing)


def tested_expressions() -> tuple[str, ...]:
    """The PromQL whose values the tests compare."""
    return tuple(case["expr"] for test in _tests() for case in test.get("promql_expr_test", ()))


def _rules() -> Iterator[Mapping[str, Any]]:
    return (rule for file in RULE_FILES for group in read(file)["groups"] for rule in group["rules"])


def _tests() -> Iterator[Mapping[str, Any]]:
    return (test for file in TEST_FILES for test in read(file)["tests"])
