"""What is observed: a Redis, an upstream with moods, two services, a Pushgateway, and the Prometheus that watches."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.backfill import WEEK_SECONDS, Series, openmetrics
from bench.moody import Moody, at_work
from bench.observed_load import FALLBACK, FIRST, STRONG
from bench.prometheus_server import PrometheusServer, adapted
from bench.setting import KEY, serving
from bench.upstream import Times
from service.catalog import HOME
from tests.prometheus_programs import pushgateway
from tests.redis_server import RedisServer

EVERY_SECONDS = 1
"""How often Prometheus looks, and evaluates its rules; every 15 s in ops/prometheus/prometheus.yml."""
BUDGET_USD = 2.0
_WRITING_MS = 100.0
_RESTART_SECONDS = 4.0  # from a stop of Prometheus to the next load, about
_OPS = HOME / "ops" / "prometheus" / "prometheus.yml"


@dataclass(frozen=True)
class Stand:
    """All of it, running. `hedging` is a second service that makes slow calls twice: what those cost is not known."""

    upstream: Moody
    upstream_address: str
    redis: RedisServer
    main: str
    hedging: str
    gateway: str
    prometheus: PrometheusServer

    def move_back_a_week(self, since: float) -> None:
        """What was seen since then has also been seen a week before what comes next."""
        now = time.time()
        seen = self.prometheus.instant(f'{{__name__!="", __name__!~"ALERTS.*"}}[{round(now - since)}s]', now)
        self.prometheus.stop()
        back = WEEK_SECONDS - (now + _RESTART_SECONDS - since)
        self.prometheus.backfill(openmetrics(seen, back))
        self.prometheus.start()

    def told(self, expr: str) -> float:
        """The one value of an expression now; 0 where there is none."""
        found: list[Series] = self.prometheus.instant(f"({expr}) or vector(0)", time.time())
        return float(found[0].samples[-1][1])


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Everything started, and scraped once; ends with it."""
    upstream, redis = Moody(Times(writing=_WRITING_MS)), RedisServer()
    with ExitStack() as open_:
        open_.enter_context(redis)
        upstream_address = open_.enter_context(at_work(upstream))
        settings = _settings(upstream_address, redis)
        _, main = open_.enter_context(serving(settings))
        _, hedging = open_.enter_context(serving(settings | {"GRADER_HEDGE": "true"}))
        gateway = open_.enter_context(pushgateway())
        jobs = {"grader": [main, hedging], "evals": [gateway]}
        configuration = adapted(_OPS, folder, jobs, f"{EVERY_SECONDS}s")
        prometheus = PrometheusServer(configuration, folder / "data", folder / "prometheus.log")
        yield Stand(upstream, upstream_address, redis, main, hedging, gateway, open_.enter_context(prometheus))


def _settings(upstream: str, redis: RedisServer) -> dict[str, str]:
    """Low bounds, so that a minute is enough to reach them. The deadline alone is high: a slow machine is to give no
    call up that the upstream has answered, and charged for.
    """
    return {
        "GRADER_MODEL": f"openai/{FIRST}",
        "GRADER_FALLBACK_MODELS": f"openai/{FALLBACK}",
        "GRADER_STRONG_MODEL": f"openai/{STRONG}",
        "GRADER_API_BASE": upstream,
        "OPENAI_API_KEY": KEY,
        "GRADER_REDIS_URL": redis.url,
        "GRADER_SECRET": "a secret of the benchmarks",
        "GRADER_DEADLINE_SECONDS": "16",
        "GRADER_MAX_CONCURRENT_CALLS": "8",
        "GRADER_MAX_QUEUED_CALLS": "16",
        "GRADER_BREAKER_FAILURES": "4",
        "GRADER_BREAKER_SECONDS": "3",
        "GRADER_DAILY_BUDGET_USD": str(BUDGET_USD),
    }
