"""Where Prometheus' own programs are: `promtool`, `prometheus` and the Pushgateway, for tests and benchmarks."""

import os
import shutil
import sys
from pathlib import Path

HOME = Path(__file__).parents[1]

# Upstream's name and Debian's.
_NAMES = {"pushgateway": ("prometheus-pushgateway", "pushgateway")}


def program(name: str) -> Path:
    """The program: the one on PATH, else the one that `ops/install-prometheus` unpacked under the environment.

    Raises FileNotFoundError, naming the command that brings it.
    """
    unpacked = (folder / "prometheus" / "usr" / "bin" for folder in (HOME / ".venv", Path(sys.prefix)))
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *map(str, unpacked)))
    for known in _NAMES.get(name, (name,)):
        if found := shutil.which(known, path=path):
            return Path(found)
    raise FileNotFoundError(f"no {name}: run ops/install-prometheus, as `make test` does, or put one on PATH")
