"""llama.cpp's own OpenAI-compatible server over the local weights: `python -m bench.llama_server [--port N]`.

For trying the hosted path (litellm over HTTP) without a provider, and as a model server for development.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from service.models.weights import default_path


def serve(weights: Path, port: int, threads: int, key: str | None) -> str:
    """Start it and give its address; it lives as long as this process."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights)
    settings.n_ctx = 8192
    settings.n_parallel = 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.fit_params = False
    settings.verbosity = -1
    settings.hostnames = ["127.0.0.1"]
    settings.port = port
    settings.ui = False
    if key:
        settings.api_keys = [key]
    server = xllamacpp.Server(settings)
    _keep.append(server)
    return str(server.listening_address)


_keep: list[object] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=default_path())
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--key", default=None, help="require this API key")
    wanted = parser.parse_args()
    print(serve(wanted.weights, wanted.port, wanted.threads, wanted.key), flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
