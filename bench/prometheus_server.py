"""A real Prometheus on a free loopback port, by our own configuration: Debian's package, or any on PATH."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from ruamel.yaml import YAML

from bench.backfill import Series
from bench.panels import BadDashboard
from tests.processes import PATIENCE_SECONDS, free_port
from tests.prometheus_tools import program

_SAMPLES_AT_MOST = 11_000  # that Prometheus gives of one series


class Rule(NamedTuple):
    """`error`: what became of it when it was last evaluated, empty where it went well; `state`: an alert's."""

    name: str
    error: str
    state: str


class PrometheusServer:
    """Runs from `start()`, or `with`, to `stop()`; may be started again with what it knew."""

    def __init__(self, configuration: Path, data: Path, log: Path) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._command = [
            str(program("prometheus")),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address={self.address}",
            "--log.level=warn",
        ]
        self._data = data
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=f"http://{self.address}", timeout=60)

    def __enter__(self) -> "PrometheusServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._client.close()

    def start(self) -> None:
        """Returns once it answers queries."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        ends = time.monotonic() + PATIENCE_SECONDS
        while not _answers(self._client, "/-/ready"):
            if self._process.poll() is not None or time.monotonic() > ends:
                self.stop()
                raise RuntimeError(f"prometheus did not start:\n{self._log.read_text('utf-8')}")
            time.sleep(0.1)

    def stop(self) -> None:
        """In good order: what it knows is on disk then."""
        if self._process:
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def backfill(self, text: str) -> None:
        """Take OpenMetrics text in as blocks of the past. It must not be running."""
        assert self._process is None, "stop() it first"
        source = self._data.parent / "backfill.om"
        source.write_text(text, "utf-8")
        command = [
            str(program("promtool")),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "-q",
            str(source),
            str(self._data),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def instant(self, expr: str, at: float) -> list[Series]:
        """What an expression gives at a moment. Raises BadDashboard where Prometheus refuses it."""
        return self._series("/api/v1/query", query=expr, time=at)

    def over(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """What it gives over a time."""
        assert (end - start) / step < _SAMPLES_AT_MOST
        return self._series("/api/v1/query_range", query=expr, start=start, end=end, step=step)

    def label_values(self, selector: str, label: str) -> list[str]:
        """Of the series that the selector takes; of all, where it is empty."""
        return [str(value) for value in self._data_of(f"/api/v1/label/{label}/values", _matching(selector))]

    def rules(self) -> list[Rule]:
        """Every rule that it has evaluated, by name."""
        found = [
            Rule(rule["name"], rule.get("lastError", "") if rule["health"] == "err" else "", rule.get("state", ""))
            for group in self._data_of("/api/v1/rules", {})["groups"]
            for rule in group["rules"]
        ]
        return sorted(found)

    def _series(self, path: str, **asked: Any) -> list[Series]:
        found = self._data_of(path, asked)
        if found["resultType"] == "scalar":
            return [Series({}, [tuple(found["result"])])]
        return [
            Series(each["metric"], [(float(at), value) for at, value in each.get("values") or [each["value"]]])
            for each in found["result"]
        ]

    def _data_of(self, path: str, asked: Mapping[str, Any]) -> Any:
        reply = self._client.get(path, params=dict(asked))
        told = reply.json()
        if told["status"] != "success":
            raise BadDashboard(f"prometheus refuses {asked.get('query') or asked!r}: {told.get('error')}")
        return told["data"]


def adapted(source: Path, target: Path, jobs: Mapping[str, Sequence[str]], every: str) -> Path:
    """Our own configuration for a run on one machine: `jobs` says where each job looks, `every` how often all is done.

    The rules come along, evaluated as often. What has no place there is left out: alerting, and other jobs.
    """
    yaml = YAML(typ="safe")
    document = yaml.load(source.read_text("utf-8"))
    document["global"] = {**(document.get("global") or {}), "scrape_interval": every, "evaluation_interval": every}
    document["global"]["scrape_timeout"] = every
    document.pop("alerting", None)
    kept = [job for job in document["scrape_configs"] if job["job_name"] in jobs]
    if missing := jobs.keys() - {job["job_name"] for job in kept}:
        raise BadDashboard(f"{source.name} has no scrape job {', '.join(sorted(missing))}")
    for job in kept:
        job.pop("scrape_interval", None), job.pop("scrape_timeout", None)
        job["static_configs"] = [{"targets": [each.removeprefix("http://") for each in jobs[job["job_name"]]]}]
    document["scrape_configs"] = kept
    document["rule_files"] = [str(path) for path in _hastened(source.parent / "rules", target / "rules")]
    path = target / "prometheus.yml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(document, file)
    return path


def _hastened(source: Path, target: Path) -> Sequence[Path]:
    """The rules, short of their groups' own intervals."""
    yaml, written = YAML(typ="safe"), []
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.yml")):
        document = yaml.load(path.read_text("utf-8"))
        for group in document["groups"]:
            group.pop("interval", None)
        written.append(target / path.name)
        with written[-1].open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
    return written


def _matching(selector: str) -> dict[str, str]:
    return {"match[]": selector} if selector else {}


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
