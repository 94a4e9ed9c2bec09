"""Verdicts are remembered per owner, answer and criterion, alike in every store."""

from collections.abc import AsyncIterator

import pytest

from service.cache import MemoryStore, VerdictStore, slot_of
from tests.redis_server import RedisServer
from tests.service.stores import TTL_SECONDS, emptied, failures, redis_store, remembered


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[VerdictStore]:
    if request.param == "memory":
        yield MemoryStore(most_answers=10, ttl_seconds=TTL_SECONDS)
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        with emptied(server):
            async with redis_store(server.url) as redis:
                yield redis


class TestEveryStore:
    async def test_gives_back_what_was_written(self, store: VerdictStore) -> None:
        await store.write("s", {"a": remembered("p1"), "b": remembered("p2", None)})
        assert await store.read("s", ["a", "b"]) == {"a": remembered("p1"), "b": remembered("p2", None)}

    async def test_leaves_out_what_it_does_not_hold(self, store: VerdictStore) -> None:
        await store.write("s", {"a": remembered()})
        assert await store.read("s", ["b", "a"]) == {"a": remembered()}
        assert await store.read("another", ["a"]) == {}

    async def test_a_later_write_adds_to_the_slot_and_replaces_the_same_field(self, store: VerdictStore) -> None:
        await store.write("s", {"a": remembered("old"), "b": remembered("kept")})
        await store.write("s", {"a": remembered("new")})
        assert await store.read("s", ["a", "b"]) == {"a": remembered("new"), "b": remembered("kept")}

    async def test_nothing_asked_and_nothing_written_is_no_failure(self, store: VerdictStore) -> None:
        before = failures("read"), failures("write")
        await store.write("s", {})
        assert await store.read("s", []) == {}
        assert await store.forget("s") is False
        assert (failures("read"), failures("write")) == before

    async def test_forgets_the_whole_slot_and_no_other(self, store: VerdictStore) -> None:
        await store.write("s", {"a": remembered(), "b": remembered()})
        await store.write("t", {"a": remembered()})
        assert await store.forget("s") is True
        assert await store.read("s", ["a", "b"]) == {}
        assert await store.read("t", ["a"]) == {"a": remembered()}
        assert await store.forget("s") is False

    async def test_two_owners_of_the_same_answer_share_nothing(self, store: VerdictStore) -> None:
        ours, theirs = (slot_of(b"secret", owner, "fingerprint") for owner in ("ours", "theirs"))
        await store.write(ours, {"a": remembered()})
        assert await store.read(theirs, ["a"]) == {}
        assert await store.forget(theirs) is False
        assert await store.read(ours, ["a"]) == {"a": remembered()}

    async def test_a_whole_reply_stands_beside_the_verdicts_and_goes_with_them(self, store: VerdictStore) -> None:
        await store.write("s", {"a": remembered()})
        await store.keep_reply("s", "whole", b"\x00{}\xff")
        assert await store.read_reply("s", "whole") == b"\x00{}\xff"
        assert await store.read_reply("s", "another") is None
        assert await store.read_reply("t", "whole") is None
        await store.write("s", {"b": remembered()})
        assert await store.read_reply("s", "whole") == b"\x00{}\xff"
        assert await store.read("s", ["a", "b"]) == {"a": remembered(), "b": remembered()}
        await store.forget("s")
        assert await store.read_reply("s", "whole") is None

    async def test_a_reply_does_not_bring_back_what_was_forgotten(self, store: VerdictStore) -> None:
        await store.write("s", {"a": remembered()})
        await store.forget("s")
        await store.keep_reply("s", "whole", b"{}")
        assert await store.read_reply("s", "whole") is None
        assert await store.forget("s") is False

    async def test_is_ready(self, store: VerdictStore) -> None:
        assert await store.ready() is True
