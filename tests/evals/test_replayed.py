"""A recorded run's odds are set beside the labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from evals.golden import GoldenAnswer, Labels
from evals.records import Record, Reply
from evals.replayed import Replayed, height_of, rows_of
from service.core.rubric import Criterion
from service.judges.per_criterion import passages_of
from tests.builders import answer_of
from tests.evals.judged_by_odds import CATALOG, RUBRIC, WORDING, golden_of

P1, P2, P3, F1, F2, F3, SITUATION, *_ = RUBRIC.judged


def reply(about: str, **odds: float) -> Reply:
    """`about` as `KIND rest`, the kind for its template's name."""
    kind, _, rest = about.partition(" ")
    return Reply(about=f"{WORDING[kind]}@0123 {rest}".strip(), text="", model="m", first_token_odds=odds)


def record(name: str, *replies: Reply, reading: int = 0) -> Record:
    return Record(golden_id=name, reading=reading, grade=None, error="not told here", replies=replies, seconds=0.0)


def labelled(number: int, **labels: Any) -> GoldenAnswer:
    return golden_of(number).model_copy(update={"labels": Labels.model_validate(labels)})


REPLIES = (
    reply("neutral", Yes=0.5, No=0.25),
    reply("neutral evidence", A=0.6, B=0.4),
    reply("point p1", Yes=0.75, No=0.25),
    reply("point p1 evidence", A=0.5, B=0.5, The=0.1),
    reply("omission f2", Yes=0.25, No=0.75),
    reply("omission f2 evidence", C=1.0),
    reply("star situation", Yes=0.5, No=0.5),
)
OLDER = Reply(about="point-v1@0123 p1", text="", model="m", first_token_odds={"Yes": 1.0})
LABELS: Mapping[str, Any] = {
    "points": {"p1": "partial", "p2": "met"},
    "pitfalls": {"f2": True},
    "star": {"situation": "present"},
}


def test_labels_are_set_beside_the_odds_that_a_run_recorded() -> None:
    golden = labelled(1, **LABELS)
    point, omission, star = rows_of([golden], [record("a1", *REPLIES)], CATALOG, WORDING).rows
    assert point[:5] == ("a1", RUBRIC.question, "p1", "point", 1)
    # ln (0.75 / 0.25), ln (0.5 / 0.25); two marks of one half each; p2 was not asked about.
    assert point.signals["yes"] == pytest.approx(np.log(3))
    assert point.signals["neutral"] == pytest.approx(np.log(2))
    assert point.signals["spread"] == pytest.approx(np.log(2))
    assert (omission.criterion_id, omission.kind, omission.human) == ("f2", "omission", 1)
    assert omission.signals["yes"] == pytest.approx(-np.log(3))
    assert omission.signals["spread"] == 0
    assert (star.criterion_id, star.kind, star.human, star.signals["yes"]) == ("situation", "star", 2, 0)


@pytest.mark.parametrize(
    ("labels", "replies"),
    [
        ({}, REPLIES),  # no labels
        (LABELS, ()),  # no replies: failed or abstained
        (LABELS, (reply("point p1", Perhaps=1.0),)),  # neither yes nor no
        (LABELS, (OLDER,)),
        (LABELS, (Reply(text='{"p1": {}}', model="m"),)),  # another judge
    ],
)
def test_where_labels_or_odds_are_missing_there_is_no_row(
    labels: Mapping[str, Any], replies: tuple[Reply, ...]
) -> None:
    assert rows_of([labelled(1, **labels)], [record("a1", *replies)], CATALOG, WORDING).rows == ()


def test_of_several_readings_the_first_counts() -> None:
    other = reply("point p1", Yes=0.1, No=0.9)
    records = [record("a1", other, reading=1), record("a1", *REPLIES)]
    assert [row.criterion_id for row in rows_of([labelled(1, **LABELS)], records, CATALOG, WORDING).rows] == [
        "p1",
        "f2",
        "situation",
    ]


def test_without_the_question_without_content_the_model_counts_as_ready_for_either() -> None:
    [row] = rows_of([labelled(1, **LABELS)], [record("a1", reply("point p1", Yes=0.5))], CATALOG, WORDING).rows
    assert (row.signals["neutral"], row.signals["spread"]) == (0, 0)


def test_what_was_asked_twice_counts_as_it_was_first() -> None:
    replayed = Replayed.of(record("a1", reply("star task", Yes=0.5), reply("star task", No=0.5)), WORDING)
    task = next(criterion for criterion in RUBRIC.judged if criterion.id == "task")
    assert replayed.asked(task, passages_of(answer_of().sentences)).odds == {"Yes": 0.5}


def test_the_usual_odds_of_the_marks_are_those_without_content() -> None:
    replayed = Replayed.of(record("a1", *REPLIES), WORDING)
    assert replayed.usual(passages_of(answer_of().sentences)) == {"A": 0.6, "B": 0.4}
    names = [WORDING[kind] for kind in ("neutral", "point", "omission", "star")]
    assert replayed.labels == {name: f"{name}@0123" for name in names}


@pytest.mark.parametrize(
    ("criterion", "labels", "height"),
    [
        (P1, {"points": {"p1": "missed"}}, 0),
        (P2, {"points": {"p2": "partial"}}, 1),
        (P3, {"points": {"p3": "met"}}, 2),
        (F1, {"pitfalls": {"f1": False}}, 0),
        (F2, {"pitfalls": {"f2": True}}, 1),
        (F3, {"pitfalls": {"f2": True}}, None),
        (SITUATION, {"star": {"situation": "partial"}}, 1),
        (SITUATION, {"star": {"task": "partial"}}, None),
        (P1, {}, None),
    ],
)
def test_a_label_is_its_levels_number(criterion: Criterion, labels: Mapping[str, Any], height: int | None) -> None:
    assert height_of(labelled(1, **labels), criterion) == height
