"""A remembered grade against the least that could be done: `python -m bench.warm [--seconds 3] [--rounds 3]`.

Three servers, each one process with one worker over one real Redis: the service as it is run (`grader serve`, API keys
on, a scripted model), and the two peers of `bench.warm_peers`. They are loaded in turn, round after round, so that what
else the machine does meets all three. Answers differ, each about 2 kB, so that nothing is won by knowing one by heart.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from redis import Redis

from bench.answers import STRONG, WEAK
from bench.load import Figures
from bench.warm_peers import key_of
from service.catalog import read_catalog
from service.core.rubric import Point, Rubric, StarCriterion
from tests.processes import free_port, grader, serving
from tests.redis_server import RedisServer

QUESTION = "2.2"
_ANSWERS = tuple(f"{STRONG}\n\n{WEAK} That was in week {week} of the project." for week in range(200))
_SCORE = 92.5  # all is there but the one thing whose want is a pitfall: 100 x (1 - 0.3 x 1/4)
_SERVICE, _BARE, _PLAIN = "grader serve", "bare ASGI, hash and GET", "plain FastAPI, model and GET"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="of load in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    wanted = parser.parse_args()
    figures: dict[str, list[Figures]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = stack.enter_context(_servers(folder))
        for _ in range(wanted.rounds):
            for name, port in ports.items():
                seconds = str(wanted.seconds)
                figures.setdefault(name, []).append(_round(folder, name, port, wanted.connections, seconds))
        whole = _replies_given_whole(ports[_SERVICE])
        asked = sum(round_.requests for round_ in figures[_SERVICE])
        assert whole >= asked, f"of {asked} hits only {whole} were given whole"
    for line in report(figures):
        print(line)


@contextmanager
def _servers(folder: Path) -> Iterator[Mapping[str, int]]:
    """All three, warm; their ports."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        client, key = stack.enter_context(_service(folder, redis.url))
        _warm(client, key, redis.url)
        service_port = client.base_url.port
        assert service_port
        ports = {_SERVICE: service_port, _BARE: free_port(), _PLAIN: free_port()}
        for name, peer, status in ((_BARE, "bare", 404), (_PLAIN, "plain", 200)):
            command = [sys.executable, "-m", "bench.warm_peers", peer, "--port", str(ports[name]), "--redis", redis.url]
            stack.enter_context(serving(command, ports[name], "/docs", status))
        for name, port in ports.items():
            _write_requests(folder, name, port, key)
        yield ports


@contextmanager
def _service(folder: Path, redis_url: str) -> Iterator[tuple[httpx.Client, str]]:
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
    with grader(**settings) as client:
        yield client, key


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


def _warm(client: httpx.Client, key: str, redis_url: str) -> None:
    """Grade each answer until it is remembered whole, and give the peers the same replies to find."""
    headers = {"Authorization": f"Bearer {key}"}
    with Redis.from_url(redis_url) as redis:
        for answer in _ANSWERS:
            body = _body(answer)
            replies = [
                client.post("/grade", content=body, headers={"Content-Type": "application/json", **headers})
                for _ in range(3)
            ]
            caches = [reply.headers["x-cache"] for reply in replies]
            grade = replies[-1].json()
            assert caches == ["miss", "hit", "hit"], caches
            assert (grade["status"], grade["score"], grade["judge"]["calls"]) == ("graded", _SCORE, 0), grade["score"]
            redis.mset({key_of(body): replies[-1].content, key_of(answer.encode()): replies[-1].content})


def _body(answer: str) -> bytes:
    return json.dumps({"question_id": QUESTION, "answer": answer, "options": {"deadline_seconds": 30}}).encode()


def _write_requests(folder: Path, name: str, port: int, key: str) -> None:
    texts = []
    for answer in _ANSWERS:
        body = _body(answer).decode()
        head = (
            f"POST /grade HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nAccept: */*\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        )
        texts.append(head + body)
    _requests(folder, name).write_text(json.dumps(texts), encoding="utf-8")


def _requests(folder: Path, name: str) -> Path:
    return folder / f"{name.partition(' ')[0]}.json"


def _round(folder: Path, name: str, port: int, connections: int, seconds: str) -> Figures:
    """One round against one server; from the service only hits count, and all have to have the right score."""
    command = [sys.executable, "-m", "bench.load", str(_requests(folder, name)), "--port", str(port)]
    command += ["--connections", str(connections), "--seconds", seconds]
    command += ["--holds", '"status":"graded"', "--holds", f'"score":{_SCORE},"score_bounds":[{_SCORE},{_SCORE}]']
    command += ["--holds", "\r\nx-cache: hit\r\n"] if name == _SERVICE else []
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600).stdout
    figures = Figures(**json.loads(said))
    assert not figures.wrong, f"{name}: {figures.wrong} of {figures.requests} responses were not as wanted"
    return figures


def _replies_given_whole(port: int) -> int:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    found = re.search(r"^grader_replies_remembered_total (\S+)$", page, re.MULTILINE)
    return int(float(found.group(1))) if found else 0


def report(figures: Mapping[str, Sequence[Figures]]) -> list[str]:
    """A Markdown table."""
    middle = {name: statistics.median(f.per_second for f in rounds) for name, rounds in figures.items()}
    lines = [
        "| server | requests/s, median (least-most) | p50 ms | p99 ms | grader serve / this |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, rounds in figures.items():
        rates = [f.per_second for f in rounds]
        p50, p99 = (statistics.median(getattr(f, field) for f in rounds) for field in ("p50_ms", "p99_ms"))
        lines.append(
            f"| {name} | {middle[name]:,.0f} ({min(rates):,.0f}-{max(rates):,.0f}) | {p50:.1f} | {p99:.1f} "
            f"| {middle[_SERVICE] / middle[name]:.2f} |"
        )
    return lines


if __name__ == "__main__":
    main()
