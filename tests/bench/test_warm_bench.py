"""The load that the warm benchmark makes is counted right, and a wrong reply is not taken for a quick one."""

import asyncio

import pytest

from bench.load import Figures, load, once
from bench.warm import Round, report

REQUESTS = [b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n" + name for name in (b"a", b"b", b"c")]


class Server:
    """Replies with what it was last sent, in two pieces; or does what a broken one would."""

    def __init__(self, head: bytes = b"HTTP/1.1 200 OK", hang_up_after: int = 10**9) -> None:
        self.heard: list[bytes] = []
        self._head = head
        self._hang_up_after = hang_up_after

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(len(REQUESTS[0])):
            self.heard.append(head[-1:])
            if len(self.heard) > self._hang_up_after:
                break
            writer.write(self._head + b"\r\nx-cache: hit\r\ncontent-length: 4\r\n\r\nsa")
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(b"id")
        writer.close()


async def figures_of(server: Server, *holds: bytes) -> Figures:
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    async with listener:
        return await load(listener.sockets[0].getsockname()[1], REQUESTS, holds, connections=2, seconds=0.2)


async def test_every_response_is_counted_once_and_the_requests_go_out_in_turn() -> None:
    server = Server()
    figures = await figures_of(server, b"said", b"\r\nx-cache: hit\r\n")
    assert figures.requests == len(server.heard) > 10
    assert figures.wrong == 0
    assert set(server.heard) == {b"a", b"b", b"c"}
    assert 0 < figures.p50_ms <= figures.p99_ms


async def test_a_batch_is_each_request_once() -> None:
    server = Server()
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    async with listener:
        figures = await once(listener.sockets[0].getsockname()[1], REQUESTS, [b"said"], connections=2)
    assert (figures.requests, figures.wrong) == (3, 0)
    assert sorted(server.heard) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("server", "holds"), [(Server(head=b"HTTP/1.1 401 No"), b""), (Server(), b"something else")], ids=["status", "body"]
)
async def test_a_response_that_is_not_as_wanted_is_wrong(server: Server, holds: bytes) -> None:
    figures = await figures_of(server, holds)
    assert figures.wrong == figures.requests > 0


async def test_a_connection_that_is_hung_up_on_is_wrong() -> None:
    assert (await figures_of(Server(hang_up_after=10))).wrong > 0


def test_the_report_divides_the_medians() -> None:
    def rounds(*rates: float) -> list[Round]:
        return [Round(Figures(100, 0, rate, 1.0, 2.0), cpu_us=50.0) for rate in rates]

    lines = report({"grader serve": rounds(900, 1000, 5000), "bare": rounds(500, 400, 800)})
    assert lines[2:] == [
        "| grader serve | 1,000 (900-5,000) | 1.0 | 2.0 | 50 | 1.00 |",
        "| bare | 500 (400-800) | 1.0 | 2.0 | 50 | 2.00 |",
    ]
