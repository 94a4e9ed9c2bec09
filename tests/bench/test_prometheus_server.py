"""Our configuration is taken as it is, but for where things are and how often they are looked at."""

import time
from pathlib import Path
from textwrap import dedent

import pytest
from ruamel.yaml import YAML

from bench.backfill import WEEK_SECONDS, Series, openmetrics
from bench.panels import BadDashboard
from bench.prometheus_server import PrometheusServer, adapted


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    folder = tmp_path / "ours"
    (folder / "rules").mkdir(parents=True)
    rules = "groups: [{name: g, interval: 5m, rules: [{record: 'a:b', expr: 'vector(2)'}]}]"
    (folder / "rules" / "one.yml").write_text(rules, "utf-8")
    (folder / "prometheus.yml").write_text(
        dedent(
            """
            global: {scrape_interval: 15s}
            rule_files: [rules/*.yml]
            alerting: {alertmanagers: []}
            scrape_configs:
              - {job_name: grader, static_configs: [{targets: ["grader:8000"]}]}
              - {job_name: evals, honor_labels: true, scrape_interval: 1m, static_configs: [{targets: ["p:9091"]}]}
              - {job_name: prometheus, static_configs: [{targets: ["localhost:9090"]}]}
            """
        ),
        "utf-8",
    )
    return folder / "prometheus.yml"


def test_targets_and_times_are_put_in_and_all_else_stays(ours: Path, tmp_path: Path) -> None:
    jobs = {"grader": ["http://127.0.0.1:1", "127.0.0.1:2"], "evals": ["127.0.0.1:3"]}
    made = YAML(typ="safe").load(adapted(ours, tmp_path / "run", jobs, "1s").read_text("utf-8"))
    assert made["global"] == {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    assert made["scrape_configs"] == [
        {"job_name": "grader", "static_configs": [{"targets": ["127.0.0.1:1", "127.0.0.1:2"]}]},
        {"job_name": "evals", "honor_labels": True, "static_configs": [{"targets": ["127.0.0.1:3"]}]},
    ]
    assert "alerting" not in made
    rules = YAML(typ="safe").load(Path(made["rule_files"][0]).read_text("utf-8"))
    assert rules["groups"] == [{"name": "g", "rules": [{"record": "a:b", "expr": "vector(2)"}]}]


def test_a_job_that_our_configuration_lacks_is_an_error(ours: Path, tmp_path: Path) -> None:
    with pytest.raises(BadDashboard, match="has no scrape job graders"):
        adapted(ours, tmp_path / "run", {"graders": []}, "1s")


def test_what_was_backfilled_is_found_a_week_ago_after_a_start(ours: Path, tmp_path: Path) -> None:
    configuration = adapted(ours, tmp_path / "run", {"grader": []}, "1s")
    server, now = PrometheusServer(configuration, tmp_path / "data", tmp_path / "log"), time.time()
    series = [Series({"__name__": "grader_x_total", "model": "m"}, [(now - 2, "1"), (now, "3")])]
    server.backfill(openmetrics(series, WEEK_SECONDS))
    with server:
        found = server.instant("grader_x_total offset 7d", now + 1)
        assert [(each.labels["model"], each.samples[0][1]) for each in found] == [("m", "3")]
        assert server.label_values("grader_x_total", "model") == ["m"]
        assert server.instant("grader_x_total", now) == []
        with pytest.raises(BadDashboard, match="prometheus refuses 'rate"):
            server.instant("rate(grader_x_total)", now)


def test_a_prometheus_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("scrape_configs: nonsense", "utf-8")
    with pytest.raises(RuntimeError, match=r"did not start:\n.*nonsense"):
        PrometheusServer(broken, tmp_path / "data", tmp_path / "log").start()
