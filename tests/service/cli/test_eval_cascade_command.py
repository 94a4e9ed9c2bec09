"""`grader eval cascade`, over two runs on disk, and the service that takes what it wrote."""

from pathlib import Path

import pytest

from evals.records import Record, Run
from service.catalog import read_json
from service.judges.cascade import Choice, Keep
from tests.evals.made_runs import (
    failed_of,
    golden_file,
    golden_of,
    levels_of,
    record_of,
    rubric_of,
    settings_for,
    with_confidence,
    written,
)
from tests.service.cli.command_line import grader

RUBRICS = [
    rubric_of("p1", "p2", f1="commission").model_copy(update={"question": f"Which compost does bed {n} need?"})
    for n in range(3)
]
GOLDEN = tuple(
    golden_of(f"g{n}", RUBRICS[n % 3], p1="met" if n % 2 else "missed", p2="met" if n % 4 else "missed", f1=n % 5 == 0)
    for n in range(12)
)


def cheap_one(n: int) -> Record:
    """Sure and right of p1 and f1, unsure of p2 and wrong about it."""
    turned = {"met": "missed", "missed": "met"}
    levels = levels_of(GOLDEN[n])
    record = record_of(GOLDEN[n], {**levels, "p2": turned[levels["p2"]]})
    return with_confidence(record, {"p1": 0.9, "p2": 0.6, "f1": 0.9})


def runs_in(folder: Path, *cheap: Record) -> None:
    golden = settings_for(golden_file(folder / "beds.jsonl", *GOLDEN))
    written(folder / "cheap", Run(golden, cheap or tuple(map(cheap_one, range(12)))))
    written(folder / "strong", Run(golden.model_copy(update={"model": "strong"}), tuple(map(record_of, GOLDEN))))


def test_what_the_cheap_judge_is_right_about_is_kept_and_the_thresholds_are_written(tmp_path: Path) -> None:
    runs_in(tmp_path)
    result = grader(tmp_path, "eval", "cascade", "cheap", "strong", "--out", "cascade.json")
    assert result.exit_code == 0, result.stderr
    rows = {line.split()[0]: " ".join(line.split()) for line in result.stdout.splitlines() if line.strip()}
    assert rows["points"] == "points 24 0.06 1.00 0.90 1.00 50 % 1.50 times 1.00, 50 %"
    assert rows["pitfalls"] == "pitfalls 12 1.00 1.00 0.90 1.00 0 % 1.00 times 1.00, 0 %"
    assert "GRADER_CASCADE=cascade.json takes it" in result.stdout
    choice = read_json(tmp_path / "cascade.json", Choice)
    assert choice.keep == Keep(points=0.9, pitfalls=0.9, star=None)
    assert choice.made_by == "grader eval cascade over beds.jsonl"
    assert choice.note.endswith("to expect: points 1.00, 50 %; pitfalls 1.00, 0 %")


def test_without_out_nothing_is_written(tmp_path: Path) -> None:
    runs_in(tmp_path)
    before = set(tmp_path.iterdir())
    result = grader(tmp_path, "eval", "cascade", "cheap", "strong")
    assert (result.exit_code, "written" in result.stdout, set(tmp_path.iterdir())) == (0, False, before)


def test_a_cheap_judge_without_confidence_is_no_cheap_judge(tmp_path: Path) -> None:
    runs_in(tmp_path, *map(record_of, GOLDEN))
    result = grader(tmp_path, "eval", "cascade", "cheap", "strong", "--out", "cascade.json")
    assert result.exit_code == 2
    assert "record that judge with --samples 2" in result.stderr
    assert not (tmp_path / "cascade.json").exists()


def test_runs_that_have_nothing_in_common_are_told_so(tmp_path: Path) -> None:
    runs_in(tmp_path, *map(failed_of, GOLDEN))
    written(tmp_path / "failed", Run(settings_for(tmp_path / "beds.jsonl"), tuple(map(failed_of, GOLDEN))))
    result = grader(tmp_path, "eval", "cascade", "cheap", "failed")
    assert result.exit_code == 2
    assert "no labelled criterion in common" in result.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nowhere", "strong"], "nowhere/run.json: cannot be read"),
        (["cheap", "nowhere"], "nowhere/run.json: cannot be read"),
        (["cheap", "other"], "only runs over one golden file can be compared"),
        (["cheap", "strong", "--out", "no/such/place.json"], "no/such/place.json: cannot be written"),
        (["cheap", "strong", "--golden", "no.jsonl"], "its golden file is not at no.jsonl"),
    ],
)
def test_what_cannot_be_replayed_is_named(tmp_path: Path, words: list[str], complaint: str) -> None:
    runs_in(tmp_path)
    other = settings_for(golden_file(tmp_path / "other.jsonl", *GOLDEN[:3]))
    written(tmp_path / "other", Run(other, tuple(map(record_of, GOLDEN[:3]))))
    result = grader(tmp_path, "eval", "cascade", *words)
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr
