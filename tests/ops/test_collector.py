"""ops/collector.yaml, held to what the collector's documentation says, for no collector runs here."""

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.ops.composed import ROOT, bytes_of, composed, in_repository, mounts, open_ports, read_yaml, services

# https://github.com/open-telemetry/opentelemetry-collector-releases, distributions/otelcol/manifest.yaml: what the
# image otel/opentelemetry-collector has in it. The contrib image has more.
CORE = {
    "receivers": {"otlp", "hostmetrics", "jaeger", "kafka", "prometheus", "zipkin", "nop"},
    "processors": {
        "batch",
        "memory_limiter",
        "attributes",
        "resource",
        "span",
        "probabilistic_sampler",
        "filter",
    },
    "exporters": {"debug", "file", "kafka", "nop", "otlp_grpc", "otlp_http", "prometheus", "prometheusremotewrite"},
    "extensions": {"health_check", "pprof", "zpages"},
}
# The fields that the README of each documents, of those that we may come to use.
FIELDS = {
    "otlp": {"protocols"},
    "memory_limiter": {
        "check_interval",
        "limit_mib",
        "spike_limit_mib",
        "limit_percentage",
        "spike_limit_percentage",
    },
    "batch": {"timeout", "send_batch_size", "send_batch_max_size", "metadata_keys"},
    "debug": {"verbosity", "sampling_initial", "sampling_thereafter", "use_internal_logger"},
    "file": {"path", "rotation", "format", "encoding", "append", "compression", "flush_interval", "group_by"},
    "health_check": {"endpoint", "path", "tls", "response_body", "check_collector_pipeline"},
}


def config() -> dict[str, Any]:
    read: dict[str, Any] = read_yaml(ROOT / "ops/collector.yaml")
    return read


@pytest.mark.parametrize("kind", CORE)
def test_every_component_is_in_the_image_and_has_documented_fields(kind: str) -> None:
    for name, fields in config()[kind].items():
        assert name in CORE[kind]
        assert set(fields) <= FIELDS[name]


def test_what_is_used_is_declared_and_what_is_declared_is_used() -> None:
    read = config()
    pipelines = read["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert {name for pipeline in pipelines for name in pipeline[kind]} == set(read[kind])
    assert set(read["service"]["extensions"]) == set(read["extensions"])
    assert set(read) == {*CORE, "service"}


def test_memory_is_looked_after_before_anything_else_and_within_the_container() -> None:
    for pipeline in config()["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"
    limiter = config()["processors"]["memory_limiter"]
    collector = services()["collector"]
    assert re.fullmatch(r"\d+s", limiter["check_interval"]), "without an interval it never looks"
    assert 0 < limiter["spike_limit_mib"] < limiter["limit_mib"]
    goal = collector["environment"]["GOMEMLIMIT"]
    assert limiter["limit_mib"] << 20 < bytes_of(goal.removesuffix("iB").lower()) < int(collector["mem_limit"])


def test_it_listens_on_the_ports_that_compose_opens() -> None:
    otlp = config()["receivers"]["otlp"]["protocols"]
    endpoints = [otlp["grpc"]["endpoint"], otlp["http"]["endpoint"], config()["extensions"]["health_check"]["endpoint"]]
    assert [address for address in endpoints if not address.startswith("0.0.0.0:")] == [], "not inside alone"
    assert {int(address.rpartition(":")[2]) for address in endpoints} == open_ports(services()["collector"])


def test_compose_gives_it_this_file() -> None:
    (option,) = services()["collector"]["command"]
    assert in_repository(services()["collector"], option.removeprefix("--config=")) == ROOT / "ops/collector.yaml"


def test_the_file_lies_where_the_collector_may_write_and_fits() -> None:
    file = config()["exporters"]["file"]
    (held,) = mounts(services()["collector"], "volume")
    assert file["path"].startswith(f"{held['target']}/")
    options = dict(part.split("=") for part in composed()["volumes"][held["source"]]["driver_opts"]["o"].split(","))
    assert f"{options['uid']}:{options['gid']}" == services()["collector"]["user"]
    rotation = file["rotation"]
    assert rotation["max_megabytes"] * (rotation["max_backups"] + 1) << 20 <= bytes_of(options["size"])


def test_the_way_to_a_backend_can_be_taken_as_it_is_written() -> None:
    text = (ROOT / "ops/collector.yaml").read_text("utf-8")
    (block,) = re.findall(r"^  # otlp_http:\n(?:  #   .*\n)+", text, flags=re.MULTILINE)
    taken = text.replace(block, block.replace("  # ", "  "))
    added = YAML(typ="safe").load(taken)["exporters"]["otlp_http"]
    assert set(added) == {"endpoint", "headers"}
    named = set(re.findall(r"\$\{env:(\w+)\}", str(added)))
    assert named == {"TRACES_BACKEND", "TRACES_TOKEN"}
    assert named <= set(services()["collector"]["environment"])
