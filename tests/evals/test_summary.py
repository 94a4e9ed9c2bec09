"""A run's figures: each over what can be compared, beside the floors, and None where there is nothing to say."""

import numpy as np
import pytest

from evals.cost import cost_of, usd_of
from evals.golden import GoldenAnswer, read_golden
from evals.measures import HEADLINE
from evals.records import Record, Reply
from evals.slices import LEAST_VERDICTS
from evals.summary import HeadlineFigure, Summary, VerdictFigures, summary_of
from tests.evals.made_runs import (
    CATALOG,
    INTERVIEW,
    abstained_of,
    failed_of,
    golden_of,
    levels_of,
    nearly_perfect,
    record_of,
    rubric_of,
    run_of,
    settings_for,
)

RUBRIC = rubric_of("p1", "p2", f1="commission")
LABELS: dict[str, tuple[str, str, bool]] = {  # p1, p2, f1
    "a": ("met", "met", False),
    "b": ("met", "missed", True),
    "c": ("missed", "partial", False),
    "d": ("missed", "missed", True),
}
ANSWERS = {name: golden_of(name, RUBRIC, p1=p1, p2=p2, f1=f1) for name, (p1, p2, f1) in LABELS.items()}


def summary(*records: Record, golden: list[GoldenAnswer] | None = None, **settings: object) -> Summary:
    answers = golden or list(ANSWERS.values())
    return summary_of(answers, run_of(*records, **settings), CATALOG, np.random.default_rng(1), draws=50)


def kind(found: Summary, name: str) -> VerdictFigures:
    return next(figures for figures in found.verdicts if figures.kind == name and figures.sub is None)


def headline(found: Summary, name: str) -> HeadlineFigure:
    return next(figure for figure in found.headline if figure.name == name)


def said(name: str, *levels: str, **odds: float) -> Record:
    return record_of(ANSWERS[name], dict(zip(("p1", "p2", "f1"), levels, strict=True)), odds=odds)


JUDGED = (
    said("a", "met", "met", "avoided", p1=0.9, p2=0.6, f1=0.1),
    said("b", "met", "partial", "committed", p1=0.8, p2=0.5, f1=0.7),
    said("c", "partial", "met", "committed", p1=0.55, p2=0.7, f1=0.6),
    said("d", "missed", "missed", "avoided", p1=0.1, p2=0.2, f1=0.3),
)


def test_agreement_on_points_is_as_worked_out_by_hand() -> None:
    points = kind(summary(*JUDGED), "points")
    value = {name: figure.value for name, figure in points.figures.items()}
    # p1, p2 of a to d.  human: 2 2  2 0  0 1  0 0;  judge: 2 2  2 1  1 2  0 0: five of eight alike, none two apart.
    assert value["accuracy"] == 5 / 8
    assert value["one_step"] == 1.0
    # Met by the human: 3; by the judge: 4, three of them rightly. F1 = 2·3 / (3 + 4).
    assert value["f1"] == pytest.approx(6 / 7)
    # Alike on 7 of 8; by chance 3/8·4/8 + 5/8·4/8 = 1/2. Kappa = (7/8 − 1/2) / (1/2).
    assert value["kappa"] == pytest.approx(0.75)
    # Met 0.9, 0.6, 0.8 against missed 0.5, 0.55, 0.1, 0.2: every pair in order. The human's partial is left out.
    assert value["auc"] == 1.0
    assert points.figures["auc"].n == 7
    # With the partial (0.7) among the not met, 0.6 stands below it: 14 of 3 · 5 pairs in order.
    assert value["auc_rest"] == pytest.approx(14 / 15)
    assert points.confusion == ((2, 2, 0), (0, 0, 1), (0, 0, 3))
    assert (points.labelled, points.compared, points.positives, points.ranked_by) == (8, 8, 3, "probability")
    # Commonest by the human is missed, four of eight.
    assert points.majority == 0.5


def test_agreement_on_pitfalls_has_two_levels() -> None:
    pitfalls = kind(summary(*JUDGED), "pitfalls")
    # human: 0 1 0 1; judge: 0 1 1 0: alike on two of four, as by chance.
    assert pitfalls.figures["kappa"].value == 0.0
    # Committed 0.7, 0.3 against avoided 0.1, 0.6: three of four pairs in order.
    assert pitfalls.figures["auc"].value == 0.75
    assert "qwk" not in pitfalls.figures
    assert [figures.sub for figures in summary(*JUDGED).verdicts] == [None, None, "commission", None]


