"""What may be wrong with the parts that the service stands on, each for as long as a `with` lasts."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from redis import Redis

from bench.faulty import Ill as Reply
from bench.faulty import silence
from bench.stand import BREAKER_SECONDS, BREAKING, HEDGED, OPENS_AFTER, PLAIN, Stand, all_at_once, ask, fresh_answers
from tests.fault_proxy import Fault

Ill = Callable[[Stand], AbstractContextManager[None]]

# Redis


def redis_ill(fault: Fault) -> Ill:
    return lambda stand: stand.way_to(stand.to_redis, fault)


@contextmanager
def redis_frozen(stand: Stand) -> Iterator[None]:
    stand.redis.freeze()
    try:
        yield
    finally:
        stand.redis.thaw()


@contextmanager
def redis_long_frozen(stand: Stand) -> Iterator[None]:
    """Others have waited for it already."""
    with redis_frozen(stand):
        all_at_once(stand.service(PLAIN).client, fresh_answers(6), ask)
        yield


@contextmanager
def redis_gone(stand: Stand) -> Iterator[None]:
    stand.redis.stop()
    try:
        yield
    finally:
        stand.redis.start()


@contextmanager
def redis_restarted(stand: Stand) -> Iterator[None]:
    """While the service holds connections to the one before."""
    ask(stand.service(PLAIN).client, fresh_answers(1)[0])
    stand.redis.stop()
    stand.redis.start()
    yield


@contextmanager
def redis_full(stand: Stand) -> Iterator[None]:
    with Redis.from_url(stand.redis.url) as redis:
        redis.config_set("maxmemory", "1")
        try:
            yield
        finally:
            redis.config_set("maxmemory", "0")


@contextmanager
def redis_disk_full(stand: Stand) -> Iterator[None]:
    """Redis cannot save, and so takes no more writes."""
    with Redis.from_url(stand.redis.url) as redis, _no_file_grows(redis.info("server")["process_id"]):
        redis.config_set("save", "3600 1")
        redis.bgsave()
        stand.until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err")
        try:
            yield
        finally:
            redis.config_set("save", "")


@contextmanager
def service_disk_full(stand: Stand) -> Iterator[None]:
    with _no_file_grows(stand.service(PLAIN).process.pid):
        yield


@contextmanager
def _no_file_grows(pid: int) -> Iterator[None]:
    """The kernel refuses that process every byte it would write to a file."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


# The upstream


def says(reply: Reply, *, times: int | None = None) -> Ill:
    """The first model, for so many calls; None for all of them."""
    return lambda stand: stand.upstream_ill(reply, times=times)


def network_ill(fault: Fault) -> Ill:
    return lambda stand: stand.way_to(stand.to_upstream, fault)


def connections_ill(fault: Fault) -> Ill:
    """On connections that are new, so that each passes as many bytes before it fails."""

    @contextmanager
    def ill(stand: Stand) -> Iterator[None]:
        with stand.way_to(stand.to_upstream, Fault("refuse")), stand.way_to(stand.to_upstream, fault):
            yield

    return ill


@contextmanager
def breaker_opened(stand: Stand) -> Iterator[None]:
    """The first model is silent, and has been for as often as it takes."""
    with stand.upstream_ill(silence):
        all_at_once(stand.service(BREAKING).client, fresh_answers(OPENS_AFTER))
        yield


@contextmanager
def breaker_half_open(stand: Stand) -> Iterator[None]:
    """The first model is well again, and its breaker's time is over."""
    with breaker_opened(stand):
        pass
    time.sleep(BREAKER_SECONDS + 0.1)
    ask(stand.service(BREAKING).client, fresh_answers(1)[0])
    yield


@contextmanager
def one_silent_where_hedged(stand: Stand) -> Iterator[None]:
    """One call gets no reply, of a model whose usual time is known."""
    for _ in range(3):
        all_at_once(stand.service(HEDGED).client, fresh_answers(8))
    with stand.upstream_ill(silence, times=1):
        yield


def slow_and_narrow(stand: Stand) -> AbstractContextManager[None]:
    return stand.slow_upstream(500)
