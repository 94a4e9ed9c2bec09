"""How long a batch takes against an upstream of 300 ms, at several concurrencies: `python -m bench.throughput`.

Ideal is n × latency / concurrency. While concurrency × 5 ms is at most half the latency, 1.25 × that is allowed.
Beyond, the processor is what is short, and it may take 1.2 × the larger of ideal and n × the CPU of a bare litellm
call, measured in the same run, as many in flight. Twice as many answers are on their way as calls may be in flight, so
that there is always one ready to be asked about. Of grades, garbage is collected as in `grader serve`, of bare calls as
Python does. The last row puts the most calls in flight through `grader serve --workers`, over HTTP: where the
processor is short, that is what the service offers. Exit code 1: over a bound.
"""

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple

from bench.cold import answers, arguments_of, as_it_comes, graded, plain, settings_for
from bench.load import once
from bench.setting import HOSTED, KEY, UpstreamProcess, command_line, serving, table, upstream, verdict
from service.bootstrap import running
from service.garbage import seldom_collected

_SECONDS_EACH = 0.005
_BARE_ROUNDS = 5  # of calls in flight, and one to warm up
_LEAST_BARE_CALLS = 200
_HOLDS = (b'"status":"graded"',)


async def by_workers(todo: Iterator[str], workers: int, one: Callable[[str], Awaitable[None]]) -> None:
    """Do it to each, so many at a time."""

    async def work() -> None:
        for each in todo:
            await one(each)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


async def bare_seconds(server: UpstreamProcess, concurrency: int) -> float:
    """CPU of a bare call among so many others, with the arguments that the service gives, by litellm as it comes."""
    async with running(settings_for(server)) as service:
        arguments = plain((await arguments_of(service, answers(1)))[0])
        import litellm

        async def call(_: str) -> None:
            await litellm.acompletion(**arguments)

        count = max(_LEAST_BARE_CALLS, _BARE_ROUNDS * concurrency)
        with as_it_comes():
            await by_workers(iter([""] * concurrency), concurrency, call)
            started = time.process_time()
            await by_workers(iter([""] * count), concurrency, call)
            return (time.process_time() - started) / count


class Took(NamedTuple):
    """Wall time and CPU of a batch (NaN: of other processes), and the most calls that were in flight at once."""

    seconds: float
    cpu_seconds: float
    most_in_flight: int


async def batch(server: UpstreamProcess, count: int, concurrency: int) -> Took:
    """Grade so many answers that nobody has seen before."""
    settings = settings_for(server, max_concurrent_calls=concurrency, deadline_seconds=3600)
    async with running(settings) as service:
        await graded(service, "In the spring we repaired the pump, and I wrote down how.")
        server.reset()
        started, cpu = time.perf_counter(), time.process_time()
        with seldom_collected():
            await by_workers(iter(answers(count)), 2 * concurrency, lambda answer: graded(service, answer))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        return Took(seconds, cpu, server.stats()["most_in_flight"])


def served(server: UpstreamProcess, count: int, concurrency: int, workers: int) -> Took:
    """The same by a service of several processes, each with its share of the calls in flight, and HTTP besides."""
    settings = {
        "GRADER_MODEL": HOSTED,
        "GRADER_API_BASE": server.address,
        "OPENAI_API_KEY": KEY,
        "GRADER_WORKERS": str(workers),
        "GRADER_MAX_CONCURRENT_CALLS": str(math.ceil(concurrency / workers)),
    }
    with serving(settings) as (_, address):
        port, connections = int(address.rpartition(":")[2]), 2 * concurrency
        requests = [_request(answer) for answer in answers(count + 2 * connections)]
        asyncio.run(once(port, requests[count:], _HOLDS, connections))  # so that no worker is new to it
        server.reset()
        started = time.perf_counter()
        figures = asyncio.run(once(port, requests[:count], _HOLDS, connections))
        seconds = time.perf_counter() - started
        if (figures.requests, figures.wrong) != (count, 0):
            raise AssertionError(f"{figures.wrong} of {figures.requests} replies were no whole grade; wanted {count}")
        return Took(seconds, math.nan, server.stats()["most_in_flight"])


def _graded_here(server: UpstreamProcess, count: int, concurrency: int) -> Took:
    return asyncio.run(batch(server, count, concurrency))


def _request(answer: str) -> bytes:
    body = json.dumps({"question_id": "2.2", "answer": answer}).encode()
    head = "POST /grade HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Row(NamedTuple):
    """One line of the table: what was asked for, what it took, and CPU seconds of a bare call beside it."""

    name: str
    concurrency: int
    took: Took
    bare_each: float

    def cells(self, count: int, latency_seconds: float) -> tuple[list[object], bool]:
        """And whether it keeps to its bound."""
        ideal = count * latency_seconds / self.concurrency
        waiting = self.concurrency * _SECONDS_EACH <= latency_seconds / 2
        base = ideal if waiting else max(ideal, count * self.bare_each)
        times, bound = self.took.seconds / base, 1.25 if waiting else 1.2
        told = f"{times:.2f} × {'ideal' if base == ideal else 'bare CPU'}"
        walls = [f"{s:.1f}" for s in (self.took.seconds, ideal, count * self.bare_each)]
        own = "?" if math.isnan(self.took.cpu_seconds) else f"{1000 * self.took.cpu_seconds / count:.2f}"
        each = f"{own} of {1000 * self.bare_each:.2f}"
        return [self.name, self.took.most_in_flight, *walls, each, told, verdict(times, bound)], times <= bound


COLUMNS = ("concurrency", "most in flight", "wall s", "ideal s", "n × bare CPU s", "CPU ms of bare", "took", "bound")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, default=300.0)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[16, 30, 128])
    parser.add_argument("--workers", type=int, default=2, help="of the last row; 0 leaves it out")
    wanted = parser.parse_args()
    count = wanted.answers
    with upstream() as server:
        server.reset(latency=wanted.latency_ms)

        def measured(name: str, concurrency: int, one: Callable[[], Took]) -> Row:
            """Beside bare calls before and after: a shared machine's speed changes by the minute."""
            before = asyncio.run(bare_seconds(server, concurrency))
            took = one()
            return Row(name, concurrency, took, (before + asyncio.run(bare_seconds(server, concurrency))) / 2)

        rows = [
            measured(str(calls), calls, partial(_graded_here, server, count, calls)) for calls in wanted.concurrency
        ]
        if wanted.workers:
            most = max(wanted.concurrency)
            name = f"{most}, served by {wanted.workers} workers"
            rows.append(measured(name, most, partial(served, server, count, most, wanted.workers)))
    told = [row.cells(count, wanted.latency_ms / 1000) for row in rows]
    note = f"{count} answers, upstream {wanted.latency_ms:g} ms; bare calls before and after each row"
    print(table(command_line("bench.throughput"), note, COLUMNS, [cells for cells, _ in told]))
    sys.exit(not all(kept for _, kept in told))


if __name__ == "__main__":
    main()