def test_a_judge_without_probabilities_is_ranked_by_its_levels_and_has_no_calibration() -> None:
    points = kind(summary(*(record_of(answer) for answer in ANSWERS.values())), "points")
    assert (points.ranked_by, points.figures["auc"].value) == ("levels", 1.0)
    assert (points.calibration, points.figures["ece"].value, points.figures["ece"].n) == ((), None, 0)


def test_the_probabilities_that_code_fills_in_are_not_the_judges() -> None:
    points = kind(summary(JUDGED[0], abstained_of(ANSWERS["d"])), "points")
    assert points.compared == 4
    # Only 0.9 and 0.6 are the judge's, both rightly met: |0.9 − 1| and |0.6 − 1| in bins of their own.
    assert [(b.mean_probability, b.observed, b.count) for b in points.calibration] == [(0.6, 1.0, 1), (0.9, 1.0, 1)]
    assert points.figures["ece"].value == pytest.approx((0.1 + 0.4) / 2)


def test_what_is_unassessed_failed_or_missing_is_counted_and_in_no_figure() -> None:
    open_ = record_of(ANSWERS["b"], {"p1": "met"})
    records = (JUDGED[0], open_, failed_of(ANSWERS["c"], "UnreadableVerdict: no JSON"))
    found = summary(*records)
    points, counts = kind(found, "points"), found.counts
    assert (points.labelled, points.compared, points.unassessed) == (4, 3, 1)
    assert (counts.expected, counts.missing, counts.graded, counts.partial, counts.failed) == (4, 1, 1, 1, 1)
    assert (counts.unreadable, counts.criteria, counts.unassessed, counts.criteria_lost) == (1, 6, 2, 3)


def test_how_many_readings_a_run_wants_hangs_on_its_limit_and_its_repeats() -> None:
    assert summary(*JUDGED[:2], limit=2, readings=3).counts.expected == 6
    assert summary(*JUDGED, limit=9).counts.expected == 4


def test_scores_are_compared_where_both_are_known() -> None:
    found = summary(*JUDGED, golden=[*ANSWERS.values(), golden_of("e", RUBRIC, p1="met")])
    # human: (1+1)/2 = 100; (1+0)/2 − 0.3 = 20; (0+0.5)/2 = 25; 0.  judge: 100; 75 − 30 = 45; 75 − 30 = 45; 0.
    assert found.scores.figures["mean_error"].value == pytest.approx((0 + 25 + 20 + 0) / 4)
    assert found.scores.figures["mean_absolute_error"].value == pytest.approx(45 / 4)
    # Ranks 4 2 3 1 and 4 2.5 2.5 1: d² sums to 0.5; by Pearson of the ranks, 4.5 / √(5 · 4.5).
    assert found.scores.figures["spearman"].value == pytest.approx(4.5 / (5 * 4.5) ** 0.5)
    # All four answers are the same text: a floor that looks at the text alone can't order them.
    assert found.scores.floors == {"length": None, "overlap": None}


def test_the_headline_bears_the_floors_of_its_own_measure() -> None:
    short, long_ = "Leaf mould it is, then.", "Leaf mould it is, then, for it keeps the bed damp and cool all summer."
    texts = {"a": long_, "b": long_, "c": short, "d": short}
    golden = [golden_of(name, RUBRIC, texts[name], p1=LABELS[name][0], f1=LABELS[name][2]) for name in LABELS]
    found = summary(*(record_of(answer) for answer in golden), golden=golden)
    # p1 is met in the two long answers and missed in the two short ones: length alone ranks all four rightly.
    assert headline(found, "points_auc").floors["length"] == 1.0
    # All are answers to one question, and no other question is there to choose a threshold on.
    assert headline(found, "points_kappa").floors["length"] is None
    # One committed pitfall in a long answer and one in a short: 0.5.
    assert headline(found, "pitfalls_auc").floors["length"] == 0.5
    assert [figure.name for figure in found.headline] == [figure.name for figure in HEADLINE]


