"""A remembered grade against the least that could be done: `python -m bench.warm [--seconds 3] [--rounds 3]`.

Three servers, each one process with one worker over one real Redis: the service as it is run (`grader serve`, API keys
on, a scripted model), and the two peers of `bench.warm_peers`. They are loaded in turn, round after round, so that what
else the machine does meets all three. Answers differ, each about 2 kB, so that nothing is won by knowing one by heart.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from redis import Redis

from bench.answers import STRONG, WEAK
from bench.load import Figures
from bench.warm_peers import key_of
from service.catalog import read_catalog
from service.core.rubric import Point, Rubric, StarCriterion
from tests.processes import free_port, listening
from tests.redis_server import RedisServer

QUESTION = "2.2"
_SCORE = 92.5  # all is there but the one thing whose want is a pitfall: 100 x (1 - 0.3 x 1/4)
_SERVICE, _BARE, _PLAIN = "grader serve", "bare ASGI, hash and GET", "plain FastAPI, model and GET"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="of load in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--answers", type=int, default=200, help="so many, in turn; past 10,000 no place is known")
    wanted = parser.parse_args()
    answers = [f"{STRONG}\n\n{WEAK} That was in week {week} of the project." for week in range(wanted.answers)]
    figures: dict[str, list[Round]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(_servers(folder, answers))
        for _ in range(wanted.rounds):
            for server in servers:
                figures.setdefault(server.name, []).append(_round(folder, server, wanted.connections, wanted.seconds))
        whole = _replies_given_whole(servers[0].port)
        asked = sum(round_.load.requests for round_ in figures[_SERVICE])
        assert whole >= asked, f"of {asked} hits only {whole} were given whole"
    for line in report(figures):
        print(line)


class Server(NamedTuple):
    """One of the three."""

    name: str
    port: int
    pid: int


class Round(NamedTuple):
    """What the callers saw of one round, and the processor time that the server took for each request.

    That time tells more than the rate where other programs want the processors too. None where it can't be known.
    """

    load: Figures
    cpu_us: float | None


@contextmanager
def _servers(folder: Path, answers: Sequence[str]) -> Iterator[Sequence[Server]]:
    """All three, warm; the service first."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        service, key = stack.enter_context(_service(folder, redis.url))
        _warm(service.port, key, redis.url, answers)
        servers = [service]
        for name, peer, status in ((_BARE, "bare", 404), (_PLAIN, "plain", 200)):
            port = free_port()
            command = [sys.executable, "-m", "bench.warm_peers", peer, "--port", str(port), "--redis", redis.url]
            servers.append(Server(name, port, stack.enter_context(listening(command, port, "/docs", status))))
        for server in servers:
            _write_requests(folder, server, key, answers)
        yield servers


