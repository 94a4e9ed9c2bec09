"""Single-flight over processes: a lease in Redis says who is at a piece of work. A Redis that is away says nothing.

A lease is short and renewed while its holder lives, so a holder that is killed is soon followed by another.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from enum import Enum
from typing import Protocol

from interlock.protocols import Clock

from service.cache import REDIS_TROUBLES, connected
from service.metrics import STORE_FAILURES
from service.patience import LEFT_ALONE, patience

_LEASE_SECONDS = 2.5
_RENEWALS = 3.5  # in the time of one lease, so that two may fail
_FIRST_LOOK_SECONDS, _LONGEST_PAUSE_SECONDS = 0.03, 0.25
_TIMEOUT_SECONDS = 0.2

# Only the holder's own: it may have been paused for longer than its lease.
_RENEW = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
)
_GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class Turn(Enum):
    """Whose turn it is. UNKNOWN: nobody can tell, so everybody goes ahead."""

    OURS = "ours"
    ANOTHERS = "another's"
    UNKNOWN = "unknown"


class Leases(Protocol):
    """Who is at which piece of work."""

    def turns(self, name: str) -> AsyncGenerator[Turn, None]:
        """ANOTHERS as often as it is worth looking whether the other is done, then OURS or UNKNOWN, once.

        A turn of ours holds until the generator is closed. Never raises.
        """
        ...

    async def close(self) -> None:
        """Give back what is still held, and let go of connections."""
        ...


class NoLeases:
    """For a process that shares its store with nobody."""

    async def turns(self, name: str) -> AsyncGenerator[Turn, None]:  # noqa: ARG002
        yield Turn.OURS

    async def close(self) -> None:
        """Nothing is held."""


class RedisLeases:
    """Leases that processes with the same Redis share. No operation takes more than 0.05 s over `timeout_seconds`, and
    a Redis that does not answer in time again and again is not asked for a while (`patience`).

    `lease_seconds` is how long a holder that was killed keeps others waiting. Raises ValueError for a bad url.
    """

    def __init__(
        self,
        url: str,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        lease_seconds: float = _LEASE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
    ) -> None:
        self._redis = connected(url, timeout_seconds)
        self._patience = patience("leases", clock)
        self._most_seconds = timeout_seconds + 0.05
        self._lease_ms = round(lease_seconds * 1000)
        self._renewed_every_seconds = lease_seconds / _RENEWALS
        self._sleep = sleep
        self._renew = self._redis.register_script(_RENEW)
        self._give_back = self._redis.register_script(_GIVE_BACK)
        self._giving_back: set[asyncio.Task[object]] = set()

    async def turns(self, name: str) -> AsyncGenerator[Turn, None]:
        key, token, pause = f"grader:lease:{name}", secrets.token_hex(16), _FIRST_LOOK_SECONDS
        while (turn := await self._taken(key, token)) is Turn.ANOTHERS:
            yield turn
            await self._sleep(random.uniform(pause / 2, pause))  # noqa: S311 - so that not all look at once
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        if turn is Turn.UNKNOWN:
            yield turn
            return
        renewing = asyncio.create_task(self._renewed(key, token))
        try:
            yield turn
        finally:
            renewing.cancel()
            # Nobody waits for it: the verdicts are written, and whoever is next looks there first.
            task = asyncio.create_task(self._tried("give_back", lambda: self._give_back([key], [token])))
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._giving_back)
        await self._redis.aclose()

    async def _taken(self, key: str, token: str) -> Turn:
        taken = await self._tried(
            "lease", lambda: self._redis.set(key, token, nx=True, px=self._lease_ms), Turn.UNKNOWN
        )
        if isinstance(taken, Turn):
            return taken
        return Turn.OURS if taken else Turn.ANOTHERS

    async def _renewed(self, key: str, token: str) -> None:
        """Until cancelled, or the lease is another's: then two are at work, which costs and does no harm."""
        held: object = True
        while held != 0:
            await self._sleep(self._renewed_every_seconds)
            held = await self._tried("renew", lambda: self._renew([key], [token, self._lease_ms]))

    async def _tried(self, name: str, ask: Callable[[], Awaitable[object]], away: object = None) -> object:
        """What Redis says, or `away`; a failure is counted."""
        with suppress(*REDIS_TROUBLES, LEFT_ALONE):
            async with self._patience, asyncio.timeout(self._most_seconds):
                return await ask()
        STORE_FAILURES.labels(name).inc()
        return away
