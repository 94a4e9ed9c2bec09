"""Remember verdicts per answer and criterion, in Redis or in this process; a store that is away is only a miss."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Protocol

from cachetools import TTLCache
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

_MOST_CONNECTIONS = 32


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
    framed = json.dumps([owner, fingerprint])  # quoted, so that no part of one can pass for a part of the other
    return hmac.new(secret, framed.encode(), "sha256").hexdigest()


@lru_cache(maxsize=2048)
def verdict_key(
    judge_identity: str, template_digest: str, question: str, criterion: Criterion, example: str | None = None
) -> str:
    """32 hex digits of all that shapes a verdict on a given answer and nothing else: no id, no weight, no neighbour.

    `example` is the rubric's example answer where the judge looks at it.
    """
    shaping = [judge_identity, template_digest, question, criterion_content(criterion)]
    return digest_of([*shaping, example] if example else shaping)[:32]


class MemoryStore:
    """A store that lives and dies with the process; the answers that were longest unused make room for new ones."""

    def __init__(self, most_answers: int, ttl_seconds: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._slots: TTLCache[str, dict[str, Remembered]] = TTLCache(most_answers, ttl_seconds, timer)

    async def read(self, slot: str, fields: Sequence[str]) -> dict[str, Remembered]:
        held = self._held(slot)
        return {field: held[field] for field in fields if field in held}

    async def write(self, slot: str, values: Mapping[str, Remembered]) -> None:
        if values:
            self._slots[slot] = {**self._held(slot), **values}

    async def forget(self, slot: str) -> bool:
        self._slots.expire()  # what is over its time is out of reach but still held
        return self._slots.pop(slot, None) is not None

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._slots.clear()

    def _held(self, slot: str) -> dict[str, Remembered]:
        try:
            return self._slots[slot]
        except KeyError:
            return {}


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
    no operation takes more than 0.05 s over `timeout_seconds`, connecting included. Raises ValueError for a bad url.
    """

    def __init__(self, url: str, ttl_seconds: float, timeout_seconds: float = 0.2) -> None:
        self._redis = connected(url, timeout_seconds)
        self._ttl = timedelta(seconds=ttl_seconds)
        self._most_seconds = timeout_seconds + 0.05

    async def read(self, slot: str, fields: Sequence[str]) -> dict[str, Remembered]:
        if not fields:
            return {}
        try:
            async with self._operation("read"):
                values = dict(zip(fields, await self._redis.hmget(_key(slot), fields), strict=True))
        except StoreUnavailable:
            return {}
        found = {field: _decoded(value) for field, value in values.items() if value is not None}
        return {field: remembered for field, remembered in found.items() if remembered}

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

    @asynccontextmanager
    async def _operation(self, name: str) -> AsyncIterator[None]:
        """Bounded and measured; all that can be wrong with Redis is counted and becomes StoreUnavailable."""
        try:
            # The sockets' own limits hold for one reply each, and not for finding the host or waiting for a turn.
            with STORE_SECONDS.labels(name).time():
                async with asyncio.timeout(self._most_seconds):
                    yield
        except (RedisError, OSError, ValueError) as error:  # ValueError: a reply that is not in Redis's terms
            STORE_FAILURES.labels(name).inc()
            raise StoreUnavailable(
                f"the store did not confirm {name!r} ({type(error).__name__}); "
                "try again, and if it stays so see that the Redis at GRADER_REDIS_URL answers"
            ) from error


def _key(slot: str) -> str:
    return f"grader:{slot}"


def _decoded(value: str | bytes) -> Remembered | None:
    try:
        return Remembered.model_validate_json(value)
    except ValidationError:  # another release's form, or another program's value
        STORE_FAILURES.labels("decode").inc()
        return None
