"""Remember verdicts per answer and criterion, in Redis or in this process; a store that is away is only a miss."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import NamedTuple, Protocol

from cachetools import TTLCache
from interlock.protocols import Clock
from pydantic import ValidationError
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.core.errors import StoreUnavailable
from service.core.frozen import Frozen
from service.core.rubric import Criterion, criterion_content, digest_of
from service.core.verdict import Verdict
from service.metrics import STORE_FAILURES, STORE_SECONDS
from service.patience import LEFT_ALONE, patience
from service.reads import Together

_MOST_CONNECTIONS = 32
_CAN_WAIT = ("read", "write")  # whoever asks to forget, or whether it is ready, is to be told of now

REDIS_TROUBLES = (RedisError, OSError, ValueError, RuntimeError)
"""All that can be wrong with Redis. ValueError: a reply that is not in its terms; RuntimeError: uvloop's word for a
connection that the other side has closed.
"""


class Remembered(Frozen):
    """A verdict and what it cost when it was made; None where that price was unknown.

    Its key knows no criterion id, so the verdict may bear the id that the criterion had then.
    """

    verdict: Verdict
    cost_usd: float | None


class VerdictStore(Protocol):
    """Verdicts by slot (one answer of one owner, see `slot_of`) and field (one criterion, see `verdict_key`)."""

    async def read(self, slot: str, fields: Sequence[str]) -> dict[str, Remembered]:
        """Those of the fields that are remembered. Never raises: what cannot be read is not remembered."""
        ...

    async def write(self, slot: str, values: Mapping[str, Remembered]) -> None:
        """Add to the slot and renew its time to live. Never raises: what cannot be kept will be asked again."""
        ...

    async def read_reply(self, slot: str, field: str) -> bytes | None:
        """A whole reply that was kept beside the verdicts. Never raises, as `read`."""
        ...

    async def keep_reply(self, slot: str, field: str, reply: bytes) -> None:
        """Keep a whole reply beside the slot's verdicts, for as long as they have left; nothing where there are none
        any more, so that what was forgotten stays so. Never raises, as `write`.
        """
        ...

    async def forget(self, slot: str) -> bool:
        """Whether there was something. Raises StoreUnavailable, since nobody may be told of an erasure that wasn't."""
        ...

    async def ready(self) -> bool:
        """Whether the store answers now."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def slot_of(secret: bytes, owner: str, fingerprint: str) -> str:
    """HMAC-SHA256 in hex. Without the secret nobody can tell from it whether some text was graded, nor for whom."""
    # A JSON list: quoted, so that no part of one can pass for a part of the other.
    framed = f"[{encode_basestring_ascii(owner)}, {encode_basestring_ascii(fingerprint)}]"
    return hmac.digest(secret, framed.encode(), "sha256").hex()


@lru_cache(maxsize=2048)
def verdict_key(
    judge_identity: str, template_digest: str, question: str, criterion: Criterion, example: str | None = None
) -> str:
    """32 hex digits of all that shapes a verdict on a given answer and nothing else: no id, no weight, no neighbour.

    `example` is the rubric's example answer where the judge looks at it.
    """
    shaping = [judge_identity, template_digest, question, criterion_content(criterion)]
    return digest_of([*shaping, example] if example else shaping)[:32]


class _Slot(NamedTuple):
    verdicts: dict[str, Remembered]
    replies: dict[str, bytes]


class MemoryStore:
    """A store that lives and dies with the process; the answers that were longest unused make room for new ones."""

    def __init__(self, most_answers: int, ttl_seconds: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._slots: TTLCache[str, _Slot] = TTLCache(most_answers, ttl_seconds, timer)

    async def read(self, slot: str, fields: Sequence[str]) -> dict[str, Remembered]:
        held = self._held(slot).verdicts
        return {field: held[field] for field in fields if field in held}

    async def write(self, slot: str, values: Mapping[str, Remembered]) -> None:
        if values:
            held = self._held(slot)
            self._slots[slot] = _Slot({**held.verdicts, **values}, held.replies)

    async def read_reply(self, slot: str, field: str) -> bytes | None:
        return self._held(slot).replies.get(field)

    async def keep_reply(self, slot: str, field: str, reply: bytes) -> None:
        self._held(slot).replies[field] = reply

    async def forget(self, slot: str) -> bool:
        self._slots.expire()  # what is over its time is out of reach but still held
        return self._slots.pop(slot, None) is not None

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._slots.clear()

    def _held(self, slot: str) -> _Slot:
        """The slot; where there is none an empty one that nobody keeps."""
        try:
            return self._slots[slot]
        except KeyError:
            return _Slot({}, {})


_KEEP_IF_THERE = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end"
"""In one step: a plain HSET would bring a slot back that was just forgotten, and without a time to live."""


class _Read(NamedTuple):
    slot: str
    fields: Sequence[str]


def connected(url: str, timeout_seconds: float) -> Redis:
    """A client that gives up rather than wait or try again. Raises ValueError for a bad url."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_MOST_CONNECTIONS,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),  # its default is ten retries; asking the judge is the better second try
        health_check_interval=0,
        # RESP3 brings maintenance notices, and for their sake the pool hands out connections with unread replies.
        protocol=2,
        client_name="grader",
    )
    return Redis.from_pool(pool)