def test_a_run_in_which_all_failed_has_undefined_figures_and_no_zeros() -> None:
    found = summary(*(failed_of(answer) for answer in ANSWERS.values()))
    assert [figure.figure.value for figure in found.headline] == [None] * 5
    assert (kind(found, "points").majority, kind(found, "points").ranked_by) == (None, None)
    assert (found.scores.unscored, found.stability, found.fairness) == (4, None, None)
    assert Summary.model_validate_json(found.model_dump_json()) == found


def test_slices_show_no_figure_over_too_few() -> None:
    assert LEAST_VERDICTS == 10
    slices = {(s.by, s.name): s for s in summary(*JUDGED).slices}
    whole = slices["language", "en"]
    assert (whole.readings, whole.points, whole.points_kappa, whole.pitfalls_auc) == (4, 8, None, None)
    assert whole.mean_error == pytest.approx(45 / 4)
    assert not [name for by, name in slices if by == "quality"]


def test_slices_by_length_hold_a_third_each() -> None:
    golden = [golden_of(str(n), RUBRIC, "word " * n, p1="met") for n in range(1, 10)]
    slices = [s for s in summary(*(record_of(g) for g in golden), golden=golden).slices if s.by == "length"]
    # Lengths 1 to 9: a third lies at 3.67, two thirds at 6.33.
    assert [(s.name, s.readings) for s in slices] == [("up to 3 words", 3), ("4 to 6 words", 3), ("over 6 words", 3)]


def test_the_shipped_answers_are_told_apart_by_a_judge_that_is_nearly_right() -> None:
    golden = read_golden(INTERVIEW, CATALOG)
    run = run_of(*nearly_perfect(golden, np.random.default_rng(1), flipped=0.1))._replace(
        settings=settings_for(INTERVIEW)
    )
    found = summary_of(golden, run, CATALOG, np.random.default_rng(1), draws=50)
    assert found.counts.missing == found.counts.unassessed == 0
    for figure in found.headline:
        value, limits = figure.figure.value, figure.figure.answers
        assert value is not None
        assert limits is not None
        assert limits.low <= value <= limits.high
        assert all(value > floor for floor in figure.floors.values() if floor is not None)
    # The derived points are in the scores alone: of 680 labels the 6 · 5 that STAR decides are left out.
    derived = sum(p.decided_by == "star" for answer in golden for p in answer.rubric_in(CATALOG).points)
    assert kind(found, "points").labelled == 680 - derived
    assert {s.by for s in found.slices} == {"question", "quality", "language", "length"}
    assert sum(s.by == "question" for s in found.slices) == 20


def test_the_same_seed_gives_the_same_summary() -> None:
    assert summary(*JUDGED) == summary(*JUDGED)


def test_cost_is_summed_and_unknown_where_one_price_is() -> None:
    records = [record_of(ANSWERS[name], seconds=seconds) for name, seconds in (("a", 1.0), ("b", 2.0), ("c", 6.0))]
    cost = cost_of([*records, abstained_of(ANSWERS["d"])])
    # Three at 0.01, and one that no judge was asked about, whose time is not a reading's.
    assert (cost.usd, cost.usd_per_reading, cost.calls, cost.seconds_median) == (0.03, 0.0075, 9, 2.0)
    assert cost.seconds == 1.0 + 2.0 + 6.0 + 0.0
    assert (cost.input_tokens, cost.cached_tokens, cost.output_tokens) == (300, 120, 9)
    assert cost_of([record_of(ANSWERS["a"], cost_usd=None), *records]).usd is None
    assert cost_of([]).seconds_median is None


def test_a_failed_answer_has_cost_what_its_replies_did() -> None:
    reply = Reply(text="?", model="m", cost_usd=0.02, input_tokens=7)
    failed = failed_of(ANSWERS["a"]).model_copy(
        update={"replies": (reply, reply), "failed_calls": ("JudgeTimedOut: x",)}
    )
    assert (usd_of(failed), cost_of([failed]).input_tokens, cost_of([failed]).failed_calls) == (0.04, 14, 1)
    assert usd_of(failed.model_copy(update={"replies": (reply, reply.model_copy(update={"cost_usd": None}))})) is None


def test_a_perfect_judge_of_labels_is_perfect_by_every_measure() -> None:
    found = summary(*(record_of(answer, levels_of(answer)) for answer in ANSWERS.values()))
    assert {kind(found, "points").figures[name].value for name in ("accuracy", "f1", "kappa", "qwk", "auc")} == {1.0}
