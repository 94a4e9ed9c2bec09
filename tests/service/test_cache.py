"""Verdicts are remembered per owner, answer and criterion, and a store in trouble costs a miss and nothing more."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from redis import Redis
from redis.exceptions import RedisError

from service.cache import MemoryStore, RedisStore, Remembered, VerdictStore, slot_of, verdict_key
from service.core.answer import Answer
from service.core.errors import GradingError, StoreUnavailable
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point, StarCriterion, StarPart
from service.core.verdict import Mention, Verdict
from tests.redis_server import RedisServer

TTL_SECONDS = 600.0
PATIENT_SECONDS = 20.0  # where the server is well: a busy machine must not look like one in trouble
BRISK_SECONDS = 0.5  # where it answers at first and then does not
HASTY_SECONDS = 0.05  # where it is known not to answer

POINT = Point(id="p1", text="names a trade-off", met_when="two sides are weighed", partial_when="one side only")
PITFALL = Pitfall(id="f1", text="blames the team", expected="own part", committed_when="others alone are at fault")


def remembered(criterion_id: str = "p1", cost_usd: float | None = 0.0004) -> Remembered:
    verdict = Verdict(
        criterion_id=criterion_id,
        level="avoided",
        mention=Mention.WARNS,
        sentences=(1, 3),
        reason="“naïve” → weighed",
        confidence=0.9,
        model="local:m",
        prompt="point-v1@3f9c",
    )
    return Remembered(verdict=verdict, cost_usd=cost_usd)


def failures(operation: str) -> float:
    return REGISTRY.get_sample_value("grader_store_failures_total", {"operation": operation}) or 0.0


@asynccontextmanager
async def redis_store(url: str, timeout_seconds: float = PATIENT_SECONDS) -> AsyncIterator[RedisStore]:
    store = RedisStore(url, TTL_SECONDS, timeout_seconds)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def raw(redis_server: RedisServer) -> Iterator[Redis]:
    """The shared server, emptied, to look behind the store's back."""
    with Redis.from_url(redis_server.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[VerdictStore]:
    if request.param == "memory":
        yield MemoryStore(most_answers=10, ttl_seconds=TTL_SECONDS)
    else:
        request.getfixturevalue("raw")
        async with redis_store(request.getfixturevalue("redis_server").url) as redis:
            yield redis


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """For tests that harm it."""
    with RedisServer() as server:
        yield server


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


class TestWhatStandsInRedis:
    async def test_values_are_json_in_one_hash_per_answer(self, redis_server: RedisServer, raw: Redis) -> None:
        async with redis_store(redis_server.url) as store:
            await store.write("s", {"a": remembered(cost_usd=0.5)})
        assert raw.keys("*") == ["grader:s"]
        value = json.loads(cast(str, raw.hget("grader:s", "a")))
        assert value["cost_usd"] == 0.5
        assert value["verdict"]["reason"] == "“naïve” → weighed"

    async def test_every_write_renews_the_time_to_live(self, redis_server: RedisServer, raw: Redis) -> None:
        async with redis_store(redis_server.url) as store:
            await store.write("s", {"a": remembered()})
            assert 0 < raw.ttl("grader:s") <= TTL_SECONDS
            raw.persist("grader:s")
            assert raw.ttl("grader:s") == -1
            await store.write("s", {"b": remembered()})
            assert 0 < raw.ttl("grader:s") <= TTL_SECONDS

    async def test_a_reply_leaves_the_time_to_live_as_it_is(self, redis_server: RedisServer, raw: Redis) -> None:
        async with redis_store(redis_server.url) as store:
            await store.write("s", {"a": remembered()})
            raw.expire("grader:s", 5)
            await store.keep_reply("s", "whole", b"{}")
            assert raw.hget("grader:s", "whole") == "{}"
            assert 0 < raw.ttl("grader:s") <= 5

    async def test_no_word_of_the_answer_or_its_owner_stands_in_a_key(
        self, redis_server: RedisServer, raw: Redis
    ) -> None:
        answer = Answer.of("Deadlines slipped because Kowalski overfitted.")
        field = verdict_key("local:m", "3f9c", "What went wrong?", POINT)
        async with redis_store(redis_server.url) as store:
            await store.write(slot_of(b"secret", "acme-hiring", answer.fingerprint), {field: remembered()})
        keys = cast(list[str], raw.keys("*"))
        written = " ".join([*keys, *cast(list[str], raw.hkeys(keys[0]))]).casefold()
        assert field in written
        for private in (*answer.words, answer.fingerprint, "acme-hiring", "secret"):
            assert private not in written

    async def test_an_answer_is_written_in_one_transaction_and_read_with_one_command(
        self, redis_server: RedisServer, raw: Redis
    ) -> None:
        fields = [f"field{n}" for n in range(30)]
        async with redis_store(redis_server.url) as store:
            raw.config_resetstat()
            await store.write("s", dict.fromkeys(fields, remembered()))
            assert set(await store.read("s", fields)) == set(fields)
        calls = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in raw.info("commandstats").items()}
        wanted = {"multi": 1, "hset": 1, "pexpire": 1, "exec": 1, "hmget": 1}
        assert {name: calls.get(name) for name in wanted} == wanted

    async def test_more_readers_than_connections_wait_their_turn(self, redis_server: RedisServer, raw: Redis) -> None:
        async with redis_store(redis_server.url) as store:
            await store.write("s", {"a": remembered()})
            found = await asyncio.gather(*(store.read("s", ["a"]) for _ in range(200)))
        assert found == [{"a": remembered()}] * 200
        assert raw.keys("*") == ["grader:s"]

    async def test_readers_of_one_turn_share_a_round_trip_and_one_bad_slot_is_its_own_misfortune(
        self, redis_server: RedisServer, raw: Redis
    ) -> None:
        before = failures("read")
        raw.set("grader:bad", "no hash")
        async with redis_store(redis_server.url) as store:
            await store.write("s", {"a": remembered()})
            await store.keep_reply("s", "whole", b"{}")
            connections = raw.info("clients")["connected_clients"]
            found = await asyncio.gather(
                store.read("s", ["a"]), store.read("bad", ["a"]), store.read_reply("s", "whole"), store.read("t", ["b"])
            )
            assert raw.info("clients")["connected_clients"] == connections
        assert list(found) == [{"a": remembered()}, {}, b"{}", {}]
        assert failures("read") == before + 1

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "garbage",
            b"\x80\x04\x95pickle",
            b"\xff\xfe",
            "null",
            "[]",
            "7",
            '"met"',
            "[" * 100_000,
            '{"level": "met"}',
            '{"cost_usd": null}',
            '{"verdict": {"criterion_id": "p1", "level": "excellent"}, "cost_usd": null}',
            '{"verdict": {"criterion_id": "p1", "level": "met", "score": 3}, "cost_usd": null}',
            '{"verdict": {"criterion_id": "p1", "level": "met", "confidence": 7}, "cost_usd": null}',
            '{"verdict": {"criterion_id": "p1", "level": "met"}, "cost_usd": NaN}',
            '{"verdict": {"criterion_id": "p1", "level": "met"}, "cost_usd": null, "points": 4}',
        ],
    )
    async def test_an_unreadable_value_is_a_miss_beside_readable_ones(
        self, redis_server: RedisServer, raw: Redis, value: str | bytes
    ) -> None:
        before = failures("decode")
        async with redis_store(redis_server.url) as store:
            await store.write("s", {"good": remembered()})
            raw.hset("grader:s", "bad", value)
            assert await store.read("s", ["bad", "good"]) == {"good": remembered()}
            assert failures("decode") == before + 1
            await store.write("s", {"bad": remembered("mended")})
            assert await store.read("s", ["bad"]) == {"bad": remembered("mended")}

    async def test_a_key_of_another_type_is_a_miss_and_can_be_forgotten(
        self, redis_server: RedisServer, raw: Redis
    ) -> None:
        before = failures("read"), failures("write")
        raw.set("grader:s", "no hash")
        async with redis_store(redis_server.url) as store:
            assert await store.read("s", ["a"]) == {}
            await store.write("s", {"a": remembered()})
            assert (failures("read"), failures("write")) == (before[0] + 1, before[1] + 1)
            assert await store.forget("s") is True


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


