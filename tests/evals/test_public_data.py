"""Others' rows in golden form, and the files that ship."""

from typing import Any

import pytest

from evals.golden import read_golden
from evals.public_data import FILES, golden_of
from service.catalog import HOME, read_catalog

ROW: dict[str, Any] = {
    "dataset": "pond",
    "item_id": "pond-1",
    "question": "Why do ducks float?",
    "rubric": [
        {
            "id": "c1",
            "text": "Names trapped air",
            "guidance": "air in the feathers",
            "weight": 2,
            "polarity": "positive",
        },
        {"id": "c2", "text": "Names oil", "polarity": "positive"},
        {"id": "c3", "text": "Names size"},
    ],
    "answer": "They are oily.",
    "labels": {"c1": False, "c2": True},
    "score": 1.5,
    "score_max": 3,
}


def test_a_row_keeps_its_labels_and_a_criterion_without_one_has_none() -> None:
    golden = golden_of(ROW)
    assert golden.labels.points == {"c1": "missed", "c2": "met"}
    assert golden.rubric is not None
    assert [(p.id, p.met_when, p.weight) for p in golden.rubric.points] == [
        ("c1", "air in the feathers", 2),
        ("c2", None, 1),
        ("c3", None, 1),
    ]
    assert golden.score == 50.0


def test_partial_stays_partial_and_no_score_is_none() -> None:
    golden = golden_of({**ROW, "labels": {"c1": "partial"}, "score": None})
    assert (golden.labels.points, golden.score) == ({"c1": "partial"}, None)


def test_a_label_of_another_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        golden_of({**ROW, "labels": {"c1": "maybe"}})


@pytest.mark.parametrize(
    ("name", "answers", "labels"), list(zip(FILES, (49, 25, 252, 93), (138, 202, 252, 593), strict=True))
)
def test_what_ships_can_be_read(name: str, answers: int, labels: int) -> None:
    golden = read_golden(HOME / "evals" / "public" / f"{name}.jsonl", read_catalog())
    assert (len(golden), sum(len(g.labels.points) for g in golden)) == (answers, labels)
    assert name in (HOME / "evals" / "public" / "NOTICE.md").read_text("utf-8")
