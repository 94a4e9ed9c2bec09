"""`grader eval run` and `grader eval attack`, from the command line to what is on disk."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evals.records import RECORDS, Record, Reply, read_records, read_run
from service.cli.eval_progress import shown_run
from tests.processes import PATIENCE_SECONDS
from tests.service.cli import stuck_run
from tests.service.cli.command_line import ANSWER, VERDICTS, grader, judged

LABELS = {"points": {"p1": "met", "p2": "partial"}, "pitfalls": {"f1": False}}
MISSED = {
    "p1": {"at": [], "why": "no", "level": "missed"},
    "p2": {"at": [], "why": "no", "level": "missed"},
    "f1": VERDICTS["f1"],
}


def golden(folder: Path, count: int = 5, *, blank: bool = True) -> Path:
    """So many answers to the garden's question, and perhaps a blank one."""
    rows = [
        {"id": f"a{n}", "question_id": "1.1", "answer": f"{ANSWER} I saw it in bed {n}.", "labels": LABELS}
        for n in range(count)
    ]
    if blank:
        rows.append({"id": "blank", "question_id": "1.1", "answer": " ", "labels": {}})
    path = folder / "garden.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def bare(folder: Path) -> list[dict[str, Any]]:
    """A run's records by answer, without what the clock says."""
    records = sorted(read_run(folder).records, key=lambda record: (record.golden_id, record.reading))
    clock = re.compile(r'"seconds":[\d.]+')
    return [json.loads(clock.sub('"seconds":0', record.model_dump_json())) for record in records]


def test_a_run_leaves_settings_and_records_and_tells_what_they_came_to(tmp_path: Path) -> None:
    result = grader(tmp_path, "eval", "run", golden(tmp_path), **judged(tmp_path, VERDICTS))
    assert result.exit_code == 0, result.stderr
    (folder,) = (tmp_path / "evals" / "runs").iterdir()
    assert re.fullmatch(r"garden-one_call-\d{8}T\d{6}Z", folder.name)
    settings, records = read_run(folder)
    assert (settings.judge, settings.model, settings.readings, settings.limit) == ("one_call", "scripted", 1, None)
    assert [record.status for record in records] == ["graded"] * 5 + ["abstained"]
    assert [len(record.replies) for record in records] == [1] * 5 + [0]
    where = f"evals/runs/{folder.name}"
    assert result.stdout.splitlines()[0] == f"{where}: 6 records (5 graded, 1 abstained)"
    assert result.stdout.splitlines()[1].startswith("5 calls, ")
    assert "$0.0000" in result.stdout
    assert result.stdout.splitlines()[-1] == f"Next: grader eval report {where}"
    assert result.stderr == ""


def test_options_shape_the_run(tmp_path: Path) -> None:
    words = ["--out", "run", "--limit", "2", "--seed", "7", "--repeat", "3", "--shuffle", "4", "--workers", "2"]
    env = judged(tmp_path, VERDICTS) | {"GRADER_JUDGE": "per_criterion"}
    result = grader(tmp_path, "eval", "run", golden(tmp_path), "--judge", "one_call", *words, **env)
    assert result.exit_code == 0, result.stderr
    settings, records = read_run(tmp_path / "run")
    assert (settings.judge, settings.limit, settings.seed) == ("one_call", 2, 7)
    assert (settings.readings, settings.shuffle) == (3, 4)
    assert len(records) == 6
    assert {record.reading for record in records} == {0, 1, 2}


def test_samples_make_a_panel(tmp_path: Path) -> None:
    words = ["--out", "run", "--samples", "2"]
    result = grader(tmp_path, "eval", "run", golden(tmp_path, 1), *words, **judged(tmp_path, VERDICTS))
    assert result.exit_code == 0, result.stderr
    settings, records = read_run(tmp_path / "run")
    assert (settings.judge, settings.samples) == ("panel", 2)
    assert len(records[0].replies) == 2


