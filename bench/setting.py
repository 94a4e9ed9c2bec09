"""What several benchmarks share: the fake upstream and the service as processes of their own, tables in Markdown."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import free_port

HOSTED = "openai/gpt-4o-mini"
"""A name with a price in litellm's table; what answers is the fake upstream."""
KEY = "sk-bench"


class UpstreamProcess:
    """The fake upstream behind its address; see bench/upstream.py."""

    def __init__(self, address: str) -> None:
        self.address = address

    def stats(self) -> Mapping[str, Any]:
        """What it was asked since it was last reset."""
        return self._said("/stats", None)

    def reset(self, **times: float) -> None:
        """Set its counts to nought and, where given, its `latency` and `writing` in milliseconds."""
        self._said("/reset", json.dumps(times).encode())

    def _said(self, path: str, body: bytes | None) -> Mapping[str, Any]:
        with urllib.request.urlopen(self.address.removesuffix("/v1") + path, data=body, timeout=60) as reply:
            said: Mapping[str, Any] = json.load(reply)
        return said


@contextmanager
def upstream(latency_ms: float = 0.0) -> Iterator[UpstreamProcess]:
    """A fake upstream in a process of its own, so that its work is not taken for ours."""
    command = [sys.executable, "-m", "bench.upstream", "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield UpstreamProcess(process.stdout.readline().strip())
        finally:
            process.terminate()


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A process with these variables and no other GRADER_*; killed at the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    process = subprocess.Popen(command, env=inherited | dict(environment), stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """`grader serve`, ready: its process id and its address."""
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    with running(command, environment) as process:
        while not _ready(port):
            if process.poll() is not None:
                raise AssertionError(f"grader serve stopped with {process.returncode}; its last words stand above")
            time.sleep(0.02)
        yield process.pid, f"http://127.0.0.1:{port}"


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60):
            return True
    except OSError:
        return False


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """Memory of a process as Linux tells it: what is resident now, or with VmHWM the most that was."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition(f"{what}:")[2].split()[0]) / 1024


def table(command: str, note: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown, headed with the command that made it."""
    lines = [f"`{command}`: {note}", "", _row(columns), _row(["---"] * len(columns)), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def command_line(module: str) -> str:
    """The command that is running."""
    return " ".join(["python -m", module, *sys.argv[1:]])


def verdict(value: float, bound: float) -> str:
    """Whether a value keeps to its bound, in words for a table."""
    return f"≤ {bound:g}: {'yes' if value <= bound else 'NO'}"


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
