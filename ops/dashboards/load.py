"""What runs full and what fails: two rows of the latency dashboard."""

from grafana_foundation_sdk.models import units

from ops.dashboards.panels import Panel, Query, Said, dashed, lines, stacked, states
from ops.dashboards.queries import gauge, or_none_yet, or_zero, rate

MODEL = 'model=~"$model"'
ROUTE = 'route=~"$route"'
TO_GRADE = 'route=~"/grade|/grade/batch"'
FAILED = 'status=~"5.."'
BREAKER = (("closed", "green"), ("half-open", "orange"), ("open", "red"))


def saturation() -> tuple[Panel, ...]:
    turned_away, cut_off = (
        or_zero(f"60 * {rate(name, MODEL)}") for name in ("grader_calls_shed_total", "grader_breaker_rejections_total")
    )
    return (
        dashed(
            lines(
                Said(
                    "How full are the models?",
                    "Turns taken, and dashed the turns that there are. Where the line lies on its dashed one, calls "
                    "wait. If that lasts: raise GRADER_MAX_CONCURRENT_CALLS, if the provider allows it.",
                ),
                Query(gauge("grader_calls_in_flight", MODEL, by="model"), "{{model}}"),
                Query(gauge("grader_calls_most", MODEL, by="model"), "{{model}}: there are"),
                unit=units.Short,
            ),
            "B",
        ),
        lines(
            Said(
                "How many calls wait, and how many requests are under way?",
                "Calls to each model that wait for a turn, and HTTP requests not yet answered. Good: few wait, and "
                "not for long. A queue that only grows ends in 503: see the panel beside it.",
            ),
            Query(gauge("grader_calls_queued", MODEL, by="model"), "{{model}}: calls that wait"),
            Query(or_zero(gauge("grader_requests_in_flight")), "requests under way"),
            unit=units.Short,
        ),
        lines(
            Said(
                "How many calls are not made at all?",
                "A minute: turned away because the queue was too long, and not made because the model's breaker was "
                "open. Good: 0. Each is a fallback, an unassessed criterion or a 503.",
            ),
            Query(turned_away, "queue too long"),
            Query(cut_off, "breaker open"),
            unit=units.OpsPerMinute,
        ),
        states(
            Said(
                "Whose breaker is open, and when?",
                "Each model's circuit breaker. Open: it failed again and again and is left alone; half-open: one call "
                "tries whether it is well again. Good: closed all along.",
            ),
            Query(gauge("grader_breaker_state", MODEL, by="model", of="max"), "{{model}}"),
            BREAKER,
        ),
    )


def requests() -> tuple[Panel, ...]:
    failing = rate("grader_requests_total", f"{ROUTE}, {FAILED}", by="route, status")
    return (
        stacked(
            lines(
                Said(
                    "How many requests, and where to?",
                    "Requests a second by route, upon each other. It tells the load, and who asks for what.",
                ),
                Query(rate("grader_requests_total", ROUTE, by="route"), "{{route}}"),
                unit=units.RequestsPerSecond,
            )
        ),
        stacked(
            lines(
                Said(
                    "How are requests answered?",
                    "Requests a second by status. 2xx is well; 4xx is the caller's: 401 and 403 keys, 422 a wrong "
                    "field, 429 a limit; 5xx is ours or the model's.",
                ),
                Query(rate("grader_requests_total", ROUTE, by="status"), "{{status}}"),
                unit=units.RequestsPerSecond,
            )
        ),
        lines(
            Said(
                "Which requests fail?",
                "Requests a second with a status of 500 or above. 500: a fault of ours, its log line has the request "
                "id; 502: unreadable replies; 503: no model to be had, or overload; 504: the deadline passed.",
            ),
            Query(or_none_yet(failing, "route"), "{{route}} {{status}}"),
            unit=units.RequestsPerSecond,
        ),
        stacked(
            lines(
                Said(
                    "How do model calls end?",
                    "Calls a second by outcome. ok is well; cut_off: the reply ran out of tokens; the others name what "
                    "went wrong. refused won't heal by itself: look at the key and the model's name.",
                ),
                Query(rate("grader_judge_calls_total", MODEL, by="outcome"), "{{outcome}}"),
                unit=units.OpsPerSecond,
            )
        ),
        lines(
            Said(
                "How often is a call made again?",
                "A minute: calls tried again after a failure, by model, and slow calls made a second time, by which of "
                "the two was taken. Many retries: the provider throttles or fails. Second calls never taken: only "
                "costs.",
            ),
            Query(f"60 * {rate('grader_judge_retries_total', MODEL, by='model')}", "{{model}}: tried again"),
            Query(f"60 * {rate('grader_hedges_total', MODEL, by='won')}", "made twice, taken: {{won}}"),
            unit=units.OpsPerMinute,
        ),
        lines(
            Said(
                "Does the store fail?",
                "Store operations a minute that failed, by operation; each was a miss and no error. Good: 0. If not: "
                "see that the Redis at GRADER_REDIS_URL answers, and has memory.",
            ),
            Query(
                or_none_yet(f"60 * {rate('grader_store_failures_total', by='operation')}", "operation"),
                "{{operation}}",
            ),
            unit=units.OpsPerMinute,
        ),
    )
