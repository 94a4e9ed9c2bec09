"""`grader eval calibrate` that goes on from another calibration: kept but for a part, in part, or moved."""

import json
from pathlib import Path

from evals import directions
from evals.records import read_run
from service.catalog import read_json
from service.core.calibration import Calibration
from tests.service.cli.command_line import grader
from tests.service.cli.recorded_odds import (
    CRITERIA,
    few_tokens_are_many,  # noqa: F401 - a fixture that each test uses
    recorded,
)


def test_a_calibration_can_be_kept_but_for_rubrics_without_an_example(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    recorded(tmp_path, of="pots", run="more", pairs=True)
    assert grader(tmp_path, "eval", "calibrate", "run", "--out", "first.json", **env).exit_code == 0
    words = ["--keep", "first.json", "--out", "second.json", "--held-out", "anew"]
    result = grader(tmp_path, "eval", "calibrate", "more", *words, **env)
    assert result.exit_code == 0, result.stderr
    first, second = (read_json(tmp_path / f"{name}.json", Calibration) for name in ("first", "second"))
    assert second.scales == first.scales
    assert second.directions["there"] == first.directions["there"]
    assert second.directions["stated"] != first.directions["stated"]
    assert second.made_by.startswith(
        f"{first.made_by}; without an example answer: grader eval calibrate over pots.jsonl"
    )
    assert second.note == f"{first.note}; without an example answer: {2 * 18} points"
    again = grader(tmp_path, "eval", "calibrate", "more", "--keep", "second.json", "--out", "third.json", **env)
    assert again.exit_code == 0, again.stderr
    assert read_json(tmp_path / "third.json", Calibration) == second
    missing = grader(tmp_path, "eval", "calibrate", "more", "--keep", "none.json", **env)
    assert missing.exit_code == 2
    assert "none.json" in missing.stderr


def test_what_is_read_without_an_example_can_be_kept_and_the_rest_fitted_anew(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    recorded(tmp_path, of="pots", run="more", pairs=True)
    assert grader(tmp_path, "eval", "calibrate", "run", "--out", "first.json", **env).exit_code == 0
    words = ["--keep-stated", "first.json", "--out", "second.json", "--held-out", "anew"]
    result = grader(tmp_path, "eval", "calibrate", "more", *words, **env)
    assert result.exit_code == 0, result.stderr
    first, second = (read_json(tmp_path / f"{name}.json", Calibration) for name in ("first", "second"))
    assert second.directions["stated"] == first.directions["stated"]
    assert second.without_example["point"] == first.without_example["point"]
    assert second.without_example["star"] != first.without_example["star"]
    assert second.scales != first.scales
    for name in directions.FITTED_TO:
        assert second.directions[name] != first.directions[name]
    assert second.made_by.startswith("grader eval calibrate over pots.jsonl (sha256 ")
    assert second.made_by.endswith(f"; without an example answer: {first.made_by}")
    assert second.note.endswith(f"; without an example answer: {first.note}")
    again = grader(tmp_path, "eval", "calibrate", "more", "--keep-stated", "second.json", "--out", "third.json", **env)
    assert again.exit_code == 0, again.stderr
    assert read_json(tmp_path / "third.json", Calibration) == second


def test_what_is_not_in_a_calibration_cannot_be_kept_of_it(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    assert grader(tmp_path, "eval", "calibrate", "run", "--out", "first.json", **env).exit_code == 0
    bare = read_json(tmp_path / "first.json", Calibration)
    told = bare.model_copy(update={"directions": {k: v for k, v in bare.directions.items() if k != "stated"}})
    (tmp_path / "bare.json").write_text(told.model_dump_json(), encoding="utf-8")
    lacking = grader(tmp_path, "eval", "calibrate", "run", "--keep-stated", "bare.json", **env)
    assert lacking.exit_code == 2
    assert "bare.json: it has no direction for points" in lacking.stderr
    missing = grader(tmp_path, "eval", "calibrate", "run", "--keep-stated", "none.json", **env)
    assert missing.exit_code == 2
    assert "none.json" in missing.stderr


def test_a_calibration_is_moved_by_what_other_runs_ask_and_its_scales_stay(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    recorded(tmp_path, of="pots", run="more", pairs=True)
    assert grader(tmp_path, "eval", "calibrate", "run", "--out", "first.json", **env).exit_code == 0
    words = ["--move", "first.json", "--out", "second.json", "--held-out", "anew"]
    result = grader(tmp_path, "eval", "calibrate", "more", *words, **env)
    assert result.exit_code == 0, result.stderr
    first, second = (read_json(tmp_path / f"{name}.json", Calibration) for name in ("first", "second"))
    assert second.scales == first.scales
    assert second.without_example == first.without_example
    assert second.directions["stated"] == first.directions["stated"]
    for name in directions.FITTED_TO:
        assert second.directions[name] != first.directions[name]
        assert second.directions[name].weights.keys() == first.directions[name].weights.keys()
    assert second.made_by.startswith(f"{first.made_by}; moved: grader eval calibrate over pots.jsonl (sha256 ")
    pairs = 3 * len(CRITERIA)
    assert second.note == f"{first.note}; moved: {18 * len(CRITERIA)} labelled criteria, {pairs} pairs of them"
    assert " | graded anew by 3 calibrations: " in read_run(tmp_path / "anew").settings.identity
    kept = grader(tmp_path, "eval", "calibrate", "run", "--keep", "second.json", "--out", "third.json", **env)
    assert kept.exit_code == 0, kept.stderr
    third = read_json(tmp_path / "third.json", Calibration)
    assert third.directions["there"] == second.directions["there"]
    assert "; moved: grader eval calibrate over pots.jsonl" in third.made_by
    assert third.made_by.count("; without an example answer: ") == 1


def test_a_calibration_that_cannot_be_moved_is_named(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    assert grader(tmp_path, "eval", "calibrate", "run", "--out", "first.json", **env).exit_code == 0
    both = grader(tmp_path, "eval", "calibrate", "run", "--keep", "first.json", "--move", "first.json", **env)
    assert both.exit_code == 2
    assert "--keep, --keep-stated, --move and --short" in both.stderr
    missing = grader(tmp_path, "eval", "calibrate", "run", "--move", "none.json", **env)
    assert missing.exit_code == 2
    assert "none.json" in missing.stderr
    plain = json.loads((tmp_path / "first.json").read_text(encoding="utf-8")) | {"directions": {}}
    (tmp_path / "plain.json").write_text(json.dumps(plain), encoding="utf-8")
    nothing = grader(tmp_path, "eval", "calibrate", "run", "--move", "plain.json", **env)
    assert nothing.exit_code == 2
    assert "directions to be moved" in nothing.stderr


def test_what_it_is_worth_that_an_answer_is_short_is_fitted_alone(tmp_path: Path) -> None:
    env = recorded(tmp_path, of="pots", run="more", example=True)
    assert grader(tmp_path, "eval", "calibrate", "more", "--out", "first.json", **env).exit_code == 0
    words = ["--short", "first.json", "--out", "second.json", "--held-out", "anew"]
    result = grader(tmp_path, "eval", "calibrate", "more", *words, **env)
    assert result.exit_code == 0, result.stderr
    first, second = (read_json(tmp_path / f"{name}.json", Calibration) for name in ("first", "second"))
    assert (second.directions, second.without_example) == (first.directions, first.without_example)
    for kind, scale in first.scales.items():
        own = dict(second.scales[kind].weights)
        assert ("short" in own) == (kind in ("point", "star"))
        assert scale == second.scales[kind].model_copy(update={"weights": {n: own[n] for n in own if n != "short"}})
    assert second.made_by.startswith(f"{first.made_by}; short answers: grader eval calibrate over pots.jsonl")
    assert len(read_run(tmp_path / "anew").records) == len(read_run(tmp_path / "more").records)
    again = grader(tmp_path, "eval", "calibrate", "more", "--short", "second.json", "--out", "third.json", **env)
    assert again.exit_code == 0, again.stderr
    assert read_json(tmp_path / "third.json", Calibration) == second
    two = grader(tmp_path, "eval", "calibrate", "more", "--short", "first.json", "--move", "first.json", **env)
    assert two.exit_code == 2
    assert "--short: one calibration can be gone on from" in " ".join(two.stderr.split())


def test_without_an_example_answer_shortness_is_not_fitted(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    assert grader(tmp_path, "eval", "calibrate", "run", "--out", "first.json", **env).exit_code == 0
    result = grader(tmp_path, "eval", "calibrate", "run", "--short", "first.json", "--out", "second.json", **env)
    assert result.exit_code == 2
    assert "no point and no STAR part of an answer under 90 words" in " ".join(result.stderr.split())
    assert not (tmp_path / "second.json").exists()
