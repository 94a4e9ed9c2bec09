"""Time and memory from start to readiness and a first call, against bare scripts: `python -m bench.startup`.

With a hosted model the yardstick imports litellm and makes one call to the same fake upstream; with the local one it
loads the same file with xllamacpp and takes its sha256. Ours is `grader serve`, until it is ready (and, hosted, has
graded a first answer). They take turns. Then: whether the first request after readiness is as quick as the tenth.
A process that has rested takes longer however warm it is, and before the first it has: so each of ten comes after the
same rest, and what ten more take without one stands beside it. Memory is the most that was resident, as Linux tells it.
Exit code 1: over a bound.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx

from bench.cold import answers
from bench.setting import (
    HOSTED,
    KEY,
    UpstreamProcess,
    command_line,
    megabytes,
    running,
    serving,
    table,
    upstream,
    verdict,
)
from service.models.weights import default_path

BOUND = 1.3
FIRST_BOUND = 1.5  # "as quick as the tenth", on a machine that does other things too
_LITELLM = f"""
import asyncio, os
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
asyncio.run(litellm.acompletion(model="{HOSTED}", messages=[{{"role": "user", "content": "Is it ready?"}}],
                                api_base=os.environ["GRADER_API_BASE"], api_key=os.environ["OPENAI_API_KEY"]))
"""
_LLAMA = """
import hashlib, os, tempfile, xllamacpp
settings = xllamacpp.CommonParams()
settings.model.path = os.environ["WEIGHTS"]
settings.n_ctx, settings.n_parallel, settings.fit_params, settings.verbosity = 8192, 1, False, -1
settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = len(os.sched_getaffinity(0))
settings.hostnames = [tempfile.mkdtemp() + "/llama.sock"]
server = xllamacpp.Server(settings)
with open(os.environ["WEIGHTS"], "rb") as file:
    hashlib.file_digest(file, "sha256").hexdigest()
"""
_SAY_READY = """
print("ready", flush=True)
import time; time.sleep(600)
"""


_REST_SECONDS = 0.1
_RESTED = 10


class Start(NamedTuple):
    """Seconds until it was ready, the most memory that was resident, and how long its first requests took: the first
    ten after a rest each, the others without.
    """

    seconds: float
    megabytes: float
    requests: tuple[float, ...] = ()


def started_script(script: str, environment: Mapping[str, str]) -> Start:
    """A script's start, until it says that it is ready."""
    began = time.perf_counter()
    with running([sys.executable, "-c", script + _SAY_READY], environment) as process:
        assert process.stdout
        if process.stdout.readline().strip() != "ready":
            raise AssertionError("the script did not get ready; its last words stand above")
        return Start(time.perf_counter() - began, megabytes(process.pid, "VmHWM"))


def started_grader(environment: Mapping[str, str], requests: int) -> Start:
    """`grader serve`, until it is ready and its first request is answered; then some more requests, one by one."""
    began = time.perf_counter()
    with serving(environment) as (pid, address), httpx.Client(base_url=address) as client:
        start, took = Start(time.perf_counter() - began, megabytes(pid, "VmHWM")), []
        for number, answer in enumerate(answers(requests)):
            time.sleep(_REST_SECONDS if number < _RESTED else 0)
            asked = time.perf_counter()
            reply = client.post("/grade", json={"question_id": "2.2", "answer": answer}, timeout=60)
            took.append(time.perf_counter() - asked)
            if reply.json()["status"] != "graded":
                raise AssertionError(reply.text)
            if len(took) == 1:
                start = Start(time.perf_counter() - began - _REST_SECONDS, megabytes(pid, "VmHWM"))
        return start._replace(requests=tuple(took))


def _compared(name: str, ours: list[Start], bare: list[Start]) -> tuple[list[list[object]], bool]:
    """Rows for time and memory, and whether both keep to the bound."""
    rows: list[list[object]] = []
    kept = True
    for what, one in (("seconds", lambda start: start.seconds), ("most MB", lambda start: start.megabytes)):
        us, them = median(map(one, ours)), median(map(one, bare))
        kept = kept and us / them <= BOUND
        rows.append([f"{name}: {what}", f"{them:.2f}", f"{us:.2f}", f"{us / them:.2f}", verdict(us / them, BOUND)])
    return rows, kept


def hosted(server: UpstreamProcess, times: int) -> tuple[list[list[object]], bool]:
    """With a hosted model, and the first request beside the tenth."""
    environment = {"GRADER_MODEL": HOSTED, "GRADER_API_BASE": server.address, "OPENAI_API_KEY": KEY}
    pairs = [(started_grader(environment, 2 * _RESTED), started_script(_LITELLM, environment)) for _ in range(times)]
    ours, bare = [list(column) for column in zip(*pairs, strict=True)]
    rows, kept = _compared("hosted, to the first call", ours, bare)
    first, tenth, busy = (1000 * median(start.requests[number] for start in ours) for number in (0, _RESTED - 1, -1))
    told = [f"{tenth:.1f}", f"{first:.1f}", f"{first / tenth:.2f}", verdict(first / tenth, FIRST_BOUND)]
    rows.append(["the tenth request, and the first: ms", *told])
    rows.append(
        ["the twentieth, without a rest, and the first: ms", f"{busy:.1f}", f"{first:.1f}", f"{first / busy:.2f}", ""]
    )
    return rows, kept and first / tenth <= FIRST_BOUND


def local(weights: Path, times: int) -> tuple[list[list[object]], bool]:
    """With the local model, to readiness."""
    environment = {"GRADER_MODEL": f"local:{weights}", "WEIGHTS": str(weights)}
    pairs = [(started_grader(environment, 0), started_script(_LLAMA, environment)) for _ in range(times)]
    ours, bare = [list(column) for column in zip(*pairs, strict=True)]
    return _compared("local, to readiness", ours, bare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="starts of each kind with a hosted model")
    parser.add_argument("--local-times", type=int, default=3, help="with the local one; 0 leaves it out")
    wanted = parser.parse_args()
    with upstream() as server:
        rows, kept = hosted(server, wanted.times)
    if wanted.local_times:
        more, local_kept = local(default_path(), wanted.local_times)
        rows, kept = rows + more, kept and local_kept
    note = f"medians of {wanted.times} starts (local: {wanted.local_times})"
    print(table(command_line("bench.startup"), note, ["what", "bare script", "grader serve", "ratio", "bound"], rows))
    sys.exit(not kept)


if __name__ == "__main__":
    main()
