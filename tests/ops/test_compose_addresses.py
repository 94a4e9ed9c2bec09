"""Whoever is told to call another finds it: by name, on a port that it opens, in a network that they share."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.models.weights import DEFAULT
from tests.ops.composed import (
    ROOT,
    Service,
    argument,
    bytes_of,
    composed,
    in_repository,
    lines_of_example,
    mounts,
    open_ports,
    read_yaml,
    services,
    variables_of,
)


def assert_reached(caller: str, address: str) -> None:
    """An address is host:port or a URL with both."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    host = caller if parts.hostname in {"localhost", "127.0.0.1"} else parts.hostname
    assert host in services(), f"{caller} calls {address!r}, and there is no such service"
    assert parts.port in open_ports(services()[host]), f"{caller} calls {address!r}, a port that {host} does not open"
    assert set(services()[caller]["networks"]) & set(services()[host]["networks"]), f"{caller} cannot reach {host}"


def _addresses(service: Service) -> Iterator[str]:
    for value in variables_of(service).values():
        yield from re.findall(r"\b(?:https?|redis)://[^\s,]+", value or "")
    yield from (part for part in service.get("healthcheck", {}).get("test", ()) if part.startswith("http"))


@pytest.mark.parametrize("name", sorted(services()))
def test_every_address_in_the_compose_file(name: str) -> None:
    for address in _addresses(services()[name]):
        assert_reached(name, address)


def test_the_addresses_that_the_grader_has_by_default() -> None:
    assert set(_addresses(services()["grader"])) == {"redis://redis:6379/0", "http://collector:4318"}


def test_the_model_server_is_where_the_example_says() -> None:
    assert lines_of_example()["GRADER_API_BASE"] == ["http://model:8080/v1"]
    assert_reached("grader", "http://model:8080/v1")


def test_nobody_but_the_grader_reaches_the_store() -> None:
    assert [name for name, each in services().items() if "store" in each["networks"]] == ["grader", "redis"]
    assert set(services()["redis"]["networks"]) == {"store"}
    assert composed()["networks"]["store"]["internal"] is True
    assert services()["redis"].get("ports", []) == []


def test_prometheus_reads_our_file_and_scrapes_what_is_there() -> None:
    prometheus = services()["prometheus"]
    config = in_repository(prometheus, argument(prometheus, "config.file"))
    assert config == ROOT / "ops/prometheus/prometheus.yml"
    scraped = {
        job["job_name"]: [target for group in job["static_configs"] for target in group["targets"]]
        for job in read_yaml(config)["scrape_configs"]
    }
    assert scraped["grader"] == ["grader:8000"]
    assert scraped["evals"] == ["pushgateway:9091"]
    for target in (target for targets in scraped.values() for target in targets):
        assert_reached("prometheus", target)


def test_prometheus_finds_the_rules() -> None:
    prometheus = services()["prometheus"]
    config = in_repository(prometheus, argument(prometheus, "config.file"))
    patterns = read_yaml(config)["rule_files"]
    assert patterns
    for pattern in patterns:
        inside = Path(argument(prometheus, "config.file")).parent / pattern
        assert list(in_repository(prometheus, str(inside.parent)).glob(inside.name)), f"{pattern} names no file"


def test_prometheus_keeps_what_rules_look_back_on() -> None:
    days = re.fullmatch(r"(\d+)d", argument(services()["prometheus"], "storage.tsdb.retention.time"))
    assert days
    assert int(days[1]) >= 35, "the error budget is one of 30 days, and rules look back a week"
    kept = {mount["target"] for mount in mounts(services()["prometheus"], "volume")}
    assert argument(services()["prometheus"], "storage.tsdb.path") in kept


def test_grafana_asks_our_prometheus() -> None:
    folder = in_repository(services()["grafana"], "/etc/grafana/provisioning/datasources")
    sources = [source for file in folder.glob("*.y*ml") for source in read_yaml(file)["datasources"]]
    assert [source["type"] for source in sources] == ["prometheus"]
    assert sources[0]["access"] == "proxy"
    assert_reached("grafana", sources[0]["url"])
    assert urlsplit(sources[0]["url"]).hostname == "prometheus"


def test_grafana_shows_our_dashboards_and_opens_with_one() -> None:
    grafana = services()["grafana"]
    folder = in_repository(grafana, "/etc/grafana/provisioning/dashboards")
    providers = [provider for file in folder.glob("*.y*ml") for provider in read_yaml(file)["providers"]]
    assert providers
    for provider in providers:
        shown = in_repository(grafana, provider["options"]["path"])
        assert shown == ROOT / "ops/grafana/dashboards"
        assert list(shown.glob("*.json"))
    home = variables_of(grafana)["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home
    assert in_repository(grafana, home).is_file(), f"no dashboard {home}"


def test_grafana_keeps_to_itself_and_lets_nobody_change_things() -> None:
    given = variables_of(services()["grafana"])
    assert given["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert given["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true", "or there is an admin named admin"
    # On a read-only file system it would take its own plugins away, and not be able to write the newer ones.
    assert given["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    assert given["GF_ANALYTICS_REPORTING_ENABLED"] == given["GF_ANALYTICS_CHECK_FOR_UPDATES"] == "false"


def test_the_model_server_takes_by_default_the_weights_that_the_grader_fetches() -> None:
    model = services()["model"]
    path = Path(model["command"][model["command"].index("--model") + 1])
    assert path.name == DEFAULT.file_name
    (held,) = mounts(model, "volume")
    assert (held["source"], held["target"], held["read_only"]) == ("weights", str(path.parent), True)
    assert "weights" in {mount["source"] for mount in mounts(services()["grader"], "volume")}
    assert model["user"] == services()["grader"]["user"], "whose file it is"


def test_redis_is_a_cache_that_fits_its_container() -> None:
    redis = services()["redis"]
    told = dict(zip(redis["command"][1::2], redis["command"][2::2], strict=True))
    assert told["--maxmemory-policy"] == "allkeys-lru"
    assert (told["--save"], told["--appendonly"]) == ("", "no")
    # What is not data (buffers, gaps between values) takes up to half as much again.
    assert bytes_of(told["--maxmemory"].removesuffix("b")) * 3 // 2 <= int(redis["mem_limit"])
