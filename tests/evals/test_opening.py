"""A run is opened with the golden file it was made over, and with no other."""

from pathlib import Path

import pytest

from evals import opening
from evals.opening import opened, opened_beside
from evals.records import RECORDS, Run
from service.core.errors import BadFile
from tests.evals.made_runs import (
    CATALOG,
    INTERVIEW,
    golden_file,
    golden_of,
    record_of,
    rubric_of,
    run_of,
    settings_for,
    written,
)

GOLDEN = golden_of("a", rubric_of("p1"), p1="met")


def run_over(file: Path, **settings: object) -> Run:
    return run_of(record_of(GOLDEN))._replace(settings=settings_for(file, **settings))


def test_the_golden_file_is_found_where_the_run_says_it_lay(tmp_path: Path) -> None:
    golden = golden_file(tmp_path / "mine.jsonl", GOLDEN)
    folder = written(tmp_path / "run", run_over(golden))
    assert opened(folder, CATALOG).path == golden


def test_ours_are_found_wherever_the_run_was_made() -> None:
    settings = settings_for(INTERVIEW, golden="/elsewhere/evals/golden/interview.jsonl")
    assert opening.golden_path(Path("run"), settings, None) == INTERVIEW


def test_a_golden_file_that_was_moved_can_be_named(tmp_path: Path) -> None:
    golden = golden_file(tmp_path / "mine.jsonl", GOLDEN)
    folder = written(tmp_path / "run", run_over(golden, golden="/gone/mine.jsonl"))
    with pytest.raises(BadFile, match=r"its golden file is not at /gone/mine\.jsonl.*say where: --golden FILE"):
        opened(folder, CATALOG)
    assert [answer.id for answer in opened(folder, CATALOG, golden).golden] == ["a"]


def test_a_golden_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    golden = golden_file(tmp_path / "mine.jsonl", GOLDEN)
    folder = written(tmp_path / "run", run_over(golden))
    golden_file(golden, GOLDEN.model_copy(update={"answer": "Another."}))
    with pytest.raises(BadFile, match="has changed since the run"):
        opened(folder, CATALOG)


def test_records_of_answers_that_are_not_in_the_file_are_named(tmp_path: Path) -> None:
    golden = golden_file(tmp_path / "mine.jsonl", GOLDEN)
    strange = record_of(GOLDEN).model_copy(update={"golden_id": "z"})
    run = Run(settings_for(golden), (strange,))
    with pytest.raises(BadFile, match=r"1 records are of no answer in .*mine\.jsonl: z"):
        opened(written(tmp_path / "run", run), CATALOG)


def test_a_run_of_attacks_and_one_without_records_are_refused(tmp_path: Path) -> None:
    golden = golden_file(tmp_path / "mine.jsonl", GOLDEN)
    attacked = written(tmp_path / "attacked", run_over(golden, attacks="0"))
    with pytest.raises(BadFile, match="is of attacks"):
        opened(attacked, CATALOG)
    empty = written(tmp_path / "empty", run_over(golden))
    (empty / RECORDS).unlink()
    with pytest.raises(BadFile, match=r"no records yet; .*--resume"):
        opened(empty, CATALOG)


def test_only_runs_over_one_golden_file_stand_beside_each_other(tmp_path: Path) -> None:
    golden, other = golden_file(tmp_path / "one.jsonl", GOLDEN), golden_file(tmp_path / "two.jsonl", GOLDEN, GOLDEN)
    first = opened(written(tmp_path / "1", run_over(golden)), CATALOG)
    second = written(tmp_path / "2", run_over(golden, golden="/moved/one.jsonl"))
    assert opened_beside(second, first, CATALOG).path == golden
    third = written(tmp_path / "3", run_over(other))
    with pytest.raises(BadFile, match="only runs over one golden file can be compared"):
        opened_beside(third, first, CATALOG)