Reply = Callable[[bytes], Awaitable[bytes]]


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


class TestSlot:
    def test_is_the_same_for_the_same_owner_and_answer_and_no_other(self) -> None:
        slots = {
            slot_of(secret, owner, fingerprint)
            for secret in (b"one", b"two")
            for owner, fingerprint in [
                ("ab", "c"),
                ("a", "bc"),
                ("", "abc"),
                ("abc", ""),
                ('a", "b', "c"),
                ("a", 'b", "c'),
            ]
        }
        assert len(slots) == 2 * 6
        assert slot_of(b"one", "ab", "c") == slot_of(b"one", "ab", "c")

    def test_is_64_hex_digits_whatever_the_owner_is_called(self) -> None:
        for owner in ("open", "Łukasz", "", "\ud800"):
            slot = slot_of(b"secret", owner, "f")
            assert len(slot) == 64
            assert set(slot) <= set("0123456789abcdef")


def key(criterion: Criterion, judge: str = "j", template: str = "t", question: str = "q") -> str:
    return verdict_key(judge, template, question, criterion)


class TestVerdictKey:
    @pytest.mark.parametrize("criterion", [POINT, PITFALL])
    @pytest.mark.parametrize("change", [{"id": "other"}, {"weight": 2.5}])
    def test_a_new_id_or_weight_asks_nothing_again(self, criterion: Point | Pitfall, change: dict[str, Any]) -> None:
        assert key(criterion.model_copy(update=change)) == key(criterion)

    @pytest.mark.parametrize(
        ("criterion", "change"),
        [
            (POINT, {"text": "names two trade-offs"}),
            (POINT, {"met_when": None}),
            (POINT, {"partial_when": "half"}),
            (POINT, {"met_when": POINT.partial_when, "partial_when": POINT.met_when}),
            (PITFALL, {"text": "blames the tools"}),
            (PITFALL, {"kind": PitfallKind.OMISSION}),
            (PITFALL, {"expected": None}),
            (PITFALL, {"committed_when": "others are named"}),
            (StarCriterion(part=StarPart.TASK), {"part": StarPart.ACTION}),
        ],
    )
    def test_a_change_of_content_asks_again(self, criterion: Criterion, change: dict[str, Any]) -> None:
        assert key(criterion.model_copy(update=change)) != key(criterion)

    def test_another_judge_template_or_question_asks_again(self) -> None:
        keys = {key(POINT), key(POINT, judge="k"), key(POINT, template="u"), key(POINT, question="r")}
        assert len(keys) == 4

    def test_neighbouring_parts_cannot_be_shifted_into_one_another(self) -> None:
        assert key(POINT, judge="ab", template="c") != key(POINT, judge="a", template="bc")

    def test_a_point_and_a_pitfall_of_the_same_words_are_two_things(self) -> None:
        assert key(Point(id="x", text="same")) != key(Pitfall(id="x", text="same"))

    def test_is_32_hex_digits_and_stays_the_same_between_releases(self) -> None:
        # A change here forgets, in effect, every verdict that was ever remembered.
        assert key(Point(id="p1", text="Größe")) == "3f3fc4ddb736be79f573f51c3faaee68"
