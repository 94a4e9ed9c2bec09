"""The instruments, named once. Labels are few and closed: never a question id, never a candidate's words."""

import os
from collections.abc import Iterable
from contextvars import ContextVar
from functools import cache
from itertools import product
from typing import TypeVar, get_args

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from service import tracing
from service.core.gates import FlagKind
from service.core.grade import CacheResult, Status
from service.core.verdict import PitfallLevel, PointLevel, StarLevel

REQUEST_SET = "request"
"""The question set of a rubric that came with a request."""

QUESTION_SET: ContextVar[str] = ContextVar("question_set", default=REQUEST_SET)
"""For which question set models are being called now. A call knows its model, not what its prompt was made of."""

_Instrument = TypeVar("_Instrument", Counter, Gauge, Histogram)


@cache  # prometheus-client takes a lock and builds strings each time; labels are few and closed
def labelled(instrument: _Instrument, *labels: str) -> _Instrument:
    """`instrument.labels(…)`, found once: for what every request passes."""
    return instrument.labels(*labels)


def observe(histogram: Histogram, seconds: float) -> None:
    """A time, with the trace in which it was taken as its exemplar, if there is one."""
    trace_id = tracing.trace_id()
    histogram.observe(seconds, {"trace_id": trace_id} if trace_id else None)


_JUDGE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)

