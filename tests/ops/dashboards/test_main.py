"""`python -m ops.dashboards` writes the files, and --check tells whether they are up to date."""

from pathlib import Path

import pytest

from ops.dashboards.__main__ import main


def test_what_was_written_is_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert main(["--check"], folder) == 1
    assert main([], folder) == 0
    assert main(["--check"], folder) == 0
    assert {path.name for path in folder.iterdir()} == {"latency.json", "cost.json", "grading.json", "evals.json"}


def test_a_file_edited_by_hand_or_left_over_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], tmp_path)
    edited, left_over = tmp_path / "cost.json", tmp_path / "older.json"
    edited.write_text(edited.read_text("utf-8").replace("now-7d", "now-8d"), "utf-8")
    left_over.write_text("{}", "utf-8")
    before = edited.read_text("utf-8")
    assert main(["--check"], tmp_path) == 1
    assert "cost.json, older.json" in capsys.readouterr().err
    assert edited.read_text("utf-8") == before
