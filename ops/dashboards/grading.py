"""Grading: what the grades say, what was left undecided, and whether that drifts."""

from grafana_foundation_sdk.models import dashboard as grafana
from grafana_foundation_sdk.models import units

from ops.dashboards.boards import About, Choice, Row, board
from ops.dashboards.journey import FLAGS, GRADES, INJECTION, MODEL, SET, VERDICTS, gates, remembered, undecided
from ops.dashboards.panels import Panel, Query, Said, bounded, buckets, lines, number, spread, stacked
from ops.dashboards.queries import GIVEN, RATE, grown, mean, or_zero, rate, share_or_zero

_ABOUT = About(
    "grading",
    "Grading",
    "What the grades say, what was left undecided, and whether that drifts.",
    since="now-24h",
    refresh="1m",
)
_CHOICES = (
    Choice("question_set", "Question set", "grader_grades_total", "question_set"),
    Choice("model", "Model", "grader_judge_calls_total", "model"),
)
_MET, _DECIDED = 'kind="point", level="met"', 'kind="point", level!="unassessed"'


def dashboard() -> grafana.Dashboard:
    rows = (
        Row("At a glance", _glance()),
        Row("Scores", _scores()),
        Row("Verdicts", _verdicts()),
        Row("What was left undecided, or asked again", undecided()),
        Row("What was seen without a model", gates()),
        Row("What was remembered", remembered()),
    )
    return board(_ABOUT, _CHOICES, rows)


def _glance() -> tuple[Panel, ...]:
    return (
        number(
            Said(
                "How many grades were given?",
                "Over the time that is looked at, in the question sets chosen above, abstained ones included.",
            ),
            or_zero(grown(GRADES, f"{SET}, {GIVEN}")),
            units.Short,
        ).decimals(0),
        number(
            Said(
                "What is the mean score?",
                "Of the grades with a score, from 0 to 100. There is no good value; a change without a change of "
                "questions or candidates asks for a look at the drift below.",
            ),
            mean("grader_score", SET, over="$__range"),
            units.Short,
            empty="no scores yet",
        ).decimals(1),
        number(
            Said(
                "What share needs a person?",
                "Grades with needs_review: a low confidence, readings that differ, or an answer that speaks to the "
                "grader. Good: what your people can look at. If it grows: a stronger judge, or a cascade.",
            ),
            share_or_zero(grown("grader_reviews_total", SET), grown(GRADES, f"{SET}, {GIVEN}")),
            units.PercentUnit,
            [(0.2, "orange"), (0.5, "red")],
        ),
        number(
            Said(
                "What share of verdicts is missing?",
                "Criteria left unassessed. Good: under 1 %. If not: unreadable replies, deadlines or an outage; see "
                "the row on what was left undecided.",
            ),
            share_or_zero(grown(VERDICTS, 'level="unassessed"'), grown(VERDICTS)),
            units.PercentUnit,
            [(0.01, "orange"), (0.05, "red")],
        ),
        number(
            Said(
                "How many replies were unreadable?",
                "Askings that left criteria without a readable verdict, all or some of them, over the time that is "
                "looked at. Good: next to none. If not: the model is too small for the prompt, or was changed.",
            ),
            or_zero(grown("grader_unreadable_replies_total", MODEL)),
            units.Short,
            [(1, "orange"), (50, "red")],
        ).decimals(0),
        number(
            Said(
                "How many answers speak to the grader?",
                "Suspected injections, over the time that is looked at. They are graded with care and marked for "
                "review. More than a few: somebody tries; read those answers.",
            ),
            or_zero(grown(FLAGS, INJECTION)),
            units.Short,
            [(1, "orange")],
        ).decimals(0),
    )


def _scores() -> tuple[Panel, ...]:
    return (
        buckets(
            Said(
                "How are the scores spread?",
                "How many grades fell into each ten points, named by its upper end, over the time that is looked at. "
                "All at one end: questions too easy or too hard, or a judge that cannot tell.",
            ),
            grown("grader_score_bucket", SET, by="le"),
            units.Short,
        ),
        spread(
            Said(
                "How does the spread change?",
                "The same over time: the darker, the more grades. A band that moves up or down without new questions "
                "is the judge's or the candidates' doing; a new version is marked by a blue line.",
            ),
            grown("grader_score_bucket", SET, by="le", over=RATE),
            units.Short,
        ),
        lines(
            Said(
                "Which question set scores how?",
                "The mean score by question set, over the hour up to each moment.",
            ),
            Query(mean("grader_score", SET, by="question_set", over="1h"), "{{question_set}}"),
            unit=units.Short,
            empty="no scores yet",
        ).max(100),
        stacked(
            lines(
                Said(
                    "How do grades end?",
                    "graded: all criteria decided; partial: some not; failed: none; abstained: nothing to grade. Good: "
                    "hardly any partial or failed. Many abstained: blank or copied answers, see the gates below.",
                ),
                Query(rate(GRADES, SET, by="status"), "{{status}}"),
                unit=units.OpsPerSecond,
            ),
            percent=True,
        ),
    )


def _verdicts() -> tuple[Panel, ...]:
    kinds = (
        ("point", "How are points judged?", "Met, partial, missed or unassessed"),
        ("pitfall", "How are pitfalls judged?", "Committed, avoided or unassessed"),
        ("star", "How are STAR parts judged?", "Present, partial, absent or unassessed"),
    )
    mixes = tuple(
        stacked(
            lines(
                Said(
                    title,
                    f"{levels}: each level's share of the verdicts, in all question sets. Steady is good. One level "
                    "that swallows the others is a judge that no longer reads.",
                ),
                Query(rate(VERDICTS, f'kind="{kind}"', by="level"), "{{level}}"),
                unit=units.OpsPerSecond,
                width=8,
            ),
            percent=True,
        )
        for kind, title, levels in kinds
    )
    now, before = (
        f"{grown(VERDICTS, _MET, over='1d', ago=ago)} / ({grown(VERDICTS, _DECIDED, over='1d', ago=ago)} > 0)"
        for ago in ("", "7d")
    )
    return (
        *mixes,
        lines(
            Said(
                "Are points met as often as a week before?",
                "The share of decided points that were met, over the 24 hours up to each moment, and the same a week "
                "before. Good: lines that lie close. A gap: another model or prompt, other questions, or candidates.",
            ),
            Query(now, "now"),
            Query(before, "a week before"),
            unit=units.PercentUnit,
            empty="no points decided",
        ).max(1),
        bounded(
            lines(
                Said(
                    "How far has the met-rate moved in a week?",
                    "The difference of the two lines beside; nothing until the service is a week old. Beyond the lines "
                    "at 15 points up or down: run the evals before you trust the grades.",
                ),
                Query(f"{now} - {before}", "moved by"),
                unit=units.PercentUnit,
                empty="nothing a week ago to compare with",
            ),
            [(-0.15, "transparent"), (0.15, "red")],
            below="red",
        )
        .min(-0.5)
        .max(0.5),
    )
