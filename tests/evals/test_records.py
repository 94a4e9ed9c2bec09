"""A run's folder: what is finished stays, what was cut off is dropped, and no two runs are mixed."""

from pathlib import Path

import pytest

from evals.records import RECORDS, SETTINGS, Record, Reply, RunSettings, journal, read_records, read_run
from service.core.answer import Answer
from service.core.errors import BadFile
from service.core.grade import Grade, JudgeReport, grade_of, verdicts_on_nothing
from service.core.rubric import RubricSet
from service.models import Completion
from tests.builders import rubric_of

RUN = RunSettings(
    golden="g.jsonl",
    golden_digest="0" * 64,
    rubrics_digest="1" * 64,
    judge="one_call",
    model="scripted",
    identity="one_call scripted",
    prompts=("grade-v1@0",),
)


def grade_on(text: str) -> Grade:
    rubric = rubric_of(1)
    judge = JudgeReport(name="one_call")
    return grade_of(
        rubric,
        RubricSet(),
        Answer.of(text),
        (),
        verdicts_on_nothing(rubric),
        judge=judge,
        cache=None,
        request_id="",
    )


def record_of(name: str, reading: int = 0, *, failed: str | None = None, reply: str = "so") -> Record:
    replies = (Reply(text=reply, model="scripted"),)
    grade = None if failed else grade_on("Leaf mould.")
    return Record(golden_id=name, reading=reading, grade=grade, error=failed, replies=replies, seconds=0.5)


def written(folder: Path, *records: Record, settings: RunSettings = RUN, resume: bool = False) -> None:
    with journal(folder, settings, resume=resume) as run:
        for record in records:
            run.add(record)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    records = (record_of("a"), record_of("a", 1), record_of("b", failed="JudgeTimedOut: slow"))
    written(tmp_path / "new" / "folder", *records)
    run = read_run(tmp_path / "new" / "folder")
    assert (run.settings, run.records) == (RUN, records)
    assert [record.status for record in run.records] == ["graded", "graded", "failed"]


def test_settings_and_each_record_are_on_disk_before_the_next_is_made(tmp_path: Path) -> None:
    with journal(tmp_path, RUN, resume=False) as run:
        assert read_run(tmp_path) == (RUN, ())
        run.add(record_of("a"))
        assert [record.golden_id for record in read_run(tmp_path).records] == ["a"]


def test_a_folder_with_records_takes_no_second_run(tmp_path: Path) -> None:
    written(tmp_path, record_of("a"))
    with pytest.raises(BadFile, match=r"records\.jsonl: is there already; resume that run \(--resume\)"):
        written(tmp_path)
    assert len(read_records(tmp_path / RECORDS)) == 1


def test_a_run_that_was_stopped_before_its_first_record_is_begun_anew(tmp_path: Path) -> None:
    written(tmp_path)
    written(tmp_path, settings=RUN.model_copy(update={"judge": "per_criterion"}))
    assert read_run(tmp_path).settings.judge == "per_criterion"


def test_a_run_of_other_settings_is_not_gone_on_with_and_each_difference_is_named(tmp_path: Path) -> None:
    written(tmp_path, record_of("a"))
    other = RUN.model_copy(update={"judge": "per_criterion", "shuffle": 3, "golden": "elsewhere/g.jsonl"})
    with pytest.raises(BadFile) as refused:
        written(tmp_path, settings=other, resume=True)
    assert str(refused.value).splitlines()[:-1] == [
        f"{tmp_path / SETTINGS}: judge was 'one_call' and is now 'per_criterion'",
        f"{tmp_path / SETTINGS}: shuffle was None and is now 3",
    ]
    assert read_run(tmp_path).settings == RUN


def test_what_the_golden_file_is_called_makes_no_difference(tmp_path: Path) -> None:
    written(tmp_path, record_of("a"))
    written(tmp_path, settings=RUN.model_copy(update={"golden": "elsewhere/g.jsonl"}), resume=True)
    assert read_run(tmp_path).settings.golden == "elsewhere/g.jsonl"


def test_records_without_their_settings_are_not_gone_on_with(tmp_path: Path) -> None:
    written(tmp_path, record_of("a"))
    (tmp_path / SETTINGS).unlink()
    with pytest.raises(BadFile, match=r"run\.json: cannot be read: .*; is this a run's folder\?"):
        written(tmp_path, resume=True)