def test_a_model_given_goes_before_the_settings(tmp_path: Path) -> None:
    env = judged(tmp_path, VERDICTS)
    model, env["GRADER_MODEL"] = env["GRADER_MODEL"], "local:/no/such/weights.gguf"
    result = grader(tmp_path, "eval", "run", golden(tmp_path), "--model", model, "--out", "run", **env)
    assert result.exit_code == 0, result.stderr


def test_neither_redis_nor_a_random_secret_has_a_part_in_it(tmp_path: Path) -> None:
    file, env = golden(tmp_path), judged(tmp_path, VERDICTS)
    away = {"GRADER_REDIS_URL": "redis://127.0.0.1:9/0"}  # refused elsewhere without a secret
    assert grader(tmp_path, "eval", "run", file, "--out", "one", **env, **away).exit_code == 0
    assert grader(tmp_path, "eval", "run", file, "--out", "two", **env).exit_code == 0
    own = {"GRADER_SECRET": "of this place"}
    assert grader(tmp_path, "eval", "run", file, "--out", "three", **env, **own).exit_code == 0
    one, two, three = (read_run(tmp_path / name).settings for name in ("one", "two", "three"))
    assert one == two
    assert set(one.differences(three)) == {"fence"}


@pytest.mark.parametrize(
    ("name", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_run_that_is_stopped_keeps_what_it_has_and_resumes(tmp_path: Path, name: signal.Signals, code: int) -> None:
    file, env = golden(tmp_path), judged(tmp_path, VERDICTS)
    whole = grader(tmp_path, "eval", "run", file, "--out", "whole", **env)
    command = [sys.executable, "-m", stuck_run.__name__, str(file), env["GRADER_RUBRICS_DIR"], str(tmp_path / "cut")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    process = subprocess.Popen([*command, json.dumps(VERDICTS)], env=clean, stderr=subprocess.PIPE, text=True)
    wait_for_records(process, tmp_path / "cut" / RECORDS, stuck_run.REPLIES)
    process.send_signal(name)
    said = process.communicate(timeout=PATIENCE_SECONDS)[1]
    assert process.returncode == code, said
    assert code != 130 or said.startswith(f"stopped; what was finished is kept in {tmp_path / 'cut'}, and ")
    assert len(read_records(tmp_path / "cut" / RECORDS)) == stuck_run.REPLIES
    with (tmp_path / "cut" / RECORDS).open("a") as records:
        records.write('{"golden_id":"a3","read')  # as if it had been writing
    resumed = grader(tmp_path, "eval", "run", file, "--out", "cut", "--resume", **env)
    assert resumed.exit_code == 0, resumed.stderr
    assert bare(tmp_path / "cut") == bare(tmp_path / "whole")
    assert resumed.stdout.splitlines()[0].replace("cut:", "whole:") == whole.stdout.splitlines()[0]


def wait_for_records(process: "subprocess.Popen[str]", path: Path, count: int) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    raise AssertionError(f"no {count} records in {PATIENCE_SECONDS} s")


def test_runs_of_different_settings_are_not_mixed(tmp_path: Path) -> None:
    file, env = golden(tmp_path), judged(tmp_path, VERDICTS)
    assert grader(tmp_path, "eval", "run", file, "--out", "run", **env).exit_code == 0
    before = (tmp_path / "run" / RECORDS).read_bytes()
    again = grader(tmp_path, "eval", "run", file, "--out", "run", **env)
    assert again.exit_code == 2
    assert again.stderr == (
        "run/records.jsonl: is there already; resume that run (--resume), or take another folder (--out)\n"
    )
    other = grader(tmp_path, "eval", "run", file, "--out", "run", "--resume", "--repeat", "2", "--shuffle", "1", **env)
    assert other.exit_code == 2
    assert "run/run.json: readings was 1 and is now 2\nrun/run.json: shuffle was None and is now 1\n" in other.stderr
    golden(tmp_path, 6)
    changed = grader(tmp_path, "eval", "run", file, "--out", "run", "--resume", **env)
    assert changed.exit_code == 2
    assert changed.stderr.startswith("run/run.json: golden_digest was ")
    assert (tmp_path / "run" / RECORDS).read_bytes() == before


def test_resuming_begins_a_run_that_is_not_there_and_leaves_a_finished_one(tmp_path: Path) -> None:
    file, env = golden(tmp_path), judged(tmp_path, VERDICTS)
    for _ in range(2):
        assert grader(tmp_path, "eval", "run", file, "--out", "run", "--resume", **env).exit_code == 0
    assert (tmp_path / "run" / RECORDS).read_bytes().count(b"\n") == 6


def test_failures_are_told_with_their_reasons_and_do_not_end_the_run(tmp_path: Path) -> None:
    replies = [VERDICTS, *["I would rather not."] * 4, VERDICTS]  # each answer that is unreadable is asked about twice
    result = grader(tmp_path, "eval", "run", golden(tmp_path), "--out", "run", **judged(tmp_path, *replies))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "run: 6 records (3 graded, 1 abstained, 2 failed)"
    assert "failed 2 times: UnreadableVerdict: 'scripted' replied, but no verdict could be read" in result.stdout


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"GRADER_MODEL": "local:/no/such/weights.gguf"}, "no weights at '/no/such/weights.gguf'"),
        ({}, "no answer was graded; the reasons are above"),
    ],
)
def test_a_judge_that_cannot_be_had_or_never_read_is_exit_code_3(
    tmp_path: Path, env: dict[str, str], said: str
) -> None:
    env = judged(tmp_path, "I would rather not.") | env
    file = golden(tmp_path, blank=False)  # a blank one would ask no judge
    result = grader(tmp_path, "eval", "run", file, "--out", "run", **env)
    assert result.exit_code == 3
    assert result.stderr.startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: cannot be read: "),
        (["bad.jsonl"], "bad.jsonl:1: no rubric for question '9.9'"),
        (["garden.jsonl", "--resume"], "--resume needs --out DIR"),
        (["garden.jsonl", "--judge", "oracle"], "judge: no judge is called 'oracle'"),
        (["garden.jsonl", "--judge", "panel"], "samples: a panel has 2 to "),
        (["garden.jsonl", "--judge", "cascade"], "judge: a cascade needs "),
        (["garden.jsonl", "--samples", "99"], "--samples: "),
        (["garden.jsonl", "--out", "garden.jsonl"], "garden.jsonl"),
        (["garden.jsonl", "--repeat", "0"], "Usage: "),
        (["garden.jsonl", "--limit", "none"], "Usage: "),
        ([], "Usage: "),
    ],
)
def test_wrong_use_names_the_thing_and_is_exit_code_2(tmp_path: Path, words: list[str], said: str) -> None:
    golden(tmp_path)
    row = {"id": "a", "question_id": "9.9", "answer": "So.", "labels": {}}
    (tmp_path / "bad.jsonl").write_text(json.dumps(row))
    result = grader(tmp_path, "eval", "run", *words, **judged(tmp_path, VERDICTS))
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert result.stdout == ""


