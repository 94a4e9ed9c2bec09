"""Keep-alive load from a process of its own: `python -m bench.load --port N --connections N --seconds N REQUESTS`.

REQUESTS is a file of whole HTTP requests as a JSON list of texts, sent in turn over each connection. Every response is
checked: its status, and that it holds `--holds`. Prints the figures as JSON. It is written straight on asyncio's
protocols and speaks as much HTTP as it needs (a Content-Length, keep-alive), for each microsecond that it spends is
taken from what it measures where there are few processors.
"""

import argparse
import asyncio
import itertools
import json
import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Figures:
    """Of one round. `wrong`: responses with another status than 200, or without what they were to hold."""

    requests: int
    wrong: int
    per_second: float
    p50_ms: float
    p99_ms: float


class _Caller(asyncio.Protocol):
    """One connection: sends a request, waits for the response, sends the next, while there is one and time."""

    def __init__(self, requests: Iterator[bytes], holds: Sequence[bytes], ends: float = math.inf) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.seconds: list[float] = []
        self.wrong = 0
        self._requests = requests
        self._holds = holds
        self._ends = ends
        self._over = False
        self._heard = b""
        self._started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._send()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head = self._heard.find(b"\r\n\r\n")
        length = _LENGTH.search(self._heard, 0, head + 2) if head >= 0 else None
        if not length or len(self._heard) < head + 4 + int(length.group(1)):
            return
        self.seconds.append(time.perf_counter() - self._started)
        self.wrong += not self._heard.startswith(b"HTTP/1.1 200") or any(
            text not in self._heard for text in self._holds
        )
        self._heard = b""
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        self.wrong += not self._over  # hung up on
        self.done.set_result(None)

    def _send(self) -> None:
        """The next one, or none: where there is no other, or no more time."""
        self._started = time.perf_counter()
        request = next(self._requests, None) if self._started < self._ends else None
        if request is None:
            self._over = True
            self._transport.close()
        else:
            self._transport.write(request)


async def load(
    port: int, requests: Sequence[bytes], holds: Sequence[bytes], connections: int, seconds: float
) -> Figures:
    """One round of load: the requests over and over, until the time is up."""
    ends = time.perf_counter() + seconds
    turns = []
    for connection in range(connections):
        first = connection * len(requests) // connections  # far apart: no two send the same in a row
        turns.append(itertools.cycle([*requests[first:], *requests[:first]]))
    return await _called(port, turns, holds, ends)


async def once(port: int, requests: Sequence[bytes], holds: Sequence[bytes], connections: int) -> Figures:
    """Each of the requests once, by whichever connection is free."""
    return await _called(port, [iter(requests)] * connections, holds, math.inf)


async def _called(port: int, turns: Sequence[Iterator[bytes]], holds: Sequence[bytes], ends: float) -> Figures:
    """A connection for each turn of requests."""
    started = time.perf_counter()
    callers = [_Caller(turn, holds, ends) for turn in turns]
    for caller in callers:
        await asyncio.get_running_loop().create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(caller.done for caller in callers))
    took = time.perf_counter() - started
    all_seconds = sorted(second for caller in callers for second in caller.seconds)
    count = len(all_seconds)
    return Figures(
        requests=count,
        wrong=sum(caller.wrong for caller in callers),
        per_second=count / took,
        p50_ms=1000 * all_seconds[count // 2],
        p99_ms=1000 * all_seconds[int(count * 0.99)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--holds", action="append", default=[], help="what each response has to hold")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3)
    wanted = parser.parse_args()
    requests = [text.encode() for text in json.loads(wanted.requests.read_text(encoding="utf-8"))]
    figures = _run(wanted.port, requests, [text.encode() for text in wanted.holds], wanted.connections, wanted.seconds)
    print(json.dumps(asdict(figures)))


def _run(port: int, requests: Sequence[bytes], holds: Sequence[bytes], connections: int, seconds: float) -> Figures:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(load(port, requests, holds, connections, seconds))
    return uvloop.run(load(port, requests, holds, connections, seconds))


if __name__ == "__main__":
    main()
