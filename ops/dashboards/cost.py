"""Cost: what is spent and saved, on what, and where that leads to."""

from grafana_foundation_sdk.models import dashboard as grafana
from grafana_foundation_sdk.models import units

from ops.dashboards.boards import About, Choice, Row, board
from ops.dashboards.panels import Panel, Query, Said, bounded, daily, dashed, lines, number, stacked
from ops.dashboards.queries import GIVEN, each_per, gauge, grown, or_none_yet, or_zero, per, rate, share, share_or_zero

_ABOUT = About(
    "cost",
    "Cost",
    "What is spent and saved in US dollars, on what, and where that leads to. Calls of unknown price are in none of "
    "it.",
    since="now-7d",
    refresh="1m",
)
_CHOICES = (
    Choice("model", "Model", "grader_cost_usd_total", "model"),
    Choice("question_set", "Question set", "grader_cost_usd_total", "question_set"),
)
_SPENT, _SAVED, _GRADES = "grader_cost_usd_total", "grader_cost_saved_usd_total", "grader_grades_total"
_MODEL, _SET = 'model=~"$model"', 'question_set=~"$question_set"'
_BOTH = f"{_MODEL}, {_SET}"
_GIVEN = f"{_SET}, {GIVEN}"
_ASKED = f'{_SET}, cache=~"miss|mixed"'
_BUDGET = gauge("grader_daily_budget_usd", of="max")
_MONTH = "days_in_month()"


def dashboard() -> grafana.Dashboard:
    rows = (
        Row("At a glance", _glance()),
        Row("Spent and saved, day by day", _days()),
        Row("Budget and forecast", _forecast()),
        Row("Per grade", _grades()),
        Row("Tokens", _tokens()),
    )
    return board(_ABOUT, _CHOICES, rows)


def _glance() -> tuple[Panel, ...]:
    return (
        number(
            Said(
                "What was spent?",
                "On model calls of known price, over the time that is looked at, for the models and question sets "
                "chosen above. Prometheus extrapolates to the ends of the time, so it may differ from the bill a "
                "little.",
            ),
            or_zero(grown(_SPENT, _BOTH)),
            units.Dollars,
        ),
        number(
            Said(
                "What did the store save?",
                "What the remembered verdicts had cost when they were made, over the time that is looked at. Good: "
                "more than was spent, where answers come again.",
            ),
            or_zero(grown(_SAVED, _BOTH)),
            units.Dollars,
        ),
        number(
            Said(
                "What does a grade cost?",
                "Spent, divided by all grades given, hits included. Good: what you calculated with. If it rises: fewer "
                "hits, longer answers or rubrics, or a dearer model; see the row per grade.",
            ),
            per(grown(_SPENT, _BOTH), grown(_GRADES, _GIVEN)),
            units.Dollars,
            empty="no grades yet",
        ),
        number(
            Said(
                "What will a month cost?",
                "If every day of this month were as the last 24 hours. On the first day it says too little; on a busy "
                "day too much: the forecast below shows a week's pace beside it.",
            ),
            or_zero(f"{grown(_SPENT, _BOTH, over='1d')} * {_MONTH}"),
            units.Dollars,
        ),
        number(
            Said(
                "How much of a day's budget is used?",
                "Spent in the last 24 hours on all models, as a share of GRADER_DAILY_BUDGET_USD. Good: under 80 %. "
                "Above: find below which model or question set spends it, or raise the budget.",
            ),
            per(grown(_SPENT, over="1d"), _BUDGET),
            units.PercentUnit,
            [(0.8, "orange"), (1, "red")],
            empty="no budget set",
        ),
        number(
            Said(
                "How many calls have no known price?",
                "They may cost money that no panel here shows. Good: 0. If not: the price list does not know the "
                "model, or calls were given up before anybody said their price.",
            ),
            or_zero(grown("grader_unpriced_calls_total", _MODEL)),
            units.Short,
            [(1, "orange")],
        ).decimals(0),
    )


def _days() -> tuple[Panel, ...]:
    by_what = (("model", "Which model costs what?"), ("question_set", "Which question set costs what?"))
    spent = tuple(
        stacked(
            lines(
                Said(
                    title,
                    "Spent in the 24 hours up to each moment, upon each other. A step up is a day with more misses; "
                    "one that stays asks for a look at the row per grade.",
                ),
                Query(or_none_yet(grown(_SPENT, _BOTH, by=label, over="1d"), label), f"{{{{{label}}}}}"),
                unit=units.Dollars,
            )
        )
        for label, title in by_what
    )
    saved = tuple(
        stacked(
            lines(
                Said(
                    f"What does the store save, by {label.replace('_', ' ')}?",
                    "What remembered verdicts had cost, in the 24 hours up to each moment. If it falls while grades "
                    "don't: answers come again less often, or verdicts are forgotten (memory of Redis, new prompts).",
                ),
                Query(or_none_yet(grown(_SAVED, _BOTH, by=label, over="1d"), label), f"{{{{{label}}}}}"),
                unit=units.Dollars,
            )
        )
        for label, _ in by_what
    )
    saved_hour = grown(_SAVED, _BOTH, over="1h")
    return (
        *spent,
        *saved,
        daily(
            Said(
                "What was spent and saved each day?",
                "A bar for each whole day (UTC) of the last 30, whatever time is looked at: its height is what all "
                "would have cost without the store. It stands at the day's end; the first comes after the first "
                "midnight.",
            ),
            Query(or_zero(grown(_SPENT, _BOTH, over="1d")), "spent"),
            Query(or_zero(grown(_SAVED, _BOTH, over="1d")), "saved"),
            unit=units.Dollars,
        ),
        lines(
            Said(
                "What share of the cost does the store save?",
                "Saved, as a share of what all would have cost without the store, over the hour up to each moment. "
                "High where answers come again, 0 where each is new; a fall asks what became of the store.",
            ),
            Query(f"{saved_hour} / ({saved_hour} + {grown(_SPENT, _BOTH, over='1h')} > 0)", "saved"),
            unit=units.PercentUnit,
            empty="nothing spent or saved",
        ).max(1),
    )


