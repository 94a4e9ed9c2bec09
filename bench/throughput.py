"""How long a batch takes against an upstream of 300 ms, at several concurrencies: `python -m bench.throughput`.

Ideal is n × latency / concurrency. While concurrency × 5 ms is at most half the latency, 1.25 × that is allowed.
Beyond, the processor is what is short, and it may take 1.2 × the larger of ideal and n × the CPU of a bare litellm
call, measured in the same run, as many in flight. Twice as many answers are on their way as calls may be in flight, so
that there is always one ready to be asked about. Garbage is collected as in `grader serve`: what was loaded is not
looked through again. Exit code 1: over a bound.
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bench.cold import answers, arguments_of, as_it_comes, graded, plain, settings_for
from bench.setting import UpstreamProcess, command_line, table, upstream, verdict
from service.bootstrap import running

_MILLISECONDS_EACH = 5.0
_BARE_ROUNDS = 5  # of calls in flight, and one to warm up
_LEAST_BARE_CALLS = 200


async def by_workers(todo: Iterator[str], workers: int, one: Callable[[str], Awaitable[None]]) -> None:
    """Do it to each, so many at a time."""

    async def work() -> None:
        for each in todo:
            await one(each)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


@contextmanager
def collected_as_served() -> Iterator[None]:
    """What is loaded by now is for good, and not looked through for garbage again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


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
    """Wall time and CPU of a batch, and the most calls that were in flight at once."""

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
        with collected_as_served():
            await by_workers(iter(answers(count)), 2 * concurrency, lambda answer: graded(service, answer))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        return Took(seconds, cpu, server.stats()["most_in_flight"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, default=300.0)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[16, 30, 128])
    wanted = parser.parse_args()
    rows, kept = [], True
    with upstream() as server:
        for concurrency in wanted.concurrency:
            server.reset(latency=wanted.latency_ms)
            # Before and after: a shared machine's speed changes by the minute.
            before = asyncio.run(bare_seconds(server, concurrency))
            took = asyncio.run(batch(server, wanted.answers, concurrency))
            bare_each = (before + asyncio.run(bare_seconds(server, concurrency))) / 2
            ideal = wanted.answers * wanted.latency_ms / 1000 / concurrency
            waiting = concurrency * _MILLISECONDS_EACH <= wanted.latency_ms / 2
            base = ideal if waiting else max(ideal, wanted.answers * bare_each)
            times, bound = took.seconds / base, 1.25 if waiting else 1.2
            kept = kept and times <= bound
            seconds = (took.seconds, took.cpu_seconds, ideal, wanted.answers * bare_each)
            each = f"{1000 * took.cpu_seconds / wanted.answers:.2f} of {1000 * bare_each:.2f}"
            told = f"{times:.2f} × {'ideal' if base == ideal else 'bare CPU'}"
            walls = [f"{s:.1f}" for s in seconds]
            rows.append([concurrency, took.most_in_flight, *walls, each, told, verdict(times, bound)])
    note = f"{wanted.answers} answers, upstream {wanted.latency_ms:g} ms; bare calls before and after each row"
    columns = [
        "concurrency",
        "most in flight",
        "wall s",
        "CPU s",
        "ideal s",
        "n × bare CPU s",
        "CPU ms of bare",
        "took",
    ]
    columns.append("bound")
    print(table(command_line("bench.throughput"), note, columns, rows))
    sys.exit(not kept)


if __name__ == "__main__":
    main()
