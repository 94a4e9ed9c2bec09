"""Evals: how well judges agreed with people on golden answers, run by run, and what the runs cost."""

from grafana_foundation_sdk.models import dashboard as grafana
from grafana_foundation_sdk.models import units

from ops.dashboards.boards import About, Choice, Row, board
from ops.dashboards.panels import Panel, Query, Said, bounded, columns, dashed, lines, number
from ops.dashboards.queries import or_zero

_ABOUT = About(
    "evals",
    "Evals",
    "How well judges agreed with people on golden answers, run by run, and what the runs cost. "
    "`grader eval push` brings a run here; each stays until the next of the same golden answers, judge and model.",
    since="now-90d",
    refresh="5m",
)
_CHOICES = (
    Choice("golden", "Golden answers", "grader_eval_finished_timestamp_seconds", "golden"),
    Choice("judge", "Judge", "grader_eval_finished_timestamp_seconds", "judge"),
    Choice("model", "Model", "grader_eval_finished_timestamp_seconds", "model"),
    Choice("measure", "Measure of verdicts", 'grader_eval_agreement{kind!="score"}', "measure", first="kappa"),
)
_RUN = "golden, judge, model"
_NAME = "{{golden}}, {{judge}}, {{model}}"
_CHOSEN = 'golden=~"$golden", judge=~"$judge", model=~"$model"'
_KAPPA_OF = 'kind="{}", measure="kappa"'
_SPEARMAN = 'kind="score", measure="spearman"'
_ERROR = 'kind="score", measure="mean_error"'
_FAILED = 'outcome="failed"'
_DAY_SECONDS = 86400
_KAPPAS = ((0.4, "orange"), (0.6, "green"))


def dashboard() -> grafana.Dashboard:
    rows = (
        Row("At a glance", _glance()),
        Row("Agreement over the runs", _agreement()),
        Row("The last run of each judge, in figures", (_figures(),)),
        Row("What the runs took", _runs()),
    )
    return board(_ABOUT, _CHOICES, rows)


def _last(name: str, where: str = "", *, by: str = _RUN) -> str:
    """A figure of the last run; the same one pushed through several gateways counts once."""
    return f"max by ({by}) (grader_eval_{name}{{{', '.join(filter(None, (_CHOSEN, where)))}}})"


def _answers() -> str:
    return f"sum by ({_RUN}) ({_last('answers', by=f'{_RUN}, outcome')})"


def _glance() -> tuple[Panel, ...]:
    lowest = (
        "The lowest among the chosen runs. Kappa is 0 for guessing and 1 for the same verdicts as people. From 0.4 on "
        "it is fair, from 0.6 on good. If low: see the table for which judge, and try a stronger model."
    )
    return (
        number(
            Said("Do judges agree with people on points?", lowest),
            f"min({_last('agreement', _KAPPA_OF.format('points'))})",
            units.Short,
            _KAPPAS,
            below="red",
            empty="no run yet",
        ).decimals(2),
        number(
            Said("And on pitfalls?", lowest),
            f"min({_last('agreement', _KAPPA_OF.format('pitfalls'))})",
            units.Short,
            _KAPPAS,
            below="red",
            empty="no run yet",
        ).decimals(2),
        number(
            Said(
                "Do scores rank answers as people do?",
                "Spearman's rank correlation, the lowest among the chosen runs: 1 is the same order, 0 no relation. "
                "From 0.6 on the order can be used, below it should decide nothing.",
            ),
            f"min({_last('agreement', _SPEARMAN)})",
            units.Short,
            _KAPPAS,
            below="red",
            empty="no run yet",
        ).decimals(2),
        number(
            Said(
                "What share of criteria was left unassessed?",
                "The highest among the chosen runs. Good: under 1 %. If not: the model's replies could not be read, or "
                "it could not be had; agreement is then measured on what is left.",
            ),
            f"max({_last('unassessed_ratio')})",
            units.PercentUnit,
            [(0.01, "orange"), (0.05, "red")],
            empty="no run yet",
        ),
        number(
            Said(
                "How many answers failed?",
                "Answers of the chosen runs that got no grade at all. Good: 0. If not: run again with --resume, which "
                "asks only for those.",
            ),
            or_zero(f"sum({_last('answers', _FAILED)})"),
            units.Short,
            [(1, "orange")],
        ).decimals(0),
        number(
            Said(
                "How long ago was the last run?",
                "Since the latest of the chosen runs ended. Good: not longer than the last change of model, prompt or "
                "rubrics. After two weeks it is worth another, for hosted models change under their names.",
            ),
            f"time() - max({_last('finished_timestamp_seconds')})",
            units.DurationSeconds,
            [(14 * _DAY_SECONDS, "orange"), (30 * _DAY_SECONDS, "red")],
            empty="no run yet",
        ),
    )


