"""A run's figures as metrics: which, under what labels, and what is left out."""

import re
from pathlib import Path
from typing import Any

import pytest
from numpy.random import default_rng
from prometheus_client import generate_latest

from evals.push import INSTRUMENTS, MEASURES, NAMES, refuse_unfinished, registry_of, run_labels
from evals.records import Record
from evals.summary import Summary, summary_of
from service.core.errors import BadFile
from tests.evals.made_runs import (
    CATALOG,
    SETTINGS_OF_A_RUN,
    abstained_of,
    failed_of,
    golden_of,
    record_of,
    rubric_of,
    run_of,
)
from tests.prometheus_programs import complaints, samples

RUBRIC = rubric_of("p1", "p2", f1="commission")
GOLDEN = tuple(
    golden_of(f"g{n}", RUBRIC, p1="met" if n % 2 else "missed", p2="met" if n % 4 else "partial", f1=n % 3 == 0)
    for n in range(6)
)
RUN = {"golden": "made", "judge": "per_criterion", "model": "scripted"}


def summary(*records: Record, **settings: Any) -> Summary:
    return summary_of(GOLDEN, run_of(*records, **settings), CATALOG, default_rng(1), draws=20)


def text_of(found: Summary, finished: float = 1_790_000_000.5) -> str:
    return generate_latest(registry_of(found, finished)).decode()


def values(found: Summary, name: str) -> dict[str, float]:
    """The metric's values by what its own labels say, those of the run left out."""
    every = [sample for sample in samples(text_of(found)) if sample.name == name]
    assert all(sample.labels.items() >= RUN.items() for sample in every)
    return {" ".join(v for k, v in sample.labels.items() if k not in RUN): sample.value for sample in every}


def test_a_run_is_told_by_its_golden_files_stem_its_judge_and_its_first_model() -> None:
    settings = SETTINGS_OF_A_RUN.model_copy(
        update={"golden": "evals/golden/interview.jsonl", "judge": "cascade", "model": "local:small, openai/large"}
    )
    assert run_labels(settings) == ("interview", "cascade", "local:small")


def test_the_totals_of_a_run_are_those_of_its_records() -> None:
    found = summary(
        *(record_of(answer) for answer in GOLDEN[:3]),
        record_of(GOLDEN[3], {"p1": "met", "p2": "met"}),  # f1 left open
        abstained_of(GOLDEN[4]),
        failed_of(GOLDEN[5]),
    )
    answers = {"graded": 3.0, "partial": 1.0, "abstained": 1.0, "failed": 1.0}
    assert values(found, "grader_eval_answers") == answers
    # 5 answers of 3 labelled criteria each, one of them left open.
    assert values(found, "grader_eval_unassessed_ratio") == {"": pytest.approx(1 / 15)}
    assert values(found, "grader_eval_cost_usd") == {"": pytest.approx(0.04)}
    assert values(found, "grader_eval_seconds") == {"": 4 * 2.0 + 0.0 + 1.0}
    assert values(found, "grader_eval_median_seconds") == {"": 2.0}
    assert values(found, "grader_eval_finished_timestamp_seconds") == {"": 1_790_000_000.5}


def test_agreement_is_what_the_report_says_by_kind_and_measure() -> None:
    wrong = record_of(GOLDEN[0], {"p1": "met", "p2": "met", "f1": "avoided"})
    found = summary(wrong, *(record_of(answer) for answer in GOLDEN[1:]))
    told = values(found, "grader_eval_agreement")
    by_kind = {figures.kind: figures.figures for figures in found.verdicts if figures.sub is None}
    assert told["points kappa"] == by_kind["points"]["kappa"].value
    assert told["points weighted_kappa"] == by_kind["points"]["qwk"].value
    assert told["pitfalls f1"] == by_kind["pitfalls"]["f1"].value
    assert told["score spearman"] == found.scores.figures["spearman"].value
    assert {name.split()[0] for name in told} == {"points", "pitfalls", "score"}  # no STAR part is labelled
    assert {name.split()[1] for name in told} == set(MEASURES.values())


def test_the_interval_is_the_one_over_questions() -> None:
    # All right in one question, all wrong in the other: had others been asked, 0 and 1 are as likely as not.
    golden = tuple(golden_of(f"{q}-{n}", q, p1="met") for q in ("1.1", "1.2") for n in range(4))
    run = run_of(*(record_of(answer, {"p1": "met" if answer.question_id == "1.1" else "missed"}) for answer in golden))
    found = summary_of(golden, run, CATALOG, default_rng(1), draws=50)
    assert values(found, "grader_eval_agreement")["points accuracy"] == 0.5
    assert values(found, "grader_eval_agreement_low")["points accuracy"] == 0.0
    assert values(found, "grader_eval_agreement_high")["points accuracy"] == 1.0


def test_what_is_unknown_is_left_out_and_is_never_0() -> None:
    # One human level only: kappa and AUC are undefined; one question: no interval over questions; no price.
    alike = tuple(golden_of(f"g{n}", RUBRIC, p1="met") for n in range(3))
    run = run_of(*(record_of(answer, {"p1": "met"}, cost_usd=None) for answer in alike))
    found = summary_of(alike, run, CATALOG, default_rng(1), draws=20)
    text = text_of(found)
    told = values(found, "grader_eval_agreement")
    assert told["points accuracy"] == 1.0
    assert "points auc" not in told
    assert "points kappa" not in told
    assert "grader_eval_agreement_low" not in text
    assert "grader_eval_cost_usd" not in text
    assert "NaN" not in text


def test_all_that_is_written_is_declared_with_these_labels_and_promtool_finds_no_fault() -> None:
    two = (*GOLDEN, golden_of("s", "1.1", p1="met", f1=True, situation="present", task="absent"))
    run = run_of(*(record_of(answer) for answer in two))
    text = text_of(summary_of(two, run, CATALOG, default_rng(1), draws=20))
    assert complaints(text) == ""
    assert {sample.name: set(sample.labels) for sample in samples(text)} == {k: set(v) for k, v in NAMES.items()}
    assert len(NAMES) == len(INSTRUMENTS)


def test_no_series_is_written_twice() -> None:
    series = re.findall(r"^(grader_eval_\S*(?:\{.*?\})?) ", text_of(summary(*map(record_of, GOLDEN))), re.MULTILINE)
    assert len(series) == len(set(series)) > 10


def test_an_unfinished_run_is_refused_with_what_is_missing() -> None:
    records = tuple(record_of(answer) for answer in GOLDEN[:4])
    with pytest.raises(BadFile, match=r"run/records\.jsonl: 2 of 6 readings have no record yet.*--resume"):
        refuse_unfinished(summary(*records), records, Path("run"))


def test_a_limited_run_is_finished_when_all_of_its_answers_are_read() -> None:
    records = tuple(record_of(answer) for answer in GOLDEN[:4])
    refuse_unfinished(summary(*records, limit=4), records, Path("run"))
    with pytest.raises(BadFile, match="1 of 5 readings"):
        refuse_unfinished(summary(*records, limit=5), records, Path("run"))


def test_a_run_that_brought_no_grade_is_refused_with_the_reason() -> None:
    records = tuple(failed_of(answer, "JudgeUnavailable: nobody there") for answer in GOLDEN)
    with pytest.raises(BadFile, match=r"no answer was graded \(JudgeUnavailable: nobody there\); .*--resume"):
        refuse_unfinished(summary(*records), records, Path("run"))
