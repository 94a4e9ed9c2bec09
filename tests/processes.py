"""Real processes for tests: the service and a model server, on free loopback ports."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import IO, NamedTuple

import httpx

PATIENCE_SECONDS = 300.0  # a busy machine must not look like a broken one


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Serving(NamedTuple):
    """A service that has started, and a client for it."""

    process: "subprocess.Popen[str]"
    client: httpx.Client


@contextmanager
def serving(settings: dict[str, str], stderr: int | IO[str] = subprocess.PIPE) -> Iterator[Serving]:
    """`grader serve` with these GRADER_* settings. It may be stopped or killed by who uses it."""
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    with _process(command, settings, stderr) as process, _client(port) as client:
        _wait_for(process, client, "/readyz")
        yield Serving(process, client)


@contextmanager
def grader(**settings: str) -> Iterator[httpx.Client]:
    """`grader serve` with these GRADER_* settings, and a client for it."""
    with serving(settings) as service:
        yield service.client


@contextmanager
def model_server(key: str) -> Iterator[str]:
    """llama.cpp's own OpenAI-compatible server over the local weights; gives its base URL."""
    port = free_port()
    command = [sys.executable, "-m", "bench.llama_server", "--port", str(port), "--key", key]
    with _process(command, {}) as process:
        with _client(port) as client:
            _wait_for(process, client, "/health")
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def listening(
    command: list[str], port: int, path: str, status: int = 200, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[int]:
    """Any server of ours or a benchmark's, once this path is answered so; gives its process id."""
    with _process(command, settings) as process:
        with _client(port) as client:
            _wait_for(process, client, path, status)
        yield process.pid


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS)


@contextmanager
def _process(
    command: list[str], settings: Mapping[str, str], stderr: int | IO[str] = subprocess.PIPE
) -> Iterator["subprocess.Popen[str]"]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    process = subprocess.Popen(command, env={**inherited, **settings}, stderr=stderr, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def _wait_for(process: "subprocess.Popen[str]", client: httpx.Client, path: str, status: int = 200) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise AssertionError(f"it stopped with {process.returncode}: {process.communicate()[1]}")
        try:
            if client.get(path).status_code == status:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{client.base_url}{path} did not answer in {PATIENCE_SECONDS} s")
