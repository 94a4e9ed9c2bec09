"""A steady mixed load on the service with Redis, and what it does to memory and latency: `python -m bench.soak`.

Ten minutes by default, in which as many requests are made as in an hour of a busy product. Hits, misses, requests that
are wrong, and answers with nothing to grade come in fixed shares, evenly over time; `--streams` adds server-sent events
and batches. Each reply is checked against what its kind must get. Exit code 1: a wrong reply, or memory that grew over
the bound from the second minute (by then everything is loaded) to the last.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
import numpy as np

from bench.answers import STRONG, WEAK
from bench.setting import HOSTED, KEY, command_line, megabytes, serving, table, upstream, verdict
from tests.redis_server import RedisServer

GROWTH_BOUND_MB = 30.0
_LATENCY_MS = 100.0
_SHARES = {"hit": 50, "miss": 30, "invalid": 12, "abstained": 8}
_STREAMED = {"stream": 5, "batch": 1}
_INVALID: tuple[tuple[dict[str, Any], int], ...] = (
    ({"question_id": "2.2"}, 422),
    ({"question_id": "no-such", "answer": STRONG}, 404),
    ({"question_id": "2.2", "answer": STRONG, "options": {"judge": "coin"}}, 422),
    ({"question_id": "2.2", "answer": "x" * 20_001}, 413),
    ({"question_id": "2.2", "answer": STRONG, "rubric": {"question": "?"}}, 422),
)


class Ask(NamedTuple):
    """One request: its kind, its path and body, and the status that it must get."""

    kind: str
    path: str
    body: Mapping[str, Any]
    status: int = 200


@dataclass
class Soaked:
    """What was seen: seconds of each request by minute and kind, and what was not as it must be."""

    seconds: dict[int, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    megabytes: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)


def asks(kinds: Mapping[str, int], seed: int) -> Iterator[Ask]:
    """Requests without end, in the shares that are wanted."""
    rng, numbers = random.Random(seed), itertools.count()
    names, weights = list(kinds), list(kinds.values())
    while True:
        kind, fresh = rng.choices(names, weights)[0], f"{STRONG} This was release {next(numbers)}."
        match kind:
            case "hit":
                yield Ask(kind, "/grade", {"question_id": "2.2", "answer": WEAK})
            case "miss" | "stream":
                yield Ask(kind, "/grade", {"question_id": "2.2", "answer": fresh})
            case "invalid":
                body, status = rng.choice(_INVALID)
                yield Ask(kind, "/grade", body, status)
            case "abstained":
                yield Ask(kind, "/grade", {"question_id": "2.2", "answer": rng.choice(("", "no idea", " \n"))})
            case "batch":
                items = [{"question_id": "2.2", "answer": f"{fresh} Part {n}."} for n in range(5)]
                yield Ask(kind, "/grade/batch", {"items": items})


def wrong(ask: Ask, status: int, text: str) -> str | None:
    """How a reply differs from what its kind must get; None where it doesn't."""
    if status != ask.status:
        return f"{ask.kind}: {status} for {ask.status}"
    match ask.kind:
        case "hit" | "miss" | "abstained":
            grade = json.loads(text)
            told = grade["cache"] or grade["status"]
            return None if told == ask.kind else f"{ask.kind}: told {told}"
        case "stream":
            return None if "event: grade\n" in text.replace("\r", "") else "stream: no grade at its end"
        case "batch":
            graded = [json.loads(line) for line in text.splitlines() if line]
            return None if len(graded) == len(ask.body["items"]) else f"batch: {len(graded)} lines"
    return None


async def soak(address: str, pid: int, minutes: float, per_second: float, kinds: Mapping[str, int]) -> Soaked:
    """Send requests evenly, whether or not those before have been answered."""
    soaked, began = Soaked(), time.monotonic()
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client, asyncio.TaskGroup() as group:
        await client.post("/grade", json={"question_id": "2.2", "answer": WEAK})  # from here on a hit
        for number, ask in enumerate(asks(kinds, seed=1)):
            due = number / per_second
            if due >= 60 * minutes:
                break
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            if number % int(per_second) == 0:
                soaked.megabytes[int(due // 60)].append(megabytes(pid))
            group.create_task(_one(client, ask, int(due // 60), soaked))
    return soaked


async def _one(client: httpx.AsyncClient, ask: Ask, minute: int, soaked: Soaked) -> None:
    headers = {"Accept": "text/event-stream"} if ask.kind == "stream" else {}
    asked = time.perf_counter()
    try:
        reply = await client.post(ask.path, json=ask.body, headers=headers)
    except httpx.HTTPError as error:
        soaked.errors[f"{ask.kind}: {type(error).__name__}"] += 1
        return
    soaked.seconds[minute].append((ask.kind, time.perf_counter() - asked))
    if fault := wrong(ask, reply.status_code, reply.text):
        soaked.errors[fault] += 1


def _rows(soaked: Soaked, minutes: list[int]) -> list[list[object]]:
    rows: list[list[object]] = []
    for minute in minutes:
        seconds = soaked.seconds[minute]
        by_kind = [
            " / ".join(f"{1000 * q:.0f}" for q in np.quantile([s for k, s in seconds if k == kind] or [0], [0.5, 0.99]))
            for kind in ("hit", "miss", "invalid")
        ]
        rows.append([minute + 1, len(seconds), *by_kind, f"{np.median(soaked.megabytes[minute]):.0f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--per-second", type=float, default=40.0)
    parser.add_argument("--streams", action="store_true", help="server-sent events and batches as well")
    wanted = parser.parse_args()
    kinds = _SHARES | (_STREAMED if wanted.streams else {})
    with upstream(_LATENCY_MS) as server, RedisServer() as redis:
        environment = {"GRADER_MODEL": HOSTED, "GRADER_API_BASE": server.address, "OPENAI_API_KEY": KEY}
        environment |= {"GRADER_REDIS_URL": redis.url, "GRADER_SECRET": "a secret of the benchmarks"}
        with serving(environment) as (pid, address):
            soaked = asyncio.run(soak(address, pid, wanted.minutes, wanted.per_second, kinds))
    minutes = sorted(soaked.megabytes)
    warm = minutes[min(1, len(minutes) - 1)]
    grown = float(np.median(soaked.megabytes[minutes[-1]]) - np.median(soaked.megabytes[warm]))
    requests = sum(map(len, soaked.seconds.values()))
    errors = ", ".join(f"{fault} × {count}" for fault, count in soaked.errors.items()) or "none"
    note = (
        f"{requests} requests, {wanted.per_second:g} a second, upstream {_LATENCY_MS:g} ms; wrong replies: {errors}; "
        f"memory grew by {grown:.1f} MB after the first minute ({verdict(grown, GROWTH_BOUND_MB)})"
    )
    columns = ["minute", "requests", "hit p50 / p99 ms", "miss p50 / p99 ms", "invalid p50 / p99 ms", "resident MB"]
    shown = sorted({minutes[0], warm, minutes[-1]})
    print(table(command_line("bench.soak"), note, columns, _rows(soaked, shown)))
    sys.exit(bool(soaked.errors) or grown > GROWTH_BOUND_MB)


if __name__ == "__main__":
    main()