class RedisStore:
    """A store shared by processes. A Redis that is away, slow, full or frozen is a miss and a count, and never a wait:
    no operation takes more than 0.05 s over `timeout_seconds`, connecting included, and one that does not answer in
    time again and again is not asked for a while (`patience`), but to forget and whether it is ready. What is read
    within one turn of the event loop is read in one round trip. Raises ValueError for a bad url.
    """

    def __init__(self, url: str, ttl_seconds: float, timeout_seconds: float = 0.2, clock: Clock | None = None) -> None:
        self._redis = connected(url, timeout_seconds)
        self._patience = patience("store", clock)
        self._ttl = timedelta(seconds=ttl_seconds)
        self._most_seconds = timeout_seconds + 0.05
        self._reads: Together[_Read, Sequence[bytes | None]] = Together(self._round_trip)

    async def read(self, slot: str, fields: Sequence[str]) -> dict[str, Remembered]:
        if not fields:
            return {}
        values = zip(fields, await self._reads.ask(_Read(slot, fields)), strict=True)
        found = {field: _decoded(value) for field, value in values if value is not None}
        return {field: remembered for field, remembered in found.items() if remembered}

    async def read_reply(self, slot: str, field: str) -> bytes | None:
        [value] = await self._reads.ask(_Read(slot, (field,)))
        return value

    async def keep_reply(self, slot: str, field: str, reply: bytes) -> None:
        try:
            async with self._operation("write"):
                await self._redis.eval(_KEEP_IF_THERE, 1, _key(slot), field, reply)
        except StoreUnavailable:
            return

    async def write(self, slot: str, values: Mapping[str, Remembered]) -> None:
        if not values:
            return
        # A transaction: a slot that was written but got no time to live would stay for ever.
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(_key(slot), mapping={field: value.model_dump_json() for field, value in values.items()})
        pipeline.pexpire(_key(slot), self._ttl)
        try:
            async with self._operation("write"):
                await pipeline.execute()
        except StoreUnavailable:
            return

    async def forget(self, slot: str) -> bool:
        async with self._operation("forget"):
            return bool(await self._redis.delete(_key(slot)))

    async def ready(self) -> bool:
        try:
            async with self._operation("ready"):
                return bool(await self._redis.ping())
        except StoreUnavailable:
            return False

    async def close(self) -> None:
        await self._redis.aclose()

    async def _round_trip(self, reads: Sequence[_Read]) -> list[Sequence[bytes | None]]:
        """Of each read the values of its fields, None for what is not there or could not be had."""
        pipeline = self._redis.pipeline(transaction=False)
        for slot, fields in reads:
            if len(fields) == 1:  # a quarter less work than a list of one
                pipeline.hget(_key(slot), fields[0])
            else:
                pipeline.hmget(_key(slot), fields)
        try:
            async with self._operation("read", len(reads)):
                replies = await pipeline.execute(raise_on_error=False)
        except StoreUnavailable:
            return [(None,) * len(fields) for _, fields in reads]
        return [_values(reply, len(fields)) for reply, (_, fields) in zip(replies, reads, strict=True)]

    @asynccontextmanager
    async def _operation(self, name: str, waiting: int = 1) -> AsyncIterator[None]:
        """Bounded and measured; all that can be wrong with Redis is counted, once for each who waits, and becomes
        StoreUnavailable.
        """
        try:
            async with self._patience if name in _CAN_WAIT else nullcontext():
                # The sockets' own limits hold for one reply each, and not for finding the host or waiting for a turn.
                with STORE_SECONDS.labels(name).time():
                    async with asyncio.timeout(self._most_seconds):
                        yield
        except (*REDIS_TROUBLES, LEFT_ALONE) as error:
            STORE_FAILURES.labels(name).inc(waiting)
            raise StoreUnavailable(
                f"the store did not confirm {name!r} ({type(error).__name__}); "
                "try again, and if it stays so see that the Redis at GRADER_REDIS_URL answers"
            ) from error


def _values(reply: object, count: int) -> Sequence[bytes | None]:
    values = [reply] if count == 1 else reply
    if isinstance(values, list) and len(values) == count and all(isinstance(v, bytes | None) for v in values):
        return values
    STORE_FAILURES.labels("read").inc()  # such as a key of another type, or what no Redis says
    return (None,) * count


def _key(slot: str) -> str:
    return f"grader:{slot}"


def _decoded(value: str | bytes) -> Remembered | None:
    try:
        return Remembered.model_validate_json(value)
    except ValidationError:  # another release's form, or another program's value
        STORE_FAILURES.labels("decode").inc()
        return None
