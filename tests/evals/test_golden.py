"""Golden files are read whole, or each bad line is named."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evals.golden import GoldenAnswer, read_golden
from service.catalog import HOME, read_catalog
from service.core.answer import Answer
from service.core.errors import BadFile
from service.core.gates import flags_of, nothing_to_grade
from service.core.verdict import Verdict, settle

CATALOG = read_catalog()
PAIRED = HOME / "evals" / "golden" / "fairness.jsonl"  # has no labels: its sides are held against each other
LABELLED = sorted(path for path in (HOME / "evals" / "golden").glob("*.jsonl") if path != PAIRED)
COUNTS = {  # answers, and to how many questions
    "interview": (100, 20),
    "practice": (100, 20),
    "recitals": (40, 20),
    "talk": (96, 20),
    "talk_other_hand": (48, 20),
    "other_questions": (72, 24),
    "unseen": (30, 10),
    "near_misses": (90, 30),
    "brief": (60, 20),
    "middle_length": (40, 20),
    "statements": (60, 20),
    "short_answers": (94, 28),
}
OF_THE_CATALOG = (
    "interview",
    "practice",
    "recitals",
    "talk",
    "talk_other_hand",
    "brief",
    "middle_length",
)  # the others bring their own rubrics
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


@pytest.mark.parametrize("path", LABELLED, ids=lambda path: path.stem)
def test_what_ships_is_labelled_in_full_and_has_something_to_grade(path: Path) -> None:
    answers = read_golden(path, CATALOG)
    asked = {golden.rubric_in(CATALOG).question for golden in answers}
    assert (len(answers), len(asked)) == COUNTS[path.stem]
    catalogs = {rubric.question for rubric in CATALOG.listed}
    assert asked == catalogs if path.stem in OF_THE_CATALOG else asked.isdisjoint(catalogs)
    for golden in answers:
        rubric = golden.rubric_in(CATALOG)
        assert set(golden.labels.points) == {point.id for point in rubric.points}, golden.id
        assert set(golden.labels.pitfalls) == {pitfall.id for pitfall in rubric.pitfalls}, golden.id
        assert len(golden.labels.star) == (4 if rubric.star else 0), golden.id
        assert not nothing_to_grade(flags_of(Answer.of(golden.answer), rubric)), golden.id


@pytest.mark.parametrize(
    ("stem", "with_example"),
    [
        ("other_questions", True),
        ("unseen", True),
        ("near_misses", True),
        ("statements", False),
        ("short_answers", False),
    ],
)
def test_rubrics_of_ones_own_ship_with_an_example_and_without(stem: str, with_example: bool) -> None:
    answers = read_golden(HOME / "evals" / "golden" / f"{stem}.jsonl", CATALOG)
    assert {bool(golden.rubric_in(CATALOG).example_answer) for golden in answers} == {with_example}


def test_the_shipped_pairs_ask_both_sides_the_same_and_have_something_to_grade() -> None:
    answers = read_golden(PAIRED, CATALOG)
    sides: dict[tuple[str, ...], list[GoldenAnswer]] = {}
    for golden in answers:
        family, pair, side = (tag.split(":") for tag in golden.tags)
        assert (family[0], pair[0], side[0]) == ("fairness", "pair", "side"), golden.id
        assert golden.id == f"fair-{pair[1]}{side[1]}"
        assert not flags_of(Answer.of(golden.answer), golden.rubric_in(CATALOG)), golden.id
        sides.setdefault((family[1], pair[1]), []).append(golden)
    assert {tuple(golden.id[-1] for golden in pair) for pair in sides.values()} == {("a", "b")}
    assert all(a.question_id == b.question_id for a, b in sides.values())
    # Four families of six pairs.
    assert Counter(family for family, _ in sides) == dict.fromkeys(
        ("typed-transcript", "native-learner", "short-padded", "names"), 6
    )


@pytest.mark.parametrize("path", LABELLED, ids=lambda path: path.name)
def test_a_golden_point_decided_by_star_follows_from_its_parts(path: Path) -> None:
    for golden in read_golden(path, CATALOG):
        parts = [Verdict(criterion_id=part.value, level=level) for part, level in golden.labels.star.items()]
        settled = settle(golden.rubric_in(CATALOG), {part.criterion_id: part for part in parts})
        for point in golden.rubric_in(CATALOG).points:
            if point.decided_by == "star":
                assert settled[point.id].level == golden.labels.points[point.id], golden.id
