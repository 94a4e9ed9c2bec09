"""What faults are tried on: real services and a real Redis, a fake upstream, and a fake network between them."""

import asyncio
import itertools
import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import httpx

from bench.faulty import Faulty, Ill
from bench.upstream import listen
from tests.fault_proxy import Fault, FaultProxy
from tests.processes import PATIENCE_SECONDS, Serving, serving
from tests.redis_server import RedisServer

T = TypeVar("T")

FIRST, FALLBACK = "first", "fallback"  # what the upstream calls them
DEADLINE_SECONDS = 3.0
BREAKER_SECONDS = 2.0
OPENS_AFTER = 3

PLAIN: Mapping[str, str] = {"GRADER_BREAKER_FAILURES": "100000"}  # one fault's breaker must not answer for the next's
CHAIN: Mapping[str, str] = {**PLAIN, "GRADER_FALLBACK_MODELS": f"openai/{FALLBACK}"}
BREAKING: Mapping[str, str] = {
    **CHAIN,
    "GRADER_BREAKER_FAILURES": str(OPENS_AFTER),
    "GRADER_BREAKER_SECONDS": str(BREAKER_SECONDS),
}
HEDGED: Mapping[str, str] = {**PLAIN, "GRADER_HEDGE": "true"}
NARROW: Mapping[str, str] = {**PLAIN, "GRADER_MAX_CONCURRENT_CALLS": "2", "GRADER_MAX_QUEUED_CALLS": "2"}

RUBRIC = {
    "question": "Tell me about a bed that you planted, and why so.",
    "points": [{"id": "p1", "text": "Says what was planted"}, {"id": "p2", "text": "Says why"}],
    "pitfalls": [{"id": "f1", "kind": "commission", "text": "Blames the weather"}],
}
RIGHT = ("met", "met", "avoided")
"""What the fake upstream says of every answer."""

_fresh = itertools.count(time.time_ns())


def fresh_answers(count: int) -> list[str]:
    """Answers that nobody has graded before."""
    return [
        f"In week {next(_fresh)} I planted onions in a shaded bed, since they need little sun." for _ in range(count)
    ]


@dataclass(frozen=True)
class Reply:
    """What one client got. `said`: the status, and of a 200 how far the grade got; else what became of the request."""

    said: str
    seconds: float
    body: Mapping[str, Any]
    retry_after: int | None = None

    @property
    def verdicts(self) -> tuple[str, ...]:
        return tuple(criterion["verdict"] for criterion in (*self.body["points"], *self.body["pitfalls"]))

    @property
    def models(self) -> set[str]:
        return {point["model"] for point in self.body.get("points", ()) if point.get("model")}


def ask(client: httpx.Client, answer: str) -> Reply:
    """Grade it. A connection that was refused was never taken; one that broke was lost."""
    began = time.perf_counter()
    try:
        response = client.post("/grade", json={"rubric": RUBRIC, "answer": answer})
    except httpx.ConnectError:
        return Reply("refused", time.perf_counter() - began, {})
    except httpx.TransportError as error:
        return Reply(f"lost ({type(error).__name__})", time.perf_counter() - began, {})
    seconds = time.perf_counter() - began
    body = response.json() if "json" in response.headers.get("content-type", "") else {}  # uvicorn's own 500 is text
    said = f"200 {body['status']}" if response.status_code == 200 else str(response.status_code)
    after = response.headers.get("retry-after")
    return Reply(said, seconds, body, int(after) if after else None)


def ask_for_events(client: httpx.Client, answer: str) -> Reply:
    """The same, streamed. `said`: of a stream that ended with a problem, that problem's status and how many verdicts
    had come by then.
    """
    began, verdicts, last = time.perf_counter(), 0, {}
    with client.stream(
        "POST", "/grade", json={"rubric": RUBRIC, "answer": answer}, headers={"Accept": "text/event-stream"}
    ) as response:
        for line in response.iter_lines():
            if line == "event: verdict":
                verdicts += 1
            elif line.startswith("data: "):
                last = json.loads(line.removeprefix("data: "))
    seconds = time.perf_counter() - began
    if "problem" in last:
        return Reply(f"{last['problem']['status']} after {verdicts} verdicts", seconds, {})
    return Reply(f"200 {last['status']}", seconds, last)


def all_at_once(
    client: httpx.Client, answers: Sequence[str], how: Callable[[httpx.Client, str], Reply] = ask
) -> list[Reply]:
    with ThreadPoolExecutor(len(answers)) as pool:
        return list(pool.map(lambda answer: how(client, answer), answers))


class Stand:
    """Services start as they are first wanted, and stay. All run on loopback, and end with it."""

    def __init__(self) -> None:
        self.upstream = Faulty()
        self.redis = RedisServer()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._services: dict[tuple[tuple[str, str], ...], Serving] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self.redis)
        self._thread.start()
        self._server = self.run(listen(self.upstream, 0))
        self.to_upstream = FaultProxy(self._server.sockets[0].getsockname()[1])
        self.to_redis = FaultProxy(self.redis.port)
        for proxy in (self.to_upstream, self.to_redis):
            self.run(proxy.suffer(Fault()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.upstream.be_well()
        self._open.close()
        for proxy in (self.to_upstream, self.to_redis):
            self.run(proxy.close())
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Done on the loop of the fakes."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    async def _end(self) -> None:
        """The upstream and all that is still under way on the loop."""
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def settings(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "GRADER_MODEL": f"openai/{FIRST}",
            "GRADER_API_BASE": f"http://127.0.0.1:{self.to_upstream.port}/v1",
            "GRADER_REDIS_URL": f"redis://127.0.0.1:{self.to_redis.port}/0",
            "GRADER_SECRET": "a secret of the faults",
            "GRADER_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
            **more,
        }

    def service(self, more: Mapping[str, str], stderr: int | IO[str] = subprocess.PIPE) -> Serving:
        """The service with these settings beside the usual ones."""
        key = tuple(sorted(more.items()))
        if key not in self._services:
            self._services[key] = self._open.enter_context(serving(self.settings(more), stderr))
        return self._services[key]

    @contextmanager
    def asked(self) -> Iterator[Counter[str]]:
        """How often each model is called meanwhile; known at the end."""
        before, meanwhile = self.upstream.asked.copy(), Counter[str]()
        yield meanwhile
        meanwhile.update(self.upstream.asked - before)

    @contextmanager
    def upstream_ill(self, ill: Ill, *, times: int | None = None, model: str = FIRST) -> Iterator[None]:
        """`times`: for so many calls; None for all of them."""
        self.upstream.ills[model] = ill
        if times is not None:
            self.upstream.left[model] = times
        try:
            yield
        finally:
            self.upstream.be_well()

    @contextmanager
    def way_to(self, proxy: FaultProxy, fault: Fault) -> Iterator[None]:
        """What lies behind the proxy is there, and the way to it is not what it should be."""
        self.run(proxy.suffer(fault))
        try:
            yield
        finally:
            self.run(proxy.suffer(Fault()))

    @contextmanager
    def slow_upstream(self, milliseconds: float) -> Iterator[None]:
        self.upstream.times.latency = milliseconds
        try:
            yield
        finally:
            self.upstream.times.latency = 0.0

    def until(self, what: Callable[[], bool]) -> None:
        """Waits for it to be so."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not what():
            assert time.monotonic() < ends, "it never came about"
            time.sleep(0.02)