def _forecast() -> tuple[Panel, ...]:
    return (
        dashed(
            lines(
                Said(
                    "How does a day's spending stand to its budget?",
                    "Spent on all models in the 24 hours up to each moment, and dashed GRADER_DAILY_BUDGET_USD, if it "
                    "is set. Good: below the dashed line.",
                ),
                Query(or_zero(grown(_SPENT, over="1d")), "spent in 24 hours"),
                Query(_BUDGET, "budget"),
                unit=units.Dollars,
            ),
            "B",
        ),
        dashed(
            lines(
                Said(
                    "Where will the month's bill end?",
                    "A whole month at the pace of the last 24 hours, and at that of the last seven days (too low until "
                    "the service is a week old). Dashed: the daily budget, every day of the month.",
                ),
                Query(or_zero(f"{grown(_SPENT, _BOTH, over='1d')} * {_MONTH}"), "at the pace of 24 hours"),
                Query(or_zero(f"{grown(_SPENT, _BOTH, over='7d')} / 7 * {_MONTH}"), "at the pace of seven days"),
                Query(f"{_BUDGET} * {_MONTH}", "budget"),
                unit=units.Dollars,
            ),
            "C",
        ),
    )


def _grades() -> tuple[Panel, ...]:
    return (
        lines(
            Said(
                "What does a grade cost over time?",
                "Spent in the hour up to each moment, for each grade given then, and for each that a model was asked "
                "for (a miss or a part). The first falls with more hits; the second with shorter prompts.",
            ),
            Query(per(grown(_SPENT, _BOTH, over="1h"), grown(_GRADES, _GIVEN, over="1h")), "each grade"),
            Query(per(grown(_SPENT, _BOTH, over="1h"), grown(_GRADES, _ASKED, over="1h")), "each that asked a model"),
            unit=units.Dollars,
            empty="no grades yet",
        ),
        lines(
            Said(
                "In which question set are grades dear?",
                "Spent in the hour up to each moment, for each grade of that question set. Long rubrics and long "
                "answers cost more; `request` is rubrics that came with the request.",
            ),
            Query(
                per(
                    grown(_SPENT, _BOTH, by="question_set", over="1h"),
                    grown(_GRADES, _GIVEN, by="question_set", over="1h"),
                ),
                "{{question_set}}",
            ),
            unit=units.Dollars,
            empty="no grades yet",
        ),
    )


def _tokens() -> tuple[Panel, ...]:
    kinds, tokens = 'kind=~"input|cached"', "grader_tokens_total"
    cached, read = (grown(tokens, f"{_MODEL}, {kind}", by="model", over="1h") for kind in ('kind="cached"', kinds))
    unpriced, calls = (
        grown(name, _MODEL, over="1h") for name in ("grader_unpriced_calls_total", "grader_judge_calls_total")
    )
    return (
        stacked(
            lines(
                Said(
                    "How many tokens, of which kind?",
                    "Tokens a minute: input that was paid in full, input that the provider had cached, and output. "
                    "Output is the dearest; much of it means long reasons.",
                ),
                Query(f"60 * {rate(tokens, _MODEL, by='kind')}", "{{kind}}"),
                unit=units.Short,
            )
        ),
        lines(
            Said(
                "What share of the input had the provider cached?",
                "Cached input tokens among all input tokens, by model, over the hour up to each moment. Good: most of "
                "a rubric's prompt, where its answers come close upon each other. 0: prompts too short, or no such "
                "cache.",
            ),
            Query(share(cached, read), "{{model}}"),
            unit=units.PercentUnit,
            empty="no tokens yet",
        ).max(1),
        lines(
            Said(
                "How many tokens does a grade take?",
                "Tokens by kind in the hour up to each moment, for each grade that a model was asked for, in all "
                "question sets. If input rises: longer answers or rubrics, or more repairs.",
            ),
            Query(
                each_per(
                    grown(tokens, _MODEL, by="kind", over="1h"),
                    grown(_GRADES, 'cache=~"miss|mixed"', over="1h"),
                ),
                "{{kind}}",
            ),
            unit=units.Short,
            empty="no grades yet",
        ),
        bounded(
            lines(
                Said(
                    "What share of calls has no known price?",
                    "Model calls of unknown price among all, over the hour up to each moment. Good: 0. Near 100 %: the "
                    "price list does not know the model, and this dashboard flatters you.",
                ),
                Query(share_or_zero(unpriced, calls), "unpriced"),
                unit=units.PercentUnit,
            ),
            [(0.01, "orange"), (0.1, "red")],
        ).max(1),
    )
