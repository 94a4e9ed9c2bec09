"""The fake network does to replies what it says, or the tests that use it would show nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import pytest_asyncio

from tests.fault_proxy import GARBAGE, Fault, FaultProxy


@pytest_asyncio.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """Before a server that repeats what it is sent."""

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(100):
                writer.write(piece)
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    proxy = FaultProxy(server.sockets[0].getsockname()[1])
    await proxy.suffer(Fault())
    yield proxy
    await proxy.close()
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.05)  # for the server's end of each connection to have seen it


@asynccontextmanager
async def sent(proxy: FaultProxy) -> AsyncIterator[asyncio.StreamReader]:
    """Ten digits, and what comes of them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(b"0123456789")
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_without_a_fault_all_goes_through(proxy: FaultProxy) -> None:
    async with sent(proxy) as reader:
        assert await reader.readexactly(10) == b"0123456789"


async def test_a_delayed_reply_comes_whole_in_the_end(proxy: FaultProxy) -> None:
    await proxy.suffer(Fault("delay", seconds=0.2))
    async with sent(proxy) as reader:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        assert await reader.readexactly(10) == b"0123456789"


async def test_a_stalled_reply_stops_half_way_with_its_connection_open(proxy: FaultProxy) -> None:
    await proxy.suffer(Fault("stall", after_bytes=4))
    async with sent(proxy) as reader:
        assert await reader.readexactly(4) == b"0123"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)


@pytest.mark.parametrize(("fault", "reply"), [(Fault("cut", after_bytes=4), b"0123"), (Fault("garbage"), GARBAGE)])
async def test_a_reply_that_is_cut_or_garbage_ends_in_order(fault: Fault, reply: bytes, proxy: FaultProxy) -> None:
    await proxy.suffer(fault)
    async with sent(proxy) as reader:
        assert await reader.read() == reply


async def test_a_reset_is_no_orderly_end(proxy: FaultProxy) -> None:
    await proxy.suffer(Fault("reset"))
    async with sent(proxy) as reader:
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_where_it_refuses_nobody_listens_and_afterwards_the_same_port_is_open(proxy: FaultProxy) -> None:
    async with sent(proxy) as held:
        await held.readexactly(10)
        await proxy.suffer(Fault("refuse"))
        with pytest.raises(ConnectionResetError):
            await held.read()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.suffer(Fault())
    async with sent(proxy) as reader:
        assert await reader.readexactly(10) == b"0123456789"
