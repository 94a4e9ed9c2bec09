"""What came in the way of a verdict, and what made one unnecessary: three rows of the grading dashboard."""

from grafana_foundation_sdk.models import units

from ops.dashboards.panels import Panel, Query, Said, lines, stacked
from ops.dashboards.queries import GIVEN, grown, or_none_yet, or_zero, rate, share

SET, MODEL = 'question_set=~"$question_set"', 'model=~"$model"'
GRADES, VERDICTS, FLAGS = "grader_grades_total", "grader_verdicts_total", "grader_gate_flags_total"
HIT = f'{SET}, cache="hit"'
INJECTION = 'kind="injection_suspected"'
TO_REVIEW, EMPTY = 'kind=~"injection_suspected|recital"', 'kind!~"injection_suspected|recital"'


def undecided() -> tuple[Panel, ...]:
    missing, given = (grown(VERDICTS, where, by="kind", over="1h") for where in ('level="unassessed"', ""))
    seen = grown("grader_reviews_total", SET, by="question_set", over="1h")
    graded = grown(GRADES, f"{SET}, {GIVEN}", by="question_set", over="1h")
    return (
        lines(
            Said(
                "Which criteria are left unassessed?",
                "Their share by kind, over the hour up to each moment. Good: under 1 %. A peak is an outage or a "
                "deadline; a level that stays is a prompt that the model cannot follow.",
            ),
            Query(share(missing, given), "{{kind}}"),
            unit=units.PercentUnit,
            empty="no verdicts yet",
        ),
        lines(
            Said(
                "Whose replies cannot be read?",
                "A minute, by model: those that left all criteria without a verdict, and those that left some. Good: "
                "0. If not: a larger model, or `one_call` with a model that keeps to JSON.",
            ),
            Query(f"60 * {rate('grader_unreadable_replies_total', MODEL, by='model, left')}", "{{model}}: {{left}}"),
            unit=units.OpsPerMinute,
        ),
        lines(
            Said(
                "Which grades need a person?",
                "The share of grades with needs_review, by question set, over the hour up to each moment. A question "
                "set that stands out has criteria that are hard to decide: reword them.",
            ),
            Query(share(seen, graded), "{{question_set}}"),
            unit=units.PercentUnit,
            empty="no grades yet",
        ),
        lines(
            Said(
                "How often must it be asked again?",
                "A minute: repairs, the criteria missing from a reply asked once more; fallbacks, another model took "
                "over; escalations, criteria that a cascade left to its strong judge. Each costs time and money.",
            ),
            Query(or_zero(f"60 * {rate('grader_repairs_total')}"), "repairs"),
            Query(or_zero(f"60 * {rate('grader_fallbacks_total', MODEL)}"), "fallbacks"),
            Query(or_zero(f"60 * {rate('grader_escalations_total')}"), "escalations"),
            unit=units.OpsPerMinute,
        ),
    )


def gates() -> tuple[Panel, ...]:
    return (
        stacked(
            lines(
                Said(
                    "Which answers had nothing to grade?",
                    "Flags a minute, by kind: empty, no content, too short, an echo of the question or the rubric, one "
                    "passage repeated. A rise is a form that sends blanks, or candidates who copy.",
                ),
                Query(or_none_yet(f"60 * {rate(FLAGS, EMPTY, by='kind')}", "kind"), "{{kind}}"),
                unit=units.OpsPerMinute,
            )
        ),
        lines(
            Said(
                "When do answers speak to the grader, or recite the rubric?",
                "Suspected injections and sentences in the rubric's own words, a minute. A single one is chance or "
                "curiosity; a series is an attempt, or a rubric that got about. Such grades need a person.",
            ),
            Query(or_none_yet(f"60 * {rate(FLAGS, TO_REVIEW, by='kind')}", "kind"), "{{kind}}"),
            unit=units.OpsPerMinute,
        ),
    )


def remembered() -> tuple[Panel, ...]:
    looked_up = "grader_verdicts_remembered_total"
    return (
        stacked(
            lines(
                Said(
                    "How much of a grade was known before?",
                    "hit: all of it, no model asked; mixed: a part; miss: nothing; coalesced: the same was just being "
                    "judged; none: nothing to grade. Hits that fall while traffic stays: see that Redis keeps what it "
                    "gets.",
                ),
                Query(rate(GRADES, f"{SET}, {GIVEN}", by="cache"), "{{cache}}"),
                unit=units.OpsPerSecond,
            ),
            percent=True,
        ),
        lines(
            Said(
                "What share of criteria was remembered?",
                "Of the criteria looked up in the store, over the hour up to each moment; those of whole grades taken "
                "from it count too. It falls when rubrics or prompts change, and comes back by itself.",
            ),
            Query(share(grown(looked_up, 'result="hit"', over="1h"), grown(looked_up, over="1h")), "remembered"),
            unit=units.PercentUnit,
            empty="nothing looked up yet",
        ).max(1),
        lines(
            Said(
                "How often do several ask the same at once?",
                "A minute: lead, a judge was asked; joined, the same was under way and was shared; took_over, asked "
                "after another gave up. Joined ones cost nothing. took_over should be rare.",
            ),
            Query(f"60 * {rate('grader_flights_total', by='part')}", "{{part}}"),
            unit=units.OpsPerMinute,
        ),
        lines(
            Said(
                "How many grades come whole from the store?",
                "A minute: replies given as they were, their criteria not even looked at; and all hits. Good: the "
                "lines lie upon each other. Apart: the same answers come with other options, or after an edited "
                "weight.",
            ),
            Query(or_zero(f"60 * {rate('grader_replies_remembered_total')}"), "given whole"),
            Query(or_zero(f"60 * {rate(GRADES, HIT)}"), "hits"),
            unit=units.OpsPerMinute,
        ),
    )
