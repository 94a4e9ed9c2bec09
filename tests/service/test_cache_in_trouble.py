"""Redis stopped, frozen, full or no Redis at all costs a miss and nothing more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY
from redis import Redis
from redis.exceptions import RedisError

from service.cache import RedisStore
from service.core.errors import GradingError, StoreUnavailable
from tests.redis_server import RedisServer
from tests.service.stores import TTL_SECONDS, Clock, failures, redis_store, remembered

BRISK_SECONDS = 0.5  # where it answers at first and then does not
HASTY_SECONDS = 0.05  # where it is known not to answer

Reply = Callable[[bytes], Awaitable[bytes]]


def asked(operation: str) -> float:
    """How often Redis was asked for it."""
    return REGISTRY.get_sample_value("grader_store_seconds_count", {"operation": operation}) or 0.0


async def until_ready(store: RedisStore) -> bool:
    """Whether it answers within a moment or two: what was frozen has to catch up."""
    for _ in range(100):
        if await store.ready():
            return True
    return False


def saying(words: bytes) -> Reply:
    async def reply(_: bytes) -> bytes:
        return words

    return reply


@asynccontextmanager
async def other_server(reply: Reply) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that is no Redis and hangs up where it has nothing to reply; its url, and who called."""
    callers: list[str] = []
    talks: list[asyncio.Task[None] | None] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        callers.append(str(writer.get_extra_info("peername")))
        while (said := await reader.read(4096)) and (words := await reply(said)):
            writer.write(words)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", callers
        await asyncio.gather(*filter(None, talks), return_exceptions=True)


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """For tests that harm it."""
    with RedisServer() as server:
        yield server


