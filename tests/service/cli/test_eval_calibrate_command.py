"""`grader eval calibrate` and `regrade`: from a recorded run to a calibration, and the run graded anew by it."""

import json
from pathlib import Path

import numpy as np
import pytest

from evals import directions
from evals.known import model_of
from evals.records import RECORDS, SETTINGS, Run, read_run
from service.bootstrap import WORDINGS
from service.catalog import read_json
from service.core.calibration import Calibration, Direction
from service.judges.known import KnownOdds
from service.judges.signals import KINDS
from tests.evals.made_runs import golden_file, golden_of, record_of, rubric_of, settings_for, written
from tests.service.cli.command_line import grader
from tests.service.cli.recorded_odds import (
    CRITERIA,
    TOPICS,
    few_tokens_are_many,  # noqa: F401 - a fixture that each test uses
    recorded,
    verdicts,
)


def test_a_run_is_calibrated_and_each_question_graded_by_what_has_not_seen_it(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    words = ["--out", "calibration.json", "--held-out", "anew"]
    result = grader(tmp_path, "eval", "calibrate", "run", *words, **env)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == ["written: calibration.json", "written: anew"]
    calibration = read_json(tmp_path / "calibration.json", Calibration)
    before, after = read_run(tmp_path / "run"), read_run(tmp_path / "anew")
    assert tuple(calibration.scales) == KINDS
    assert calibration.made_by.startswith("grader eval calibrate over beds.jsonl (sha256 ")
    assert calibration.made_by.endswith(f"{before.settings.golden_digest[:12]})")
    assert calibration.note == f"{18 * len(CRITERIA)} labelled criteria; scripted"
    # The more the model said yes, the likelier what it was asked for; of an omission that is the contrary.
    assert {kind: scale.weights["yes"] > 0 for kind, scale in calibration.scales.items()} == {
        "point": True, "commission": True, "omission": False, "only": True, "star": True,
    }  # fmt: skip
    assert " | graded anew by 3 calibrations: " in after.settings.identity
    assert calibration.digest not in after.settings.identity
    assert [record.golden_id for record in after.records] == [record.golden_id for record in before.records]
    assert [record.replies for record in after.records] == [record.replies for record in before.records]
    assert set(calibration.directions) == {*directions.FITTED_TO, *directions.FITTED_TO_STATED}
    assert verdicts(after) != verdicts(before)
    report = grader(tmp_path, "eval", "report", "anew", "--draws", "20", **env)
    assert report.exit_code == 0, report.stderr


def test_what_is_fitted_to_beside_a_run_shapes_the_numbers_and_is_not_graded_anew(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    recorded(tmp_path, of="pots", run="more")
    words = ["--also", "more", "--out", "both.json", "--held-out", "anew"]
    result = grader(tmp_path, "eval", "calibrate", "run", *words, **env)
    assert result.exit_code == 0, result.stderr
    both = read_json(tmp_path / "both.json", Calibration)
    assert both.note.startswith(f"{2 * 18 * len(CRITERIA)} labelled criteria; ")
    assert "beds.jsonl (sha256 " in both.made_by
    assert " and pots.jsonl (sha256 " in both.made_by
    alone = grader(tmp_path, "eval", "calibrate", "run", "--held-out", "alone", **env)
    assert Calibration.model_validate_json(alone.stdout).scales != both.scales
    after, by_own = read_run(tmp_path / "anew"), read_run(tmp_path / "alone")
    assert [record.golden_id for record in after.records] == [record.golden_id for record in by_own.records]
    assert verdicts(after) != verdicts(by_own)


def forget_known(folder: Path) -> None:
    """As if the run had not asked about the known answers."""
    lines = [json.loads(line) for line in (folder / RECORDS).read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line["replies"] = [reply for reply in line["replies"] if not reply["about"].endswith(" empty")]
    (folder / RECORDS).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_what_the_known_answers_got_in_a_run_beside_serves_all(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    recorded(tmp_path, of="pots", run="more")
    words = ["--also", "more", "--out", "c.json", "--held-out", "then"]
    forget_known(tmp_path / "run")
    refused = grader(tmp_path, "eval", "calibrate", "run", "--out", "alone.json", **env)
    assert refused.exit_code == 2
    assert "the run does not tell what all known answers got; record it with --all-odds" in refused.stderr
    result = grader(tmp_path, "eval", "calibrate", "run", *words, **env)
    assert result.exit_code == 0, result.stderr
    said = [probability for grade in verdicts(read_run(tmp_path / "then")) for _, probability in grade if probability]
    assert np.std(said) > 0.1  # with nothing to set them against they would hardly differ


def test_two_answers_that_are_tagged_as_a_pair_are_drawn_together(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    recorded(tmp_path, of="pots", run="more", pairs=True)
    for run in ("run", "more"):
        result = grader(tmp_path, "eval", "calibrate", run, "--out", f"{run}.json", **env)
        assert result.exit_code == 0, result.stderr
    plain, fair = (read_json(tmp_path / f"{run}.json", Calibration).directions["there"] for run in ("run", "more"))
    first, second = read_run(tmp_path / "more").records[:2]

    def apart(direction: Direction) -> float:
        """How far the two lie apart on the mean over the points."""
        points = [
            [direction.along(r.first_token_odds or {}) for r in record.replies if r.about.endswith((" p1", " p2"))]
            for record in (first, second)
        ]
        return float(np.abs(np.array(points[0]) - np.array(points[1])).mean())

    assert apart(fair) < 0.8 * apart(plain)


def test_an_answer_is_fitted_to_once(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    result = grader(tmp_path, "eval", "calibrate", "run", "--also", "run", **env)
    assert result.exit_code == 2
    assert "18 answers are in two of the golden files, such as 'beds-1.1-0'; take each once" in result.stderr


def test_a_run_that_does_not_tell_what_the_known_answers_got_is_not_graded_anew(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    forget_known(tmp_path / "run")
    result = grader(tmp_path, "eval", "regrade", "run", "--out", "anew", **env)
    assert result.exit_code == 2
    wanted = "run: beds-1.1-0: what p1 got before the empty answer is not at hand; record the run with --all-odds"
    assert wanted in " ".join(result.stderr.split())
    assert not (tmp_path / "anew").exists()


def test_odds_of_two_models_are_not_fitted_to_together(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    recorded(tmp_path, of="pots", run="more")
    other = read_run(tmp_path / "more").settings.model_copy(update={"model": "local"})
    (tmp_path / "more" / SETTINGS).write_text(other.model_dump_json(), encoding="utf-8")
    result = grader(tmp_path, "eval", "calibrate", "run", "--also", "more", **env)
    assert result.exit_code == 2
    assert result.stderr.startswith("more: is of the model 'local', the first run of 'scripted")


def test_without_a_file_the_calibration_is_printed_and_nothing_else(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    result = grader(tmp_path, "eval", "calibrate", "run", "--held-out", "anew", **env)
    assert result.exit_code == 0, result.stderr
    printed = Calibration.model_validate_json(result.stdout)
    assert result.stderr == "written: anew\n"
    again = grader(tmp_path, "eval", "calibrate", "run", "--golden", "beds.jsonl", **env)
    assert Calibration.model_validate_json(again.stdout) == printed


def test_answers_to_a_question_without_labels_are_graded_by_what_all_others_gave(tmp_path: Path) -> None:
    env = recorded(tmp_path, unlabelled=True)
    words = ["--out", "calibration.json", "--held-out", "anew"]
    result = grader(tmp_path, "eval", "calibrate", "run", *words, **env)
    assert result.exit_code == 0, result.stderr
    after = read_run(tmp_path / "anew")
    assert len(after.records) == 18
    assert read_json(tmp_path / "calibration.json", Calibration).digest in after.settings.identity


def test_a_run_is_graded_anew_by_the_calibration_of_today(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    result = grader(tmp_path, "eval", "regrade", "run", "--out", "anew", **env)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "written: anew\n"
    before, after = read_run(tmp_path / "run"), read_run(tmp_path / "anew")
    # By this it was judged; of the odds, four digits are kept.
    for then, now in zip(verdicts(before), verdicts(after), strict=True):
        assert [probability for _, probability in now] == pytest.approx([p for _, p in then], abs=2e-3)
    today = read_json(WORDINGS[0].calibration, Calibration)
    assert after.settings.identity.endswith(f" | graded anew by 1 calibrations: {today.digest}")


def test_what_a_run_was_told_of_the_known_answers_need_not_be_asked_again(tmp_path: Path) -> None:
    env = recorded(tmp_path)
    result = grader(tmp_path, "eval", "known", "--from", "run", "--out", "known.json", **env)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "written: known.json\n"
    told = read_json(tmp_path / "known.json", KnownOdds)
    assert (told.model, len(told.log_odds)) == ("scripted", len(TOPICS) * len(CRITERIA))
    assert told.directions == read_json(WORDINGS[0].calibration, Calibration).directions_digest
    replies = [reply for record in read_run(tmp_path / "run").records for reply in record.replies]
    [of_p1] = {reply.first_token_odds["Yes"] / reply.first_token_odds["No"] for reply in replies[:1]}  # type: ignore[index]
    assert any(odds == pytest.approx(np.log(of_p1), abs=1e-3) for odds in told.log_odds.values())


def test_a_run_that_did_not_ask_of_all_known_answers_does_not_tell_of_them(tmp_path: Path) -> None:
    env = recorded(tmp_path, names=("1.1",))
    result = grader(tmp_path, "eval", "known", "--from", "run", "--out", "known.json", **env)
    assert result.exit_code == 2
    assert "run: nothing of p1 of question 1.2 before the empty answer; record a run over" in result.stderr
    assert not (tmp_path / "known.json").exists()


@pytest.mark.parametrize("identity", ["one_call m grade-v1@0", "per_criterion m 0 n@0 e@0 | one_call m grade-v1@0"])
def test_a_run_of_another_judge_does_not_say_which_model_its_odds_are_of(identity: str) -> None:
    with pytest.raises(ValueError, match="not of per_criterion as it runs"):
        model_of(identity)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["calibrate", "nowhere"], "nowhere/run.json: cannot be read"),
        (["calibrate", "run", "--golden", "nowhere.jsonl"], "its golden file is not at nowhere.jsonl"),
        (["calibrate", "run", "--wording", "99"], f"--wording 99: the judge has {len(WORDINGS)}"),
        (["calibrate", "run", "--wording", "0"], "Invalid value for '--wording'"),
        (["calibrate", "run", "--held-out", "run"], "run/records.jsonl: is there already"),
        (["calibrate", "run", "--out", "no/where.json"], "no/where.json: cannot be written"),
        (["calibrate", "run", "--also", "nowhere"], "nowhere/run.json: cannot be read"),
        (["calibrate"], "Missing argument 'RUN'"),
        (["regrade", "nowhere", "--out", "anew"], "nowhere/run.json: cannot be read"),
        (["regrade", "run", "--out", "run"], "run/records.jsonl: is there already"),
        (["regrade", "run", "--out", "anew", "--wording", "99"], f"--wording 99: the judge has {len(WORDINGS)}"),
        (["regrade", "run"], "Missing option '--out'"),
        (["known"], "Missing option '--out'"),
        (["known", "--from", "nowhere", "--out", "anew"], "nowhere/run.json: cannot be read"),
    ],
)
def test_wrong_use_names_the_thing_and_is_exit_code_2(tmp_path: Path, words: list[str], said: str) -> None:
    env = recorded(tmp_path)
    before = (tmp_path / "run" / RECORDS).read_bytes()
    result = grader(tmp_path, "eval", *words, **env)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert (tmp_path / "run" / RECORDS).read_bytes() == before
    assert not (tmp_path / "anew").exists()


@pytest.mark.parametrize("command", ["calibrate", "regrade"])
def test_a_run_without_odds_is_refused_and_the_mend_named(tmp_path: Path, command: str) -> None:
    answer = golden_of("a", rubric_of("p1"), p1="met")
    golden = golden_file(tmp_path / "garden.jsonl", answer)
    written(tmp_path / "run", Run(settings_for(golden), (record_of(answer),)))
    result = grader(tmp_path, "eval", command, "run", "--out", "new")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"run: no odds of {WORDINGS[0].prompts['commission']}, ")
    assert result.stderr.endswith("record a run of per_criterion first\n")
    assert not (tmp_path / "new").exists()


def test_too_few_labels_are_refused_by_the_kind_that_lacks_them(tmp_path: Path) -> None:
    env = recorded(tmp_path, unlabelled=True, names=("1.1",))
    result = grader(tmp_path, "eval", "calibrate", "run", "--out", "calibration.json", **env)
    assert result.exit_code == 2
    assert result.stderr == "run: 0 labels of 'point', and none of missed, partial, met; label more answers\n"
    assert not (tmp_path / "calibration.json").exists()


def test_where_all_labels_are_of_one_question_none_can_be_held_out(tmp_path: Path) -> None:
    env = recorded(tmp_path, names=("1.1",))
    words = ["eval", "calibrate", "run", "--out", "calibration.json"]
    refused = grader(tmp_path, *words, "--held-out", "anew", **env)
    assert (refused.exit_code, (tmp_path / "calibration.json").exists()) == (2, False)
    assert refused.stderr.startswith("run: 0 labels of 'point'")
    assert grader(tmp_path, *words, **env).exit_code == 0
    assert read_json(tmp_path / "calibration.json", Calibration).directions == {}


def test_a_run_that_kept_few_odds_is_calibrated_without_directions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = recorded(tmp_path, all_odds=False)
    monkeypatch.setattr(directions, "WIDE", 1000)
    result = grader(tmp_path, "eval", "calibrate", "run", "--out", "calibration.json", **env)
    assert result.exit_code == 0, result.stderr
    assert read_json(tmp_path / "calibration.json", Calibration).directions == {}


def test_a_run_that_kept_few_odds_is_not_graded_anew_by_directions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = recorded(tmp_path)
    monkeypatch.setattr(directions, "WIDE", 1000)
    result = grader(tmp_path, "eval", "regrade", "run", "--out", "anew", **env)
    assert result.exit_code == 2
    assert "run: it keeps few odds of each reply" in result.stderr
    assert "record it with --all-odds" in result.stderr
    assert not (tmp_path / "anew").exists()
