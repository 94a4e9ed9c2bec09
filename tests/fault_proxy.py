"""A fake network: a proxy on loopback between two real parts, which passes, hurts or withholds what one replies."""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Literal

_PIECE = 65_536
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing resets
GARBAGE = bytes(range(128, 256)) * 4
"""Neither HTTP nor RESP."""


@dataclass(frozen=True)
class Fault:
    """What becomes of replies, from `after_bytes` on of each connection's.

    `delay`: every piece comes `seconds` late. `stall`: no more comes. `reset`, `cut`: the connection is reset, or
    closed in order. `garbage`: other bytes come instead. `refuse`: nobody listens, and open connections are reset.
    """

    kind: Literal["pass", "delay", "stall", "reset", "cut", "garbage", "refuse"] = "pass"
    seconds: float = 0.0
    after_bytes: int = 0


class FaultProxy:
    """Listens on a port of its own, and passes on to `target_port`. A new fault holds for open connections too."""

    def __init__(self, target_port: int) -> None:
        self.port = 0  # any free one at first, and the same ever after
        self._target_port = target_port
        self._fault = Fault()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def suffer(self, fault: Fault) -> None:
        """From now on, this fault; `Fault()` is none."""
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault.kind == "refuse":
            await self.close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Nobody listens from here on, and connections there are end in resets."""
        if self._server:
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            replies, target = await asyncio.open_connection("127.0.0.1", self._target_port)
            requests = asyncio.create_task(_copy(reader, target))
            try:
                await self._reply(replies, client)
            finally:
                requests.cancel()
                target.close()
                await asyncio.gather(requests, target.wait_closed(), return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            _reset(client)
        finally:
            client.close()
            await asyncio.gather(client.wait_closed(), return_exceptions=True)
            self._connections.discard(task)

    async def _reply(self, replies: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        passed = 0
        while piece := await replies.read(_PIECE):
            fault = self._fault
            whole = piece if fault.kind in ("pass", "delay") else piece[: max(0, fault.after_bytes - passed)]
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            client.write(whole)
            await client.drain()
            passed += len(whole)
            if len(whole) == len(piece):
                continue
            match fault.kind:
                case "stall":
                    await self._changed.wait()
                case "reset":
                    _reset(client)
                case "garbage":
                    client.write(GARBAGE)
                    await client.drain()
            return


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    there: socket.socket | None = writer.get_extra_info("socket")
    if there is not None and not writer.is_closing():
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        writer.transport.abort()