class TestRedisInTrouble:
    async def assert_all_fails_softly(self, store: RedisStore, cause: type[Exception]) -> None:
        before = {name: failures(name) for name in ("read", "write", "forget", "ready")}
        assert await store.read("s", ["a"]) == {}
        await store.write("s", {"a": remembered()})
        assert await store.read_reply("s", "whole") is None
        await store.keep_reply("s", "whole", b"{}")
        assert await store.ready() is False
        with pytest.raises(StoreUnavailable, match="GRADER_REDIS_URL") as caught:
            await store.forget("s")
        assert isinstance(caught.value, GradingError)
        assert isinstance(caught.value.__cause__, cause)
        more = {"read": 2, "write": 2, "forget": 1, "ready": 1}
        assert {name: failures(name) - count for name, count in before.items()} == more

    async def test_a_server_that_stops_is_missed_and_found_again(self, own_server: RedisServer) -> None:
        async with redis_store(own_server.url) as store:
            await store.write("s", {"a": remembered()})
            own_server.stop()
            await self.assert_all_fails_softly(store, RedisError)
            own_server.start()
            assert await store.ready() is True
            await store.write("s", {"a": remembered("again")})
            assert await store.read("s", ["a"]) == {"a": remembered("again")}

    async def test_a_restart_between_two_operations_costs_no_miss(self, own_server: RedisServer) -> None:
        async with redis_store(own_server.url) as store:
            await store.write("s", {"a": remembered()})
            own_server.stop()
            await asyncio.to_thread(own_server.start)  # meanwhile the loop learns that the old connection is gone
            await store.write("s", {"a": remembered("again")})
            assert await store.read("s", ["a"]) == {"a": remembered("again")}

    async def test_a_server_frozen_before_the_first_connection_is_a_miss(self, own_server: RedisServer) -> None:
        async with redis_store(own_server.url, HASTY_SECONDS) as store:
            own_server.freeze()
            await self.assert_all_fails_softly(store, Exception)

    async def test_a_server_frozen_under_open_connections_is_a_miss(self, own_server: RedisServer) -> None:
        async with redis_store(own_server.url, BRISK_SECONDS) as store:
            assert await store.ready() is True
            own_server.freeze()
            await self.assert_all_fails_softly(store, Exception)

    async def test_a_frozen_server_is_left_alone_after_a_while_and_found_again(self, own_server: RedisServer) -> None:
        clock = Clock()
        store = RedisStore(own_server.url, TTL_SECONDS, HASTY_SECONDS, clock)
        own_server.freeze()
        tried, before = asked("read"), failures("read")
        for _ in range(10):
            assert await store.read("s", ["a"]) == {}
        assert asked("read") == tried + 4
        assert failures("read") == before + 10
        with pytest.raises(StoreUnavailable):  # an erasure is always tried
            await store.forget("s")
        assert asked("forget") > 0
        clock.now += 1
        await store.write("s", {"a": remembered()})  # one is let through, in vain
        assert await store.read("s", ["a"]) == {}
        assert asked("read") == tried + 4
        own_server.thaw()
        assert await until_ready(store)
        clock.now += 1
        await store.write("s", {"a": remembered()})
        assert await store.read("s", ["a"]) == {"a": remembered()}
        await store.close()

    async def test_a_server_that_is_gone_is_asked_each_time(self, own_server: RedisServer) -> None:
        async with redis_store(own_server.url) as store:
            own_server.stop()
            tried = asked("read")
            for _ in range(10):
                assert await store.read("s", ["a"]) == {}
            assert asked("read") == tried + 10
            own_server.start()
            await store.write("s", {"a": remembered()})
            assert await store.read("s", ["a"]) == {"a": remembered()}

    async def test_more_readers_than_connections_all_miss_while_it_is_frozen(self, own_server: RedisServer) -> None:
        async with redis_store(own_server.url, HASTY_SECONDS) as store:
            own_server.freeze()
            before = failures("read")
            assert await asyncio.gather(*(store.read("s", ["a"]) for _ in range(100))) == [{}] * 100
            assert failures("read") == before + 100

    async def test_one_who_gives_up_on_a_frozen_server_does_not_take_the_others_along(
        self, own_server: RedisServer
    ) -> None:
        async with redis_store(own_server.url) as store:
            await store.write("s", {"a": remembered()})
            own_server.freeze()
            leaver, stayer = (asyncio.create_task(store.read("s", ["a"])) for _ in range(2))
            for _ in range(50):
                await asyncio.sleep(0)
            leaver.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaver
            own_server.thaw()
            assert await stayer == {"a": remembered()}

    @pytest.mark.parametrize("given_up", ["by the store", "by the caller"])
    async def test_a_reply_that_comes_too_late_is_never_taken_for_another(
        self, own_server: RedisServer, given_up: str
    ) -> None:
        async with redis_store(own_server.url, BRISK_SECONDS) as store:
            await store.write("ours", {"a": remembered("ours")})
            await store.write("theirs", {"a": remembered("theirs")})
            own_server.freeze()
            reading = asyncio.create_task(store.read("ours", ["a"]))
            if given_up == "by the caller":
                for _ in range(50):  # turns of the loop, by when the command is on its way
                    await asyncio.sleep(0)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
            else:
                assert await reading == {}
            own_server.thaw()
            assert await store.read("theirs", ["a"]) == {"a": remembered("theirs")}

    async def test_a_full_server_keeps_nothing_new_and_still_gives_what_it_has(self, own_server: RedisServer) -> None:
        async with redis_store(own_server.url) as store:
            await store.write("s", {"a": remembered()})
            with Redis.from_url(own_server.url) as raw:
                raw.config_set("maxmemory", 1)
            before = failures("write")
            await store.write("s", {"b": remembered()})
            assert failures("write") == before + 1
            assert await store.read("s", ["a", "b"]) == {"a": remembered()}
            assert await store.forget("s") is True

    async def test_a_wrong_password_is_a_miss(self, redis_server: RedisServer) -> None:
        async with redis_store(redis_server.url.replace("//", "//:wrong@")) as store:
            await self.assert_all_fails_softly(store, RedisError)

    @pytest.mark.parametrize(
        "reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*abc\r\n", b"\xff\xfe\r\n", b"+OK\r\n"]
    )
    async def test_a_server_that_is_no_redis_is_a_miss(self, reply: bytes) -> None:
        async with other_server(saying(reply)) as (url, _), redis_store(url, BRISK_SECONDS) as store:
            assert await store.read("s", ["a"]) == {}
            await store.write("s", {"a": remembered()})

    async def test_replies_that_are_each_in_time_but_not_together_are_a_miss(self) -> None:
        # Greeting, introduction and PING: three waits of 0.08 s, each within 0.1 s; all three are not within 0.15 s.
        async def slowly(said: bytes) -> bytes:
            await asyncio.sleep(0.08)
            return b"+OK\r\n" * said.count(b"CLIENT") + b"+PONG\r\n" * said.count(b"PING")

        async with other_server(slowly) as (url, callers), redis_store(url, 0.1) as store:
            assert await store.ready() is False
            assert len(callers) == 1

    async def test_nothing_is_tried_twice(self) -> None:
        async with other_server(saying(b"")) as (url, callers), redis_store(url) as store:
            assert await store.read("s", ["a"]) == {}
            assert len(callers) == 1
            with pytest.raises(StoreUnavailable):
                await store.forget("s")
            assert len(callers) == 2

    async def test_a_store_in_trouble_can_be_closed_and_the_password_is_not_told(self) -> None:
        store = RedisStore("redis://:pa55word@127.0.0.1:1/0", TTL_SECONDS, HASTY_SECONDS)
        with pytest.raises(StoreUnavailable) as caught:
            await store.forget("s")
        assert "pa55word" not in str(caught.value)
        await store.close()

    @pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost:6379", "redis://localhost:port"])
    async def test_a_url_that_cannot_be_meant_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            RedisStore(url, TTL_SECONDS)
