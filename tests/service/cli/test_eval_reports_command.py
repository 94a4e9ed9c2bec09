"""`grader eval report`, `compare` and `gate`, over runs on disk."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evals.pairs import human_score
from evals.records import Record, Run
from evals.summary import Summary
from service.catalog import HOME
from tests.evals.made_runs import (
    CATALOG,
    failed_of,
    golden_file,
    golden_of,
    record_of,
    rubric_of,
    settings_for,
    written,
)
from tests.service.cli.command_line import grader

RUBRIC = rubric_of("p1", "p2", f1="commission")
GOLDEN = tuple(
    golden_of(f"g{n}", RUBRIC, p1="met" if n % 2 else "missed", p2="met" if n % 4 else "partial", f1=n % 3 == 0)
    for n in range(12)
)


def run_in(folder: Path, name: str, *records: Record) -> Path:
    """A run over the twelve answers: these records, and for the rest a judge that agrees with the human."""
    golden = golden_file(folder / "garden.jsonl", *GOLDEN)
    given = {record.golden_id: record for record in records}
    whole = tuple(given.get(answer.id) or record_of(answer) for answer in GOLDEN)
    return written(folder / name, Run(settings_for(golden), whole))


def worse(count: int = 8) -> list[Record]:
    """The first answers judged the other way round."""
    turned = {"met": "missed", "missed": "met", "partial": "met"}
    return [
        record_of(answer, {**{p: turned[level] for p, level in answer.labels.points.items()}, "f1": "avoided"})
        for answer in GOLDEN[:count]
    ]


def test_a_report_is_written_beside_the_run_and_its_headline_is_printed(tmp_path: Path) -> None:
    run_in(tmp_path, "run", failed_of(GOLDEN[0]))
    result = grader(tmp_path, "eval", "report", "run", "--draws", "20")
    assert result.exit_code == 0, result.stderr
    assert "Points: Cohen's kappa of met" in result.stdout
    assert "12 readings: 11 graded, 0 partial, 0 abstained, 1 failed" in result.stdout
    assert "0 of 33 labelled criteria unassessed" in result.stdout
    assert result.stdout.splitlines()[-1] == "written: run/report.html"
    assert "<!doctype html>" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_each_form_goes_where_it_is_wanted(tmp_path: Path) -> None:
    run_in(tmp_path, "run", *worse())
    run_in(tmp_path, "before")
    words = ["--before", "before", "--html", "r.html", "--markdown", "r.md", "--json", "r.json", "--junit", "r.xml"]
    result = grader(tmp_path, "eval", "report", "run", "--draws", "20", *words)
    assert result.exit_code == 0, result.stderr
    assert "now less before" in result.stdout
    assert not (tmp_path / "run" / "report.html").exists()
    assert "Beside the run before" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (tmp_path / "r.md").read_text(encoding="utf-8").startswith("# garden.jsonl, judged by")
    summary = Summary.model_validate(json.loads((tmp_path / "r.json").read_text(encoding="utf-8")))
    assert (summary.draws, summary.counts.graded) == (20, 12)
    suite = ElementTree.parse(tmp_path / "r.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.get("tests") == "12"


def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    run_in(tmp_path, "run", *worse(4))
    for name in ("1.json", "2.json"):
        grader(tmp_path, "eval", "report", "run", "--draws", "50", "--seed", "7", "--json", name)
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["report", "nowhere"], "nowhere/run.json: cannot be read"),
        (["report", "run", "--golden", "no.jsonl"], "its golden file is not at no.jsonl"),
        (["report", "run", "--html", "no/where.html"], "no/where.html: cannot be written"),
        (["report", "run", "--draws", "0"], "20"),
        (["report", "run", "--before", "nowhere"], "nowhere/run.json"),
        (["compare", "run", "nowhere"], "nowhere/run.json"),
        (["gate", "run"], "--baseline"),
        (["gate", "run", "--baseline", "run", "--allow", "kappa"], "wanted is FIGURE=AMOUNT"),
        (["gate", "run", "--baseline", "run", "--allow", "kapa=0.1"], "no such figure; there are points_auc"),
        (["gate", "run", "--baseline", "run", "--allow", "points_auc=nan"], "from 0 to 2"),
        (["gate", "run", "--baseline", "run", "--allow", "points_auc=-1"], "from 0 to 2"),
    ],
)
def test_wrong_use_is_told_by_name_with_exit_code_2(tmp_path: Path, words: list[str], complaint: str) -> None:
    run_in(tmp_path, "run")
    result = grader(tmp_path, "eval", *words)
    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.split())


def test_runs_over_different_golden_files_are_not_compared(tmp_path: Path) -> None:
    run_in(tmp_path, "a")
    other = golden_file(tmp_path / "other.jsonl", *GOLDEN[:3])
    written(tmp_path / "b", Run(settings_for(other), tuple(record_of(answer) for answer in GOLDEN[:3])))
    for words in (["compare", "a", "b"], ["gate", "b", "--baseline", "a"], ["report", "a", "--before", "b"]):
        result = grader(tmp_path, "eval", *words)
        assert result.exit_code == 2
        assert "only runs over one golden file can be compared" in result.stderr


def test_compare_tells_figures_flips_cost_and_time(tmp_path: Path) -> None:
    run_in(tmp_path, "a")
    flipped = record_of(GOLDEN[1], {"p1": "missed", "p2": "met", "f1": "avoided"}, seconds=4.0, cost_usd=0.13)
    run_in(tmp_path, "b", flipped)
    result = grader(tmp_path, "eval", "compare", "a", "b", "--draws", "20")
    assert result.exit_code == 0, result.stderr
    assert "1 of 36 verdicts differ" in result.stdout
    assert any(line.split() == ["g1", "p1", "met", "met", "missed"] for line in result.stdout.splitlines())
    # Cost: (11 · 0.01 + 0.13) / (12 · 0.01) = 2; the median of the seconds stays 2.
    assert "B to A: cost 2.00 times, seconds (median) 1.00 times" in result.stdout
    as_json = grader(tmp_path, "eval", "compare", "a", "b", "--draws", "20", "--json")
    assert [flip["criterion_id"] for flip in json.loads(as_json.stdout)["flips"]] == ["p1"]


def test_the_gate_passes_a_run_beside_itself(tmp_path: Path) -> None:
    run_in(tmp_path, "run", *worse(2))
    result = grader(tmp_path, "eval", "gate", "run", "--baseline", "run", "--draws", "20")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "passed"


def test_the_gate_says_what_has_fallen_from_what_to_what_and_why(tmp_path: Path) -> None:
    run_in(tmp_path, "main")
    run_in(tmp_path, "run", *worse())
    words = ["eval", "gate", "run", "--baseline", "main", "--draws", "50"]
    result = grader(tmp_path, *words, "--junit", "gate.xml")
    assert result.exit_code == 1
    assert "fell short:" in result.stderr
    assert "points_kappa: from 1.000 to " in result.stderr
    assert "interval lies wholly below 0" in result.stderr
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "gate.xml").getroot().iter("testcase")}
    assert cases["Points: Cohen's kappa of met"].find("failure") is not None
    assert cases["Share of criteria left unassessed"].find("failure") is None
    allowed = [f"--allow={name}=2" for name in ("points_auc", "points_kappa", "pitfalls_auc", "score_spearman")]
    assert grader(tmp_path, *words, *allowed).exit_code == 0


def test_what_measuring_needs_and_serving_does_not_is_named_where_it_is_missing(tmp_path: Path) -> None:
    run_in(tmp_path, "run")
    program = "import sys; sys.modules['matplotlib'] = None; from service.cli import main; main()"
    command = [sys.executable, "-c", program, "eval", "report", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("matplotlib is not installed, and measuring needs it: pip install")


def test_the_rubrics_in_use_are_those_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "rubrics").mkdir()
    (tmp_path / "rubrics" / "own.yaml").write_text(
        "id: own\nquestion: Why?\npoints: [{id: p1, text: Says why}]\n", encoding="utf-8"
    )
    row = {"id": "x", "question_id": "own", "answer": "So it is.", "labels": {"points": {"p1": "met"}}}
    golden = tmp_path / "own.jsonl"
    golden.write_text(json.dumps(row), encoding="utf-8")
    answer = golden_of("x", rubric_of("p1"), p1="met")
    written(tmp_path / "run", Run(settings_for(golden), (record_of(answer),)))
    result = grader(tmp_path, "eval", "report", "run", "--draws", "20", GRADER_RUBRICS_DIR="rubrics")
    assert result.exit_code == 0, result.stderr
    assert "graded by rubrics that have changed since" in result.stdout
    assert human_score(answer, rubric_of("p1"), CATALOG.rules) == 100.0