@contextmanager
def _service(folder: Path, redis_url: str) -> Iterator[tuple[Server, str]]:
    """And a key for it."""
    script, keys = folder / "script.json", folder / "keys.jsonl"
    script.write_text(json.dumps([json.dumps(verdicts_on(read_catalog().rubric_for(QUESTION)))]), encoding="utf-8")
    made = [sys.executable, "-m", "service.cli", "keys", "create", "bench", "--file", str(keys)]
    key = subprocess.run(made, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.strip()
    settings = {
        "GRADER_MODEL": f"scripted:{script}",
        "GRADER_JUDGE": "one_call",
        "GRADER_REDIS_URL": redis_url,
        "GRADER_SECRET": "a secret of the benchmarks",
        "GRADER_API_KEYS_FILE": str(keys),
    }
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    with listening(command, port, "/readyz", settings=settings) as pid:
        yield Server(_SERVICE, port, pid), key


def verdicts_on(rubric: Rubric) -> dict[str, object]:
    """A judge's words on each criterion: points met, parts present, of pitfalls nothing is said."""
    said: dict[str, object] = {}
    for number, criterion in enumerate(rubric.judged, 1):
        if isinstance(criterion, Point | StarCriterion):
            level = "met" if isinstance(criterion, Point) else "present"
            said[criterion.id] = {"at": [number % 8 + 1], "why": "It is said in this sentence.", "level": level}
        else:
            said[criterion.id] = {"at": [], "as": "none", "why": "Nothing of the kind is said.", "level": "absent"}
    return said


def _warm(port: int, key: str, redis_url: str, answers: Sequence[str]) -> None:
    """Grade each answer until it is remembered whole, and give the peers the same replies to find."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with Redis.from_url(redis_url) as redis, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for answer in answers:
            body = _body(answer)
            replies = [client.post("/grade", content=body, headers=headers) for _ in range(3)]
            caches = [reply.headers["x-cache"] for reply in replies]
            grade = replies[-1].json()
            assert caches == ["miss", "hit", "hit"], caches
            assert (grade["status"], grade["score"], grade["judge"]["calls"]) == ("graded", _SCORE, 0), grade["score"]
            redis.mset({key_of(body): replies[-1].content, key_of(answer.encode()): replies[-1].content})


def _body(answer: str) -> bytes:
    return json.dumps({"question_id": QUESTION, "answer": answer, "options": {"deadline_seconds": 30}}).encode()


def _write_requests(folder: Path, server: Server, key: str, answers: Sequence[str]) -> None:
    texts = []
    for answer in answers:
        body = _body(answer).decode()
        head = (
            f"POST /grade HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
            f"Accept: */*\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        )
        texts.append(head + body)
    _requests(folder, server).write_text(json.dumps(texts), encoding="utf-8")


def _requests(folder: Path, server: Server) -> Path:
    return folder / f"{server.port}.json"


def _round(folder: Path, server: Server, connections: int, seconds: float) -> Round:
    """One round against one server; from the service only hits count, and all have to have the right score."""
    command = [sys.executable, "-m", "bench.load", str(_requests(folder, server)), "--port", str(server.port)]
    command += ["--connections", str(connections), "--seconds", str(seconds)]
    command += ["--holds", '"status":"graded"', "--holds", f'"score":{_SCORE},"score_bounds":[{_SCORE},{_SCORE}]']
    command += ["--holds", "\r\nx-cache: hit\r\n"] if server.name == _SERVICE else []
    before = _cpu_seconds(server.pid)
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600).stdout
    after = _cpu_seconds(server.pid)
    figures = Figures(**json.loads(said))
    assert not figures.wrong, f"{server.name}: {figures.wrong} of {figures.requests} responses were not as wanted"
    cpu = None if before is None or after is None else 1e6 * (after - before) / figures.requests
    return Round(figures, cpu)


def _cpu_seconds(pid: int) -> float | None:
    """What a process has used so far; None on a system without /proc."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _replies_given_whole(port: int) -> int:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    found = re.search(r"^grader_replies_remembered_total (\S+)$", page, re.MULTILINE)
    return int(float(found.group(1))) if found else 0


def report(figures: Mapping[str, Sequence[Round]]) -> list[str]:
    """A Markdown table."""
    rate = {name: statistics.median(r.load.per_second for r in rounds) for name, rounds in figures.items()}
    lines = [
        "| server | requests/s, median (least-most) | p50 ms | p99 ms | CPU us a request | grader serve / this |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, rounds in figures.items():
        rates = [r.load.per_second for r in rounds]
        p50, p99 = (statistics.median(getattr(r.load, field) for r in rounds) for field in ("p50_ms", "p99_ms"))
        cpu = [r.cpu_us for r in rounds if r.cpu_us is not None]
        lines.append(
            f"| {name} | {rate[name]:,.0f} ({min(rates):,.0f}-{max(rates):,.0f}) | {p50:.1f} | {p99:.1f} "
            f"| {f'{statistics.median(cpu):.0f}' if cpu else '-'} | {rate[_SERVICE] / rate[name]:.2f} |"
        )
    return lines


if __name__ == "__main__":
    main()
