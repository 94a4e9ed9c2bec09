"""How points are read in rubrics without an example answer is fitted by itself, and the rest can be kept."""

from functools import partial

import numpy as np
import pytest

from evals.calibrate import calibrated, held_out
from evals.directions import Vectors
from evals.replayed import Row, Rows
from service.core.calibration import Calibration, Direction

TOKENS = ("Yes", "No", "It", "The")
LEAN = np.array([1.0, -1.0, 0.5, -0.5])


def row(question: str, kind: str, human: int, rng: np.random.Generator, *, example: bool) -> Row:
    """Odds that lean along LEAN where the human said yes; in rubrics without an example a yes says so as well."""
    top = 2 if kind in ("point", "star") else 1
    answer = LEAN * (human / top - 0.5) + rng.normal(size=4) * 0.2
    known = {name: rng.normal(size=4) * 0.05 for name in ("empty", "example")[: 1 + example]}
    yes = rng.normal() + (0 if example else 2 * human)
    signals = {"yes": float(yes), **{name: float(rng.normal()) for name in known}}
    vectors = Vectors(answer - answer.mean(), {name: v - v.mean() for name, v in known.items()})
    return Row(f"{question}-{human}", question, f"{kind}1", kind, human, signals, vectors)


def rows_of(seed: int, *, bare: bool = True, partial: bool = True) -> Rows:
    """Six questions with an example and every kind of criterion; six without, of points alone."""
    rng = np.random.default_rng(seed)
    kinds = {"point": 2, "star": 2, "commission": 1, "omission": 1, "only": 1}
    made = [
        row(f"q{q}", kind, human, rng, example=True)
        for q in range(6)
        for kind, top in kinds.items()
        for human in range(top + 1)
        for _ in range(3)
    ]
    heights = (0, 1, 2) if partial else (0, 2)
    for q in range(6) if bare else ():
        made += [row(f"b{q}", "point", h, rng, example=False) for h in heights for _ in range(3)]
    return Rows(tuple(made), TOKENS)


def leans(direction: Direction) -> float:
    return float(np.corrcoef([direction.weights[token] for token in TOKENS], LEAN)[0, 1])


def test_the_direction_is_found_and_the_scale_follows_it() -> None:
    calibration = calibrated(rows_of(1), "tests", "")
    assert set(calibration.directions) == {"there", "committed", "stated"}
    assert leans(calibration.directions["stated"]) > 0.9
    scale = calibration.without_example["point"]
    assert set(scale.weights) == {"yes", "empty", "lift"}
    assert scale.weights["lift"] > 0


def test_the_scale_is_of_rubrics_without_an_example_where_these_bear_labels_of_each_level() -> None:
    own, few, none = (
        calibrated(rows_of(2, **more), "tests", "").without_example["point"].weights["yes"]
        for more in ({}, {"partial": False}, {"bare": False})
    )
    assert own > 2 * few > 2 * none  # no partial among them, or none of them: fitted to all points


def test_what_is_kept_is_kept_to_the_digit() -> None:
    before = calibrated(rows_of(3), "the first", "")
    after = calibrated(rows_of(4), "the second", "said", before)
    assert (after.made_by, after.note) == ("the second", "said")
    assert after.scales == before.scales
    for name in ("there", "committed"):
        assert after.directions[name] == before.directions[name]
    assert after.directions["stated"] != before.directions["stated"]
    kinds = {kind for kind in before.scales if after.without_example[kind] != before.without_example[kind]}
    assert kinds == {"point"}


def test_just_that_can_be_taken_over_and_the_rest_fitted() -> None:
    before, afresh = calibrated(rows_of(3), "the first", ""), calibrated(rows_of(4), "the second", "")
    after = calibrated(rows_of(4), "the second", "", stated=before)
    assert after.directions == {**afresh.directions, "stated": before.directions["stated"]}
    assert after.without_example == {**afresh.without_example, "point": before.without_example["point"]}
    assert after.scales == afresh.scales


def test_a_question_has_no_say_in_how_it_is_read_beside_what_is_kept() -> None:
    before, rows = calibrated(rows_of(5), "tests", ""), rows_of(6)
    turned = tuple(r._replace(human=2 - r.human) if r.question == "b2" else r for r in rows.rows)
    kept = partial(calibrated, made_by="", note="", keep=before)
    one, two = (held_out(told, {"b1", "b2"}, kept) for told in (rows, rows._replace(rows=turned)))
    assert one["b2"] == two["b2"]
    assert one["b1"] != two["b1"]


def test_beside_what_is_kept_many_odds_are_wanted() -> None:
    rows = rows_of(7)
    before = calibrated(rows, "tests", "")
    for few in (rows._replace(tokens=()), rows._replace(rows=tuple(r for r in rows.rows if r.question == "q1"))):
        with pytest.raises(ValueError, match="few odds, or is of one question; record answers to several with --all"):
            calibrated(few, "tests", "", before)


def test_a_calibration_from_before_reads_as_it_did() -> None:
    before = calibrated(rows_of(8), "tests", "")
    old = Calibration.model_validate(before.model_dump(exclude={"directions": {"stated"}}))
    assert old.direction_of("point", has_example=False) == before.directions["there"]
