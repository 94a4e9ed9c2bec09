"""`grader serve` with two workers, for tests that look at each of them."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from prometheus_client.multiprocess import MultiProcessCollector

from tests.processes import PATIENCE_SECONDS, Serving, serving
from tests.service.api.doors import REPLY

_SAMPLE = re.compile(r"^(grader_\w+(?:\{.*\})?) (\S+)$", re.MULTILINE)


class Crew(NamedTuple):
    """Two workers that have started, the folder where each keeps its counts, and a client that never stays connected:
    who answers it is not settled.
    """

    service: Serving
    folder: Path
    client: httpx.Client

    @property
    def pids(self) -> set[int]:
        """Of the workers that live."""
        pids = (int(file.stem.rpartition("_")[2]) for file in self.folder.glob("counter_*.db"))
        return {pid for pid in pids if lives(pid)}

    def metrics(self) -> dict[str, float]:
        """As whoever answers tells them."""
        return {name: float(value) for name, value in _SAMPLE.findall(self.client.get("/metrics").text)}

    def counted_by(self, pid: int, name: str, **labels: str) -> float:
        """What this worker itself has counted."""
        files = [str(file) for file in self.folder.glob(f"*_{pid}.db")]
        metrics = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        samples = (sample for metric in metrics for sample in metric.samples if sample.name == name)
        return float(sum(s.value for s in samples if labels.items() <= s.labels.items()))


@contextmanager
def crew(tmp_path: Path, settings: Mapping[str, str]) -> Iterator[Crew]:
    folder = tmp_path / "metrics"
    folder.mkdir()
    with serving({**settings, "GRADER_WORKERS": "2", "PROMETHEUS_MULTIPROC_DIR": str(folder)}) as service:
        fresh = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=service.client.base_url, limits=fresh, timeout=PATIENCE_SECONDS) as client:
            assert service.process.stderr
            greeting = iter(service.process.stderr.readline, "")
            assert any(line.startswith("  curl ") for line in greeting)  # it comes once both take requests
            yield Crew(service, folder, client)


def scripted(folder: Path) -> dict[str, str]:
    """Settings under which BODY of the doors is judged."""
    script = folder / "script.json"
    script.write_text(json.dumps([REPLY]))
    return {"GRADER_MODEL": f"scripted:{script}", "GRADER_JUDGE": "one_call"}


def until(what: Callable[[], object]) -> None:
    """Waits for it to be so."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether this process is there, and not only waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> list[str]:
    """Their process ids."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