def test_what_failed_is_not_done(tmp_path: Path) -> None:
    written(tmp_path, record_of("a"), record_of("b", failed="JudgeTimedOut: slow"))
    with journal(tmp_path, RUN, resume=True) as run:
        assert [record.golden_id for record in run.done] == ["a"]
        run.add(record_of("b"))
    assert [(r.golden_id, r.status) for r in read_run(tmp_path).records] == [("a", "graded"), ("b", "graded")]


def test_a_later_failure_takes_no_grade_away(tmp_path: Path) -> None:
    written(tmp_path, record_of("a"), record_of("a", failed="JudgeTimedOut: slow"))
    assert [record.status for record in read_run(tmp_path).records] == ["graded"]


@pytest.mark.parametrize("cut", [1, 2, 40, 400])
def test_a_last_line_that_was_cut_off_is_passed_over_and_then_dropped(tmp_path: Path, cut: int) -> None:
    written(tmp_path, record_of("a"), record_of("b", reply="€"))
    whole = (tmp_path / RECORDS).read_bytes()
    (tmp_path / RECORDS).write_bytes(whole[:-cut])
    assert [record.golden_id for record in read_run(tmp_path).records] == ["a"]
    written(tmp_path, record_of("b", reply="€"), resume=True)
    assert (tmp_path / RECORDS).read_bytes() == whole


def test_a_line_cut_in_the_middle_of_a_character_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, record_of("a"), record_of("b", reply="€"))  # three bytes
    whole = (tmp_path / RECORDS).read_bytes()
    (tmp_path / RECORDS).write_bytes(whole[: whole.index("€".encode()) + 1])
    assert [record.golden_id for record in read_run(tmp_path).records] == ["a"]


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"golden_id": "x"}', b"\xff"])
def test_a_broken_line_before_the_last_is_named(tmp_path: Path, line: bytes) -> None:
    written(tmp_path, record_of("a"))
    with (tmp_path / RECORDS).open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(BadFile, match=r"records\.jsonl:2: not a record: .*; remove the line"):
        read_run(tmp_path)


@pytest.mark.parametrize(("text", "said"), [(None, "is this a run's folder?"), ("{}", "golden: Field required")])
def test_a_folder_that_is_no_run_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    if text:
        (tmp_path / SETTINGS).write_text(text)
    with pytest.raises(BadFile) as bad:
        read_run(tmp_path)
    assert said in str(bad.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFile, match="cannot be written: Not a directory; take another folder"):
        written(tmp_path / "file" / "run")


def test_a_reply_cut_in_the_middle_of_a_character_can_still_be_written(tmp_path: Path) -> None:
    reply = Reply.of(Completion(text="so \ud83d", model="m", first_token_odds={"\ud83d": 0.5, "Yes": 0.25}))
    assert (reply.text, reply.first_token_odds) == ("so ?", {"?": 0.5, "Yes": 0.25})
    assert Reply.model_validate_json(reply.model_dump_json()) == reply


def test_a_reply_says_what_it_was_about_and_an_older_record_did_not() -> None:
    reply = Reply.of(Completion(text="Yes", model="m"), "point-v2@0123 p1")
    assert Reply.model_validate_json(reply.model_dump_json()).about == "point-v2@0123 p1"
    older = reply.model_dump(exclude={"about"})
    assert Reply.model_validate(older).about == ""


def test_of_a_reply_the_likeliest_odds_are_kept_or_all_of_them() -> None:
    odds = {f"t{n:03}": (n + 1) / 7000 for n in range(100)}
    completion = Completion(text="Yes", model="m", first_token_odds=odds)
    ordinary, whole = Reply.of(completion), Reply.of(completion, all_odds=True)
    assert ordinary.first_token_odds == {f"t{n:03}": (n + 1) / 7000 for n in range(60, 100)}
    assert whole.first_token_odds == pytest.approx(odds, rel=1e-3)
    assert (whole.first_token_odds or {})["t000"] == 0.0001429  # four digits of 1/7000
    assert set(whole.brief().first_token_odds or {}) == set(ordinary.first_token_odds)
    assert Reply(text="so", model="m").brief() == Reply.of(Completion(text="so", model="m"))
