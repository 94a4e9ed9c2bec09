"""Latency: how long grades take, where the time goes, and what runs full."""

from grafana_foundation_sdk.models import dashboard as grafana
from grafana_foundation_sdk.models import units

from ops.dashboards.boards import About, Choice, Row, board
from ops.dashboards.load import BREAKER, FAILED, MODEL, ROUTE, TO_GRADE, requests, saturation
from ops.dashboards.panels import (
    Panel,
    Query,
    Said,
    bounded,
    lines,
    logarithmic,
    named,
    number,
    spread,
)
from ops.dashboards.queries import GIVEN, RANGE, gauge, grown, or_zero, quantile, rate, share_or_zero

_ABOUT = About(
    "latency",
    "Latency",
    "How long grades take, where the time goes, and what runs full.",
    since="now-6h",
    refresh="30s",
)
_CHOICES = (
    Choice("model", "Model", "grader_judge_calls_total", "model"),
    Choice("route", "Route", "grader_requests_total", "route"),
)


def dashboard() -> grafana.Dashboard:
    rows = (
        Row("At a glance", _glance()),
        Row("A grade, from the answer to the reply", _grades()),
        Row("Where the time goes", _stages()),
        Row("What runs full", saturation()),
        Row("Requests and failures", requests()),
    )
    return board(_ABOUT, _CHOICES, rows)


def _glance() -> tuple[Panel, ...]:
    failed, asked = (grown("grader_requests_total", where) for where in (f"{TO_GRADE}, {FAILED}", TO_GRADE))
    taken, most = (gauge(name, MODEL, by="model") for name in ("grader_calls_in_flight", "grader_calls_most"))
    return (
        number(
            Said(
                "How long does a judged grade take?",
                "95 of 100 grades for which a model was asked took no longer, over the time that is looked at. Good: "
                "under 15 s with hosted models, 60 s with a local one. If not: see below which stage takes the time.",
            ),
            quantile(0.95, "grader_grade_seconds", 'cache=~"miss|mixed|coalesced"', over=RANGE),
            units.Seconds,
            [(15, "orange"), (60, "red")],
            empty="none yet",
        ),
        number(
            Said(
                "How long does a remembered grade take?",
                "95 of 100 grades whose verdicts were all in the store took no longer. Good: milliseconds; 50 at most. "
                "If not: Redis is slow or far away, or the processor is busy.",
            ),
            quantile(0.95, "grader_grade_seconds", 'cache="hit"', over=RANGE),
            units.Seconds,
            [(0.05, "orange"), (0.25, "red")],
            empty="no hits yet",
        ),
        number(
            Said(
                "How many grades a minute?",
                "Grades given, on average over the time that is looked at, abstained ones included. It tells how busy "
                "the service is; 0 in working hours means that nobody asks or that nobody gets through.",
            ),
            or_zero(f"60 * {rate('grader_grades_total', GIVEN, over=RANGE)}"),
            units.OpsPerMinute,
        ),
        number(
            Said(
                "What share of requests fails?",
                "Requests to /grade and /grade/batch answered with a status of 500 or above. At most 0.5 % is aimed "
                "at. If not: the row at the bottom shows on which route, with which status; 502 to 504 come from the "
                "models.",
            ),
            share_or_zero(failed, asked),
            units.PercentUnit,
            [(0.001, "orange"), (0.005, "red")],
        ),
        number(
            Said(
                "How full is the fullest model?",
                "Turns taken now, as a share of those there are (GRADER_MAX_CONCURRENT_CALLS). At 100 % further calls "
                "wait. If it stays there: allow more calls, or add a process or a faster model.",
            ),
            or_zero(f"max({taken} / ({most} > 0))"),
            units.PercentUnit,
            [(0.8, "orange"), (1, "red")],
        ),
        named(
            number(
                Said(
                    "Is a model cut off?",
                    "The worst state of the models' circuit breakers. Open: the model failed again and again, so it is "
                    "left alone for a while and fallbacks are asked. If open: see how its calls end, at the bottom.",
                ),
                or_zero(gauge("grader_breaker_state", MODEL, of="max")),
                units.Short,
                [(1, "orange"), (2, "red")],
            ),
            BREAKER,
        ),
    )


def _grades() -> tuple[Panel, ...]:
    return (
        bounded(
            lines(
                Said(
                    "How long do grades take over time?",
                    "Half, 95 and 99 of 100 grades took no longer (p50, p95, p99). Remembered grades pull p50 down, so "
                    "compare with the panel beside it. Lines: what is aimed at with hosted models, 15 s, and a local "
                    "one, 60 s.",
                ),
                *_percentiles("grader_grade_seconds"),
                unit=units.Seconds,
            ),
            [(15, "orange"), (60, "red")],
        ),
        logarithmic(
            lines(
                Said(
                    "How much faster is a remembered grade?",
                    "p95 by what the store held: hit, all of it; miss, nothing; mixed, a part; coalesced, the same was "
                    "just being judged; none, nothing to grade. Good: hits far below misses.",
                ),
                Query(quantile(0.95, "grader_grade_seconds", by="cache"), "{{cache}}"),
                unit=units.Seconds,
            )
        ),
        spread(
            Said(
                "How are the grades' times spread?",
                "How many grades took how long: the darker, the more. Two bands are normal, hits below and misses "
                "above. A third, or one that climbs, is worth a look at the stages below.",
            ),
            grown("grader_grade_seconds_bucket", by="le", over="$__rate_interval"),
            units.Seconds,
        ),
        logarithmic(
            lines(
                Said(
                    "Which route is slow?",
                    "p95 from a request to the end of its reply, by route; streams and batches last as long as their "
                    "slowest part. Routes that grade nothing should stay under 0.1 s.",
                ),
                Query(quantile(0.95, "grader_request_seconds", ROUTE, by="route"), "{{route}}"),
                unit=units.Seconds,
            )
        ),
    )


def _stages() -> tuple[Panel, ...]:
    return (
        lines(
            Said(
                "How long does a call wait for its turn?",
                "From when a model call is ready until it may begin. Good: near 0. If it grows, the models run full: "
                "see the next row.",
            ),
            *_percentiles("grader_wait_seconds", MODEL),
            unit=units.Seconds,
        ),
        lines(
            Said(
                "How long does a model call take?",
                "One call, from when it began to its whole reply or its failure. This is the provider's time, or the "
                "local processor's. If p99 runs away from p95, hedging may help (GRADER_HEDGE).",
            ),
            *_percentiles("grader_judge_seconds", MODEL),
            unit=units.Seconds,
        ),
        lines(
            Said(
                "Which model is slow?",
                "p95 of one call, by model. Compare with what the model took last week; a fallback that is slower "
                "than the deadline allows helps nobody.",
            ),
            Query(quantile(0.95, "grader_judge_seconds", MODEL, by="model"), "{{model}}"),
            unit=units.Seconds,
        ),
        lines(
            Said(
                "How long does the store take?",
                "One operation on Redis, all kinds together; without Redis there is nothing here. Good: under 10 ms. "
                "Above 0.25 s an operation is near being given up, and each that is given up is a miss.",
            ),
            *_percentiles("grader_store_seconds"),
            unit=units.Seconds,
            empty="no Redis, or not used yet",
        ),
    )


def _percentiles(metric: str, where: str = "") -> tuple[Query, ...]:
    return tuple(Query(quantile(share, metric, where), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99))
