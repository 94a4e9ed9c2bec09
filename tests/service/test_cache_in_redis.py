"""What stands in Redis: how it is written and read, and what of it is not believed."""

import asyncio
import json
from collections.abc import Iterator
from typing import cast

import pytest
from redis import Redis

from service.cache import slot_of, verdict_key
from service.core.answer import Answer
from tests.redis_server import RedisServer
from tests.service.stores import POINT, TTL_SECONDS, emptied, failures, redis_store, remembered


@pytest.fixture
def raw(redis_server: RedisServer) -> Iterator[Redis]:
    with emptied(redis_server) as client:
        yield client


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
