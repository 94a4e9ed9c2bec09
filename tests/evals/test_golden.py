"""Golden files are read whole, or each bad line is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from evals.golden import read_golden
from service.catalog import HOME, read_catalog
from service.core.errors import BadFile

CATALOG = read_catalog()
GOLDEN = sorted((HOME / "evals" / "golden").glob("*.jsonl"))
ROW = {"id": "a", "question_id": "1.2", "answer": "I read papers.", "labels": {"points": {"p1": "met"}}}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "golden.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return path


def test_labels_may_be_left_out_in_part(tmp_path: Path) -> None:
    own = {"question": "Why?", "points": [{"id": "p1", "text": "Says why"}]}
    rows = (ROW, "", {"id": "b", "rubric": own, "answer": "So.", "labels": {}, "score": 50})
    first, second = read_golden(written(tmp_path, *rows), CATALOG)
    assert (first.labels.points, first.labels.pitfalls, first.score) == ({"p1": "met"}, {}, None)
    assert second.rubric_in(CATALOG).question == "Why?"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{", r"golden\.jsonl:2: not JSON"),
        ({**ROW, "id": "b", "labels": {"points": {"p1": "perfect"}}}, r":2: labels\.points\.p1"),
        ({**ROW, "id": "b", "labels": {"points": {"p9": "met"}}}, r":2: labels\.points: the rubric has no \['p9'\]"),
        ({**ROW, "id": "b", "labels": {"star": {"task": "present"}}}, r":2: labels\.star: the rubric has no"),
        ({**ROW, "id": "b", "question_id": "9.9"}, r":2: no rubric for question '9\.9'"),
        ({**ROW, "id": "b", "rubric": {"question": "?", "points": [{"id": "p1", "text": "x"}]}}, "not both"),
        ({**ROW, "id": "b", "colour": "red"}, r":2: colour"),
        ({**ROW, "id": "b", "score": 101}, r":2: score"),
        (ROW, r"found more than once: \['a'\]"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong_in_it(tmp_path: Path, row: Any, complaint: str) -> None:
    with pytest.raises(BadFile, match=complaint):
        read_golden(written(tmp_path, ROW, row), CATALOG)


def test_an_empty_or_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no golden answers"):
        read_golden(written(tmp_path), CATALOG)
    with pytest.raises(BadFile, match="cannot be read"):
        read_golden(tmp_path / "nothing.jsonl", CATALOG)
