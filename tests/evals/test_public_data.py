"""Others' rows in golden form, and the files that ship."""

from collections import Counter
from typing import Any

import pytest

from evals.golden import GoldenAnswer, read_golden
from evals.public_data import FILES, golden_of
from service.catalog import HOME, read_catalog
from service.core.answer import Answer
from service.core.gates import flags_of, nothing_to_grade

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

CATALOG = read_catalog()


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
    golden = read_golden(HOME / "evals" / "public" / f"{name}.jsonl", CATALOG)
    assert (len(golden), sum(len(g.labels.points) for g in golden)) == (answers, labels)
    assert name in (HOME / "evals" / "public" / "NOTICE.md").read_text("utf-8")


def shipped(name: str) -> tuple[GoldenAnswer, ...]:
    return read_golden(HOME / "evals" / "public" / f"{name}.jsonl", CATALOG)


def seen(golden: GoldenAnswer) -> str:
    """What the gates make of an answer."""
    flags = flags_of(Answer.of(golden.answer), golden.rubric_in(CATALOG))
    return "stopped" if nothing_to_grade(flags) else "flagged" if flags else "clean"


def test_of_the_known_attacks_the_empty_are_stopped_the_injected_flagged_and_the_controls_left_alone() -> None:
    made_of = Counter(("control" if "control" in g.tags else g.tags[1], seen(g)) for g in shipped("judge_attacks"))
    assert made_of.pop(("control", "clean")) == 8
    assert made_of.pop(("master_key", "stopped")) == 60
    assert {verdict for _, verdict in made_of} == {"flagged"}
    assert made_of.total() == 25


def test_of_honest_answers_that_earned_something_one_of_two_words_alone_is_stopped() -> None:
    names = ("physics_partial_credit", "kqa_physicians", "saf_english")
    earned = [g for name in names for g in shipped(name) if set(g.labels.points.values()) != {"missed"}]
    assert Counter(map(seen, earned)) == {"clean": 261, "stopped": 1}
