"""Leave a Redis alone for a while that keeps everybody waiting: a circuit breaker over its time-outs."""

import math

from interlock import CircuitBreaker, CircuitOpenError, Config
from interlock.protocols import Clock
from redis.exceptions import TimeoutError as RedisTimeoutError

_TIMEOUTS, _ALONE_SECONDS = 4, 1.0

LEFT_ALONE = CircuitOpenError
"""Raised in place of an operation while Redis is left alone."""


def patience(name: str, clock: Clock | None = None) -> CircuitBreaker:
    """Entered around each operation, with `async with`. Once half of the last eight operations, or of the first four,
    were not answered in time, none is tried for a second; then one at a time, until one is answered.

    What fails at once costs nobody a wait, and counts as answered.
    """
    return CircuitBreaker(
        name=name,
        config=Config(
            failure_rate_threshold=0.5,
            minimum_number_of_calls=_TIMEOUTS,
            window_size=2 * _TIMEOUTS,
            permitted_calls_in_half_open=1,
            wait_duration_in_open=_ALONE_SECONDS,
            slow_call_duration_threshold=math.inf,  # what is too slow is a time-out
        ),
        clock=clock,
        classifier=_LateOnly(),
    )


class _LateOnly:
    def is_failure(self, *, result: object, exception: Exception | None) -> bool:  # noqa: ARG002 - the library's form
        return isinstance(exception, TimeoutError | RedisTimeoutError)