REQUESTS = Counter("grader_requests_total", "HTTP requests by route and status.", ["route", "status"])
REQUEST_SECONDS = Histogram(
    "grader_request_seconds", "Time from request to reply, by route.", ["route"], buckets=_REQUEST_SECONDS
)
REQUESTS_IN_FLIGHT = Gauge(
    "grader_requests_in_flight", "HTTP requests under way, streams included.", multiprocess_mode="livesum"
)
GRADES = Counter(
    "grader_grades_total",
    "Grades by status (failed: nothing was decided), what the cache held, and question set (a document, or request).",
    ["status", "cache", "question_set"],
)
GRADE_SECONDS = Histogram(
    "grader_grade_seconds", "Time from an answer to its grade, by what the cache held.", ["cache"],
    buckets=_REQUEST_SECONDS,
)  # fmt: skip
SCORES = Histogram(
    "grader_score", "Scores given, from 0 to 100; a grade without a score counts nowhere here.", ["question_set"],
    buckets=(10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
)  # fmt: skip
REVIEWS = Counter("grader_reviews_total", "Grades that a person should look at (needs_review).", ["question_set"])
JUDGE_CALLS = Counter("grader_judge_calls_total", "Calls to a model, by outcome.", ["model", "outcome"])
JUDGE_RETRIES = Counter("grader_judge_retries_total", "Calls to a model that were tried again.", ["model"])
JUDGE_SECONDS = Histogram("grader_judge_seconds", "Time of one call to a model.", ["model"], buckets=_JUDGE_SECONDS)
WAIT_SECONDS = Histogram(
    "grader_wait_seconds", "Time that a call to a model waited for its turn.", ["model"],
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300),
)  # fmt: skip
IN_FLIGHT = Gauge(
    "grader_calls_in_flight", "Turns at a model that are taken now.", ["model"], multiprocess_mode="livesum"
)
CALLS_MOST = Gauge(
    "grader_calls_most", "Turns that there are at a model at most.", ["model"], multiprocess_mode="livesum"
)
QUEUED = Gauge(
    "grader_calls_queued", "Calls to a model that wait for a turn now.", ["model"], multiprocess_mode="livesum"
)
SHED = Counter("grader_calls_shed_total", "Calls to a model turned away because the queue was too long.", ["model"])
BREAKER_STATE = Gauge(
    "grader_breaker_state",
    "A model's circuit breaker: 0 closed, 1 half-open, 2 open (until the next call).",
    ["model"],
    multiprocess_mode="livemax",
)
BREAKER_REJECTIONS = Counter(
    "grader_breaker_rejections_total", "Calls to a model not made because its breaker was open.", ["model"]
)
HEDGES = Counter(
    "grader_hedges_total", "Slow calls made a second time, by which was taken: first, second, none.", ["model", "won"]
)
TOKENS = Counter("grader_tokens_total", "Tokens by kind: input (uncached), cached, output.", ["model", "kind"])
COST_USD = Counter(
    "grader_cost_usd_total", "Spent on model calls whose price is known, in US dollars.", ["model", "question_set"]
)
COST_SAVED_USD = Counter(
    "grader_cost_saved_usd_total",
    "What remembered verdicts had cost when they were made, in US dollars, by the first model of the grade.",
    ["model", "question_set"],
)
UNPRICED_CALLS = Counter(
    "grader_unpriced_calls_total", "Model calls of unknown price, missing from the cost.", ["model"]
)
FALLBACKS = Counter(
    "grader_fallbacks_total", "Times that a model took over what those before it had left undecided.", ["model"]
)
UNREADABLE = Counter(
    "grader_unreadable_replies_total",
    "Askings that left criteria without a readable verdict: some of them, or all.",
    ["model", "left"],
)
REPAIRS = Counter("grader_repairs_total", "Times the criteria missing from a reply were asked again.")
ESCALATIONS = Counter(
    "grader_escalations_total", "Criteria that a cascade's cheap judge left to the strong one, by kind.", ["kind"]
)
VERDICTS = Counter("grader_verdicts_total", "Verdicts given, by kind of criterion and level.", ["kind", "level"])
REMEMBERED = Counter("grader_verdicts_remembered_total", "Criteria looked up in the store.", ["result"])
REPLIES = Counter("grader_replies_remembered_total", "Grades given whole from the store, criteria not looked at.")
STORE_FAILURES = Counter("grader_store_failures_total", "Store operations that failed; each was a miss.", ["operation"])
STORE_SECONDS = Histogram(
    "grader_store_seconds", "Time of one store operation.", ["operation"],
    buckets=(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
)  # fmt: skip
FLIGHTS = Counter(
    "grader_flights_total",
    "Outstanding verdicts: lead, a judge was asked; joined, shared with another; took_over, asked as the other ended.",
    ["part"],
)
GATES = Counter("grader_gate_flags_total", "What was seen in answers without a model.", ["kind"])
BUILD = Gauge(
    "grader_build_info", "Always 1; the version that runs is in its label.", ["version"], multiprocess_mode="livemax"
)


@cache
def daily_budget_usd() -> Gauge:
    """Made when it is first asked for: without a budget there is no such metric, rather than one that says 0."""
    return Gauge(
        "grader_daily_budget_usd", "What may be spent a day, in US dollars (GRADER_DAILY_BUDGET_USD).",
        multiprocess_mode="livemax",
    )  # fmt: skip


_OUTCOMES = ("ok", "cut_off", "unavailable", "timed_out", "refused", "too_long", "cancelled", "failed")


def begin_at_zero(models: Iterable[str], question_sets: Iterable[str]) -> None:
    """Show all that may be counted before it is: what first appears as 1 has never risen, for all Prometheus can tell.

    For the models and question sets that there are, and for whatever else has few and closed labels.
    """
    models, sets = tuple(models), tuple(dict.fromkeys((*question_sets, REQUEST_SET)))
    caches = (*get_args(CacheResult), "none")
    levels = {"point": get_args(PointLevel), "pitfall": get_args(PitfallLevel), "star": get_args(StarLevel)}
    for model in models:
        for instrument in (
            JUDGE_RETRIES,
            JUDGE_SECONDS,
            WAIT_SECONDS,
            SHED,
            BREAKER_REJECTIONS,
            UNPRICED_CALLS,
            FALLBACKS,
        ):
            labelled(instrument, model)
    by_labels: dict[Counter | Histogram, Iterable[tuple[str, ...]]] = {
        REQUESTS: product(("/grade", "/grade/batch"), ("200", "500", "502", "503", "504")),
        REQUEST_SECONDS: product(("/grade", "/grade/batch")),
        GRADES: (*product(get_args(Status), caches, sets), *product(("failed",), ("none",), sets)),
        GRADE_SECONDS: product(caches),
        SCORES: product(sets),
        REVIEWS: product(sets),
        JUDGE_CALLS: product(models, _OUTCOMES),
        HEDGES: product(models, ("first", "second", "none")),
        TOKENS: product(models, ("input", "cached", "output")),
        COST_USD: product(models, sets),
        COST_SAVED_USD: product(models, sets),
        UNREADABLE: product(models, ("some", "all")),
        VERDICTS: ((kind, level) for kind, known in levels.items() for level in (*known, "unassessed")),
        ESCALATIONS: product(levels),
        REMEMBERED: product(("hit", "miss")),
        STORE_FAILURES: product(("read", "write", "forget", "ready", "lease", "renew", "give_back", "decode")),
        FLIGHTS: product(("lead", "joined", "took_over")),
        GATES: product(kind.value for kind in FlagKind),
    }
    for instrument, combinations in by_labels.items():
        for labels in combinations:
            labelled(instrument, *labels)


def exposition(accept: str) -> tuple[bytes, str]:
    """All instruments as a scrape that accepts this wants them, and the content type: Prometheus' text or OpenMetrics.

    Where several processes serve (PROMETHEUS_MULTIPROC_DIR is set) each gives the sum over all, also over those that
    have ended, whichever is asked; exemplars are then kept by none.
    """
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
