"""The instruments, named once. Labels are few and closed: never a question id, never a candidate's words."""

from functools import cache
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram

_Instrument = TypeVar("_Instrument", Counter, Histogram)


@cache  # prometheus-client takes a lock and builds strings each time; labels are few and closed
def labelled(instrument: _Instrument, *labels: str) -> _Instrument:
    """`instrument.labels(…)`, found once: for what every request passes."""
    return instrument.labels(*labels)


_JUDGE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)

REQUESTS = Counter("grader_requests_total", "HTTP requests by route and status.", ["route", "status"])
REQUEST_SECONDS = Histogram(
    "grader_request_seconds", "Time from request to reply, by route.", ["route"], buckets=_REQUEST_SECONDS
)
GRADES = Counter("grader_grades_total", "Grades given, by status and by what the cache held.", ["status", "cache"])
JUDGE_CALLS = Counter("grader_judge_calls_total", "Calls to a model, by outcome.", ["model", "outcome"])
JUDGE_RETRIES = Counter("grader_judge_retries_total", "Calls to a model that were tried again.", ["model"])
JUDGE_SECONDS = Histogram("grader_judge_seconds", "Time of one call to a model.", ["model"], buckets=_JUDGE_SECONDS)
WAIT_SECONDS = Histogram(
    "grader_wait_seconds", "Time that a call to a model waited for its turn.", ["model"],
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300),
)  # fmt: skip
IN_FLIGHT = Gauge("grader_calls_in_flight", "Turns at a model that are taken now.", ["model"])
QUEUED = Gauge("grader_calls_queued", "Calls to a model that wait for a turn now.", ["model"])
SHED = Counter("grader_calls_shed_total", "Calls to a model turned away because the queue was too long.", ["model"])
BREAKER_STATE = Gauge(
    "grader_breaker_state", "A model's circuit breaker: 0 closed, 1 half-open, 2 open (until the next call).", ["model"]
)
BREAKER_REJECTIONS = Counter(
    "grader_breaker_rejections_total", "Calls to a model not made because its breaker was open.", ["model"]
)
HEDGES = Counter(
    "grader_hedges_total", "Slow calls made a second time, by which was taken: first, second, none.", ["model", "won"]
)
TOKENS = Counter("grader_tokens_total", "Tokens by kind: input (uncached), cached, output.", ["model", "kind"])
COST_USD = Counter("grader_cost_usd_total", "Spent on model calls whose price is known, in US dollars.", ["model"])
COST_SAVED_USD = Counter("grader_cost_saved_usd_total", "What remembered verdicts had cost when they were made.")
UNPRICED_CALLS = Counter(
    "grader_unpriced_calls_total", "Model calls of unknown price, missing from the cost.", ["model"]
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
