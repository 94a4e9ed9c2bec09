"""In this process, an answer is remembered for its time and while there is room."""

import gc
import weakref

from service.cache import MemoryStore
from tests.service.stores import remembered


class TestMemoryStore:
    async def test_an_answer_is_kept_for_its_time_from_the_last_write(self) -> None:
        now = 0.0
        store = MemoryStore(most_answers=10, ttl_seconds=10, timer=lambda: now)
        await store.write("s", {"a": remembered()})
        now = 9.0
        await store.write("s", {"b": remembered()})
        now = 18.9  # 18.9 s after the first write, 9.9 s after the last
        assert set(await store.read("s", ["a", "b"])) == {"a", "b"}
        now = 19.0
        assert await store.read("s", ["a", "b"]) == {}
        assert await store.forget("s") is False

    async def test_a_reply_lengthens_no_life(self) -> None:
        now = 0.0
        store = MemoryStore(most_answers=10, ttl_seconds=10, timer=lambda: now)
        await store.write("s", {"a": remembered()})
        now = 9.0
        await store.keep_reply("s", "whole", b"{}")
        assert await store.read_reply("s", "whole") == b"{}"
        now = 10.0
        assert await store.read_reply("s", "whole") is None

    async def test_a_write_after_the_time_does_not_bring_the_old_back(self) -> None:
        now = 0.0
        store = MemoryStore(most_answers=10, ttl_seconds=10, timer=lambda: now)
        await store.write("s", {"a": remembered()})
        now = 10.0
        await store.write("s", {"b": remembered()})
        assert set(await store.read("s", ["a", "b"])) == {"b"}

    async def test_what_is_forgotten_after_its_time_is_let_go(self) -> None:
        now = 0.0
        store = MemoryStore(most_answers=10, ttl_seconds=10, timer=lambda: now)
        value = remembered()
        held = weakref.ref(value)
        await store.write("s", {"a": value})
        del value
        assert held() is not None
        now = 10.0
        await store.forget("s")
        gc.collect()
        assert held() is None

    async def test_the_answer_longest_unused_makes_room(self) -> None:
        store = MemoryStore(most_answers=2, ttl_seconds=10, timer=lambda: 0.0)
        await store.write("first", {"a": remembered()})
        await store.write("second", {"a": remembered()})
        await store.read("first", ["a"])
        await store.write("third", {"a": remembered()})
        assert [bool(await store.read(slot, ["a"])) for slot in ("first", "second", "third")] == [True, False, True]

    async def test_what_a_reader_does_to_its_copy_stays_there(self) -> None:
        store = MemoryStore(most_answers=2, ttl_seconds=10)
        await store.write("s", {"a": remembered()})
        (await store.read("s", ["a"])).clear()
        assert await store.read("s", ["a"]) == {"a": remembered()}
