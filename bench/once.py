"""The same asked a hundred times at one moment, over two processes and one Redis: `python -m bench.once`.

What the judge was asked is counted at a fake upstream, which takes 1.5 s to its first word and 1 s to write. Beside it:
as many different answers, a leader that is killed, and how early the first verdict of a stream comes.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from bench.answers import STRONG
from tests.processes import PATIENCE_SECONDS, Serving, serving
from tests.redis_server import RedisServer

_REQUESTS = 100
_LATENCY_MS, _WRITING_MS = 1500, 1000
_QUESTION = "2.2"


class Row(NamedTuple):
    """One line of the table."""

    case: str
    requests: int
    calls: int
    caches: Mapping[str, int]
    failed: int
    slowest_seconds: float

    def __str__(self) -> str:
        told = ", ".join(f"{name} {count}" for name, count in sorted(self.caches.items()))
        return f"| {self.case} | {self.requests} | {self.calls} | {told} | {self.failed} | {self.slowest_seconds:.1f} |"


@contextmanager
def upstream() -> Iterator[str]:
    """The fake's address."""
    command = [
        sys.executable,
        "-m",
        "bench.upstream",
        "--latency-ms",
        str(_LATENCY_MS),
        "--writing-ms",
        str(_WRITING_MS),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    print(f"| {_REQUESTS} requests at once | requests | judge calls | `cache` | failed | slowest, s |")
    print("|---|---|---|---|---|---|")
    with upstream() as address, RedisServer() as redis:
        settings = {
            "GRADER_MODEL": "openai/fake",
            "GRADER_API_BASE": address,
            "GRADER_REDIS_URL": redis.url,
            "GRADER_SECRET": "a secret of the benchmarks",
        }
        stats = address.removesuffix("/v1")
        with serving(settings) as first, serving(settings) as second:
            urls = [str(each.client.base_url) for each in (first, second)]
            asyncio.run(_warm(urls))
            print(asyncio.run(_row("identical, one process", stats, urls[:1], _same("a"))), flush=True)
            print(asyncio.run(_row("identical, two processes, one Redis", stats, urls, _same("b"))), flush=True)
            print(asyncio.run(_row("the same once more", stats, urls, _same("b"))), flush=True)
            print(asyncio.run(_row("all different, two processes", stats, urls, _different())), flush=True)
            early = asyncio.run(_early(urls[0]))
            print(asyncio.run(_killed(stats, first, urls)), flush=True)
    print(f"\nStreamed: the first of {early.verdicts} verdicts after {early.first_seconds:.2f} s, ", end="")
    print(f"the grade after {early.grade_seconds:.2f} s; not streamed, the reply after {early.plain_seconds:.2f} s.")


def _body(about: str) -> dict[str, Any]:
    return {"question_id": _QUESTION, "answer": f"{STRONG} I wrote it all down in the report {about}."}


def _same(about: str) -> list[dict[str, Any]]:
    return [_body(about)] * _REQUESTS


def _different() -> list[dict[str, Any]]:
    return [_body(f"number {number}") for number in range(_REQUESTS)]


async def _warm(urls: list[str]) -> None:
    """The first call of a process opens connections and loads what is loaded late."""
    async with _client() as client:
        for number, url in enumerate(urls):
            (await client.post(f"{url}/grade", json=_body(f"warm {number}"))).raise_for_status()


async def _row(case: str, stats: str, urls: list[str], bodies: list[dict[str, Any]]) -> Row:
    async with _client() as client:
        await client.post(f"{stats}/reset", json={})
        answers = await asyncio.gather(*(_asked(client, urls[n % len(urls)], body) for n, body in enumerate(bodies)))
        return await _told(case, client, stats, answers)


async def _killed(stats: str, leader: Serving, urls: list[str]) -> Row:
    """The leader's process is killed in the middle of its call, while all the others wait at the other process."""
    async with _client() as client:
        await client.post(f"{stats}/reset", json={})
        lost = asyncio.create_task(_asked(client, urls[0], _body("killed")))
        await asyncio.sleep(0.5)
        others = [asyncio.create_task(_asked(client, urls[1], _body("killed"))) for _ in range(_REQUESTS - 1)]
        await asyncio.sleep(0.5)
        leader.process.kill()
        return await _told("identical, the leader killed after 1 s", client, stats, await asyncio.gather(lost, *others))


class Answered(NamedTuple):
    """None: there was no grade."""

    cache: str | None
    seconds: float


async def _asked(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> Answered:
    began = time.monotonic()
    try:
        reply = await client.post(f"{url}/grade", json=body)
    except httpx.TransportError:
        return Answered(None, time.monotonic() - began)
    cache = reply.json()["cache"] if reply.status_code == httpx.codes.OK else None
    return Answered(cache, time.monotonic() - began)


async def _told(case: str, client: httpx.AsyncClient, stats: str, answers: list[Answered]) -> Row:
    calls = (await client.get(f"{stats}/stats")).json()["calls"]
    caches = Counter(answer.cache for answer in answers if answer.cache)
    slowest = max(answer.seconds for answer in answers)
    return Row(case, len(answers), calls, caches, len(answers) - caches.total(), slowest)


class Early(NamedTuple):
    """When a stream told what."""

    verdicts: int
    first_seconds: float
    grade_seconds: float
    plain_seconds: float


async def _early(url: str) -> Early:
    async with _client() as client:
        plain = await _asked(client, url, _body("plain"))
        await _events(client, url, _body("stream, warm"))
        moments = await _events(client, url, _body("stream"))
    *verdicts, (_, grade_seconds) = moments
    return Early(len(verdicts), verdicts[0][1], grade_seconds, plain.seconds)


async def _events(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> list[tuple[str, float]]:
    began = time.monotonic()
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", f"{url}/grade", content=json.dumps(body), headers=headers | _JSON) as reply:
        return [(line, time.monotonic() - began) async for line in _names(reply)]


async def _names(reply: httpx.Response) -> AsyncIterator[str]:
    async for line in reply.aiter_lines():
        if line.startswith("event: "):
            yield line


_JSON = {"Content-Type": "application/json"}


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=httpx.Limits(max_connections=None))


if __name__ == "__main__":
    main()
