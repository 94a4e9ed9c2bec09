"""Stores of verdicts, what they are given to remember, and a look behind their backs."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from prometheus_client import REGISTRY
from redis import Redis

from service.cache import RedisStore, Remembered
from service.core.rubric import Pitfall, Point
from service.core.verdict import Mention, Verdict
from tests.redis_server import RedisServer

TTL_SECONDS = 600.0
PATIENT_SECONDS = 20.0  # where the server is well: a busy machine must not look like one in trouble

POINT = Point(id="p1", text="names a trade-off", met_when="two sides are weighed", partial_when="one side only")
PITFALL = Pitfall(id="f1", text="blames the team", expected="own part", committed_when="others alone are at fault")


class Clock:
    """Time that goes by when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


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


@contextmanager
def emptied(server: RedisServer) -> Iterator[Redis]:
    """The server, emptied, to look behind the store's back."""
    with Redis.from_url(server.url, decode_responses=True) as client:
        client.flushall()
        yield client