def _agreement() -> tuple[Panel, ...]:
    kinds = (
        ("points", "How well do verdicts on points agree?"),
        ("pitfalls", "How well do verdicts on pitfalls agree?"),
        ("star", "How well do verdicts on STAR parts agree?"),
    )
    verdicts = tuple(
        _with_interval(
            Said(
                title,
                "By the measure chosen above: kappa (0 guessing, 1 the same as people), auc (0.5 guessing, 1 the "
                "same), accuracy, f1. Dashed: the 95 % interval. A run below another's interval is worse than chance "
                "explains.",
            ),
            f'kind="{kind}", measure=~"$measure"',
            f"{_NAME}: {{{{measure}}}}",
        )
        for kind, title in kinds
    )
    ranks = _with_interval(
        Said(
            "How well do scores rank the answers?",
            "Spearman's rank correlation with people's scores: 1 the same order, 0 no relation. Dashed: the 95 % "
            "interval. A step down after a new prompt or model is a reason to go back.",
        ),
        _SPEARMAN,
        _NAME,
    )
    error = lines(
        Said(
            "Are scores too high or too low?",
            "The mean of score minus people's score, in points of 100. Good: near 0. Above: too kind; below: too "
            "strict; weights and bands can be set for that, the order of answers cannot.",
        ),
        Query(_last("agreement", _ERROR), _NAME),
        unit=units.Short,
        empty="no run yet",
    )
    return (*verdicts, ranks, bounded(error, [(-10, "transparent"), (10, "red")], below="red").min(-50).max(50))


def _with_interval(said: Said, where: str, name: str) -> Panel:
    by = f"{_RUN}, measure"
    series = (("agreement", ""), ("agreement_low", ": from"), ("agreement_high", ": to"))
    queries = (Query(_last(figure, where, by=by), f"{name}{end}") for figure, end in series)
    return dashed(lines(said, *queries, unit=units.Short, empty="no run yet"), "B", "C").min(-0.2).max(1)


def _figures() -> Panel:
    by = f"{_RUN}, kind, measure"
    return columns(
        Said(
            "What came out of the last runs?",
            "Every measure of the last run of each judge on each set of golden answers, with its 95 % interval. "
            "Compare only rows of the same golden answers, kind and measure; mean_error is in points of 100.",
        ),
        Query(_last("agreement", by=by), "value"),
        Query(_last("agreement_low", by=by), "from"),
        Query(_last("agreement_high", by=by), "to"),
        unit=units.Short,
    ).decimals(2)


def _runs() -> tuple[Panel, ...]:
    return (
        lines(
            Said(
                "What did an answer cost?",
                "A run's cost in US dollars, divided by its answers; nothing for judges of unknown price. Weigh it "
                "against the agreement above: twice the price should buy something.",
            ),
            Query(f"{_last('cost_usd')} / ({_answers()} > 0)", _NAME),
            unit=units.Dollars,
            empty="no run of known price",
        ),
        lines(
            Said(
                "How long did an answer take?",
                "A run's seconds, divided by its answers, and dashed the median. Mean far above median: some answers "
                "met a deadline or a retry.",
            ),
            Query(f"{_last('seconds')} / ({_answers()} > 0)", f"{_NAME}: mean"),
            Query(_last("median_seconds"), f"{_NAME}: median"),
            unit=units.Seconds,
            empty="no run yet",
        ),
        lines(
            Said(
                "How did the answers of a run end?",
                "Answers by outcome: graded, partial, abstained, failed. Only what was graded is compared with people. "
                "Good: failed 0 and partial near it.",
            ),
            Query(_last("answers", by=f"{_RUN}, outcome"), f"{_NAME}: {{{{outcome}}}}"),
            unit=units.Short,
            empty="no run yet",
        ),
        lines(
            Said(
                "What did a run leave unassessed?",
                "The share of criteria without a verdict, run by run. Good: under 1 %.",
            ),
            Query(_last("unassessed_ratio"), _NAME),
            unit=units.PercentUnit,
            empty="no run yet",
        ),
    )