def test_attacks_are_reported_by_kind_and_kept(tmp_path: Path) -> None:
    replies = [MISSED] * 2 + [VERDICTS]  # the first answer and its first attack fail to show anything; all after, all
    env = judged(tmp_path, *replies)
    result = grader(tmp_path, "eval", "attack", golden(tmp_path, 1, blank=False), "--out", "run", **env)
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "run" / "attack.json").read_text())
    first, second = report["effects"][:2]
    assert (first["kind"], first["rose"], first["could_rise"], first["score_change"]["value"]) == (
        "order_after",
        0,
        2,
        0.0,
    )
    assert (second["rose"], second["could_rise"], second["score_change"]["value"]) == (2, 2, 100.0)
    assert first["flagged"] == 1
    assert re.search(r"order_after +1 +\+0\.0 +0 of 2 \(0%\) +0 +1 +0 +0", result.stdout)
    assert "Flagged without any attack: 0 of 1 answer." in result.stdout
    settings, records = read_run(tmp_path / "run")
    assert settings.attacks
    assert {record.golden_id.partition("~")[2] for record in records} == {
        "",
        *(effect["kind"] for effect in report["effects"]),
    }


def test_attacks_resume_and_are_not_mixed_with_a_plain_run(tmp_path: Path) -> None:
    file, env = golden(tmp_path), judged(tmp_path, VERDICTS)
    words = ["eval", "attack", str(file), "--limit", "2", "--out", "run"]
    assert grader(tmp_path, *words, **env).exit_code == 0
    records, report = tmp_path / "run" / RECORDS, tmp_path / "run" / "attack.json"
    whole, figures = records.read_bytes(), json.loads(report.read_text())
    records.write_bytes(whole[:-2000])
    assert grader(tmp_path, *words, "--resume", **env).exit_code == 0
    assert records.read_bytes().count(b"\n") == whole.count(b"\n")
    assert json.loads(report.read_text()) == figures
    plain = grader(tmp_path, "eval", "run", file, "--limit", "2", "--out", "run", "--resume", **env)
    assert plain.exit_code == 2
    assert "run/run.json: attacks was '" in plain.stderr


