"""Real eval runs against the fake upstream, pushed to the Pushgateway: what the Evals dashboard asks for."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.setting import KEY
from service.catalog import HOME

MODEL = "openai/gpt-4.1-mini"
"""One that no service asks, so that the upstream's bad moments are not its own."""
_GOLDEN = HOME / "evals" / "golden" / "interview.jsonl"
_ANSWERS = 30


def run_and_push(upstream: str, gateway: str, folder: Path, seed: int) -> None:
    """One run over some golden answers, and its figures pushed. Raises CalledProcessError."""
    out = folder / f"eval-{seed}"
    run = ["run", str(_GOLDEN), "--out", str(out), "--limit", str(_ANSWERS), "--seed", str(seed)]
    for command in (run, ["push", str(out), "--gateway", gateway, "--draws", "200"]):
        _grader(["eval", *command], _settings(upstream))


@contextmanager
def meanwhile(upstream: str, gateway: str, folder: Path, seed: int) -> Iterator[None]:
    """A run beside what else is done; pushed at the end of the `with` at the latest."""
    failed: list[Exception] = []

    def work() -> None:
        try:
            run_and_push(upstream, gateway, folder, seed)
        except subprocess.CalledProcessError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failed:
        raise failed[0]


def _settings(upstream: str) -> dict[str, str]:
    """A busy machine takes its time to load what the first answers need; they are to be graded all the same."""
    own = {"GRADER_MODEL": MODEL, "GRADER_API_BASE": upstream, "GRADER_DEADLINE_SECONDS": "180"}
    return {**own, "OPENAI_API_KEY": KEY}


def _grader(arguments: list[str], environment: Mapping[str, str]) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    command = [sys.executable, "-m", "service.cli", *arguments]
    subprocess.run(command, env={**inherited, **environment}, stdout=subprocess.DEVNULL, check=True)
