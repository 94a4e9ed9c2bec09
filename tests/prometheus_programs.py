"""Prometheus' own programs for tests: a Pushgateway that runs, and promtool."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.processes import free_port, listening
from tests.prometheus_tools import program


@contextmanager
def pushgateway(*options: str, ready: int = 200) -> Iterator[str]:
    """A Pushgateway on a free loopback port; gives its URL. `ready` is what it answers a stranger once it is up."""
    port = free_port()
    # Nothing kept: Debian's build would keep it among the machine's own.
    alone = (f"--web.listen-address=127.0.0.1:{port}", "--persistence.file=", "--log.level=error")
    with listening([str(program("pushgateway")), *alone, *options], port, "/-/ready", ready):
        yield f"http://127.0.0.1:{port}"


def complaints(exposition: str) -> str:
    """What promtool says of metrics in the text format; empty where it finds no fault."""
    command = [str(program("promtool")), "check", "metrics"]
    done = subprocess.run(command, input=exposition, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def samples(exposition: str, prefix: str = "") -> list[Sample]:
    """All samples of the metrics whose names begin so."""
    families = text_string_to_metric_families(exposition)
    return [sample for family in families for sample in family.samples if sample.name.startswith(prefix)]