@pytest.mark.parametrize(("share", "code"), [("1", 0), ("0.9", 1), ("0", 1)])
def test_attacks_that_raise_more_than_is_allowed_are_exit_code_1(tmp_path: Path, share: str, code: int) -> None:
    env = judged(tmp_path, MISSED, VERDICTS)  # whatever is done to the answer raises every verdict
    words = ["--out", "run", "--most-raised", share]
    result = grader(tmp_path, "eval", "attack", golden(tmp_path, 1, blank=False), *words, **env)
    assert result.exit_code == code, result.stderr
    assert ("more verdicts rose than the " in result.stderr) == (code == 1)


def test_one_kind_of_attack_is_tried_alone_and_an_unknown_one_told_by_name(tmp_path: Path) -> None:
    words, env = ["eval", "attack", str(golden(tmp_path, 1, blank=False)), "--out", "run"], judged(tmp_path, MISSED)
    result = grader(tmp_path, *words, "--kind", "praise", "--kind", "plea", **env)
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "run" / "attack.json").read_text())
    assert {effect["kind"] for effect in report["effects"]} == {"praise", "plea"}
    unknown = grader(tmp_path, *words, "--kind", "flattery", **env)
    assert unknown.exit_code == 2
    assert "--kind flattery: there is no such kind of attack; the kinds are order_after, " in unknown.stderr


def test_an_attack_that_could_not_be_tried_is_not_taken_for_one_withstood(tmp_path: Path) -> None:
    env = judged(tmp_path, MISSED, "I would rather not.")
    words = ["--out", "run", "--most-raised", "1"]
    result = grader(tmp_path, "eval", "attack", golden(tmp_path, 1, blank=False), *words, **env)
    assert result.exit_code == 1
    assert "nothing is known of order_after, " in result.stderr


def test_on_a_terminal_a_bar_shows_how_many_are_done_and_what_they_cost() -> None:
    def record(error: str | None, cost: float | None) -> Record:
        replies = (Reply(text="", model="m", cost_usd=cost),)
        return Record(golden_id="a", grade=None, error=error, replies=replies, seconds=1)

    said = StringIO()
    with shown_run(Console(file=said, force_terminal=True, width=100)) as tell:
        tell((record("x", 0.25), record("x", 0.5)), 4)
        tell((record("x", 0.25),), 4)
    assert "3/4" in said.getvalue()
    assert "3 failed, $1.0000" in said.getvalue()
    said = StringIO()
    with shown_run(Console(file=said, force_terminal=True, width=100)) as tell:
        tell((record("x", None),), 4)
        tell((record("x", 0.25),), 4)
    assert "2 failed, price unknown" in said.getvalue()
