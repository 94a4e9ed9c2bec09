"""What several benchmarks share: the fake upstream as a process of its own, and tables in Markdown."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

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
