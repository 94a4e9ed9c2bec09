"""docker-compose.yml as the real Compose reads it, and the other files that it names."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ("model", "traces")
SECRET = "for-this-test-alone"

Service = dict[str, Any]


def program(name: str) -> str:
    """The path of a program that the development environment brings."""
    found = shutil.which(name, path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    assert found, f"no {name} here; `make .venv/.dev` installs it"
    return found


def compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What Compose says of our file where only these variables are set, and no .env is read."""
    command = [program("docker-compose"), "--env-file", os.devnull, "--project-directory", str(ROOT)]
    return subprocess.run(
        [*command, "-f", str(ROOT / "docker-compose.yml"), *arguments],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def composed(*options: str) -> dict[str, Any]:
    """The file with all profiles; all that an operator may leave out is left out."""
    profiles = [part for profile in PROFILES for part in ("--profile", profile)]
    said = compose("--all-resources", *profiles, "config", "--format", "json", *options, GRADER_SECRET=SECRET)
    assert said.returncode == 0, said.stderr
    read: dict[str, Any] = json.loads(said.stdout)
    return read


def services() -> dict[str, Service]:
    found: dict[str, Service] = composed()["services"]
    return found


def variables_of(service: Service) -> dict[str, str | None]:
    """What the container's environment gets; None: what the operator has set, else nothing."""
    return dict(service.get("environment") or {})


def open_ports(service: Service) -> set[int]:
    """Those that other containers reach."""
    published = {int(port["target"]) for port in service.get("ports", ())}
    return published | {int(port) for port in service.get("expose", ())}


def mounts(service: Service, kind: str) -> Iterator[dict[str, Any]]:
    return (mount for mount in service.get("volumes", ()) if mount["type"] == kind)


def in_repository(service: Service, path: str) -> Path:
    """The file of ours that a path inside the container is."""
    for mount in mounts(service, "bind"):
        if Path(path).is_relative_to(mount["target"]):
            return Path(mount["source"]) / Path(path).relative_to(mount["target"])
    raise AssertionError(f"{path} is on no mount of ours")


def argument(service: Service, name: str) -> str:
    """The value of `--name=value` in a service's command."""
    values: list[str] = [part.partition("=")[2] for part in service["command"] if part.startswith(f"--{name}=")]
    assert len(values) == 1, f"--{name} stands {len(values)} times in {service['command']}"
    return values[0]


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def lines_of_example() -> dict[str, list[str]]:
    """Each variable of .env.example with its values, those commented out too."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / ".env.example").read_text("utf-8").splitlines():
        if match := re.fullmatch(r"(?:# )?([A-Z][A-Z0-9_]*)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def bytes_of(size: str) -> int:
    """`128m` and the like."""
    return int(size[:-1]) << {"k": 10, "m": 20, "g": 30}[size[-1].lower()]
