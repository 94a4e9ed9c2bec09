"""Directions: found where they were hidden, blind to what they have not seen, and only ever of enough odds."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from evals.directions import (
    BY_STATED,
    FITTED_TO,
    FITTED_TO_STATED,
    MOVE_ALIKE,
    MOVE_PENALTY,
    PENALTY,
    WIDE,
    Labelled,
    Pair,
    Vectors,
    along_unseen,
    fitted_directions,
    moved_directions,
    tokens_of,
    vector_of,
)
from service.core.calibration import DIRECTIONS, STATED, Direction
from service.judges.signals import KINDS

TOKENS = tuple(f"t{n:02}" for n in range(40))
HIDDEN = np.random.default_rng(1).normal(size=40)
HIDDEN -= HIDDEN.mean()


def labelled(kind: str, count: int, rng: np.random.Generator, question: str, sign: float = 1.0) -> list[Labelled]:
    """Odds that lean along HIDDEN where the human said yes, beside noise, over what the question gets from anybody."""
    usual = rng.normal(size=40) * 3
    made = []
    for n in range(count):
        human = n % 2 * (1 if kind in ("commission", "only") else 2)
        lean = HIDDEN * (0.5 if n % 2 else -0.5) * sign
        answer, empty, example = (usual + lean * part + rng.normal(size=40) * 0.3 for part in (1, 0, 0))
        known = {"empty": empty - empty.mean(), "example": example - example.mean()}
        made.append(Labelled(question, kind, human, Vectors(answer - answer.mean(), known)))
    return made


def a_set(questions: int, seed: int, sign: float = 1.0) -> list[Labelled]:
    rng = np.random.default_rng(seed)
    return [row for q in range(questions) for kind in KINDS for row in labelled(kind, 8, rng, f"q{q}", sign)]


def test_the_direction_that_the_odds_lean_in_is_found_and_its_weights_add_up_to_nothing() -> None:
    directions = fitted_directions(a_set(6, 2), TOKENS)
    assert set(directions) == set(FITTED_TO) == set(DIRECTIONS.values())
    for direction in directions.values():
        weights = np.array([direction.weights[token] for token in TOKENS])
        assert np.corrcoef(weights, HIDDEN)[0, 1] > 0.7
        assert abs(weights.sum()) < 1e-3


def test_it_is_the_ridge_regression_of_the_lifts() -> None:
    rows = [row for row in a_set(4, 3) if row.kind in ("commission", "only")]
    lifts = np.array(
        [row.vectors.answer - (row.vectors.known["empty"] + row.vectors.known["example"]) / 2 for row in rows]
    )
    spread, human = lifts.std(axis=0), np.array([row.human for row in rows], dtype=float)
    theirs = Ridge(PENALTY * 40).fit((lifts - lifts.mean(axis=0)) / spread, human).coef_ / spread
    ours = fitted_directions(a_set(4, 3), TOKENS)["committed"]
    assert [ours.weights[token] for token in TOKENS] == pytest.approx(theirs - theirs.mean(), rel=1e-3, abs=1e-6)


def test_a_row_is_measured_along_what_other_questions_gave() -> None:
    rows = a_set(5, 4)
    turned = [row._replace(human=0 if row.human else 1) if row.question == "q2" else row for row in rows]
    before, after = along_unseen(rows), along_unseen(turned)
    same = [a == pytest.approx(b) for (a, _), (b, _) in zip(before, after, strict=True)]
    assert all(kept == (row.question == "q2") for kept, row in zip(same, rows, strict=True))
    lifts = [along - np.mean(list(known.values())) for along, known in before]
    for kind in KINDS:
        yes, no = (
            [lift for lift, row in zip(lifts, rows, strict=True) if row.kind == kind and bool(row.human) == said]
            for said in (True, False)
        )
        # An omission is measured by what points and STAR parts gave: where it leans that way, the thing is there.
        assert min(yes) > max(no)


def dressed(rows: list[Labelled], guise: np.ndarray) -> list[Labelled]:
    """The same, where what is there is mostly said in some guise that leaves its mark on the odds."""
    return [
        row._replace(vectors=row.vectors._replace(answer=row.vectors.answer + (guise if row.human else 0)))
        for row in rows
    ]


def test_two_guises_of_one_answer_come_to_lie_alike() -> None:
    guise = np.random.default_rng(7).normal(size=40)
    guise -= guise.mean()
    rows = dressed(a_set(6, 8), guise)
    pairs = [Pair(f"q{n}", kind, guise) for n in range(6) for kind in KINDS for _ in range(4)]
    for name in FITTED_TO:
        plain, fair = (
            np.array([fitted_directions(rows, TOKENS, told)[name].weights[t] for t in TOKENS]) for told in ((), pairs)
        )
        assert abs(fair @ guise) < abs(plain @ guise) / 5
        assert fair @ HIDDEN > 0.4 * (plain @ HIDDEN)


def weights_of(direction: Direction) -> np.ndarray:
    return np.array([direction.weights[token] for token in TOKENS])


def test_a_direction_that_is_moved_is_the_ridge_towards_the_former_one() -> None:
    rows = [row for row in a_set(3, 11) if row.kind in ("commission", "only")]
    pairs = [Pair("q1", "only", HIDDEN / 3)]
    before = fitted_directions(a_set(6, 12), TOKENS)
    moved = moved_directions(a_set(3, 11), TOKENS, pairs, before)
    lifts = np.array([row.vectors.lift for row in rows])
    spread, human = lifts.std(axis=0), np.array([row.human for row in rows], dtype=float)
    values = np.vstack([(lifts - lifts.mean(axis=0)) / spread, pairs[0].difference / spread * MOVE_ALIKE**0.5])
    wanted, former = np.append(human - human.mean(), 0.0), weights_of(before["committed"]) * spread
    # The least of |wanted - values w|^2 + penalty |w - former|^2 has no slope.
    by_hand = np.linalg.solve(
        values.T @ values + MOVE_PENALTY * 40 * np.eye(40), values.T @ wanted + MOVE_PENALTY * 40 * former
    )
    by_hand = by_hand / spread - np.mean(by_hand / spread)
    now = weights_of(moved["committed"])
    assert np.corrcoef(now, by_hand)[0, 1] == pytest.approx(1, abs=1e-6)
    # And brought to the former's measure: the slope of the former lifts on these is 1.
    slope = np.polyfit(lifts @ now, lifts @ weights_of(before["committed"]), 1)[0]
    assert slope == pytest.approx(1, abs=1e-3)


def test_moved_it_forgets_a_guise_and_keeps_what_the_few_rows_do_not_tell() -> None:
    guise = np.random.default_rng(7).normal(size=40)
    guise -= guise.mean()
    before = fitted_directions(dressed(a_set(8, 13), guise), TOKENS) | {"stated": Direction(weights={"t00": 0.0})}
    pairs = [Pair(f"q{n}", kind, guise) for n in range(2) for kind in KINDS for _ in range(4)]
    after = moved_directions(a_set(2, 14), TOKENS, pairs, before)
    assert after["stated"] == before["stated"]
    for name in FITTED_TO:
        first, second = weights_of(before[name]), weights_of(after[name])
        assert abs(second @ guise) < abs(first @ guise) / 3
        assert second @ HIDDEN > 0.5 * (first @ HIDDEN)


def test_a_pair_shapes_only_what_other_questions_are_measured_by_and_its_own_kind() -> None:
    rows, difference = a_set(5, 9), 5 * HIDDEN
    before, after = along_unseen(rows), along_unseen(rows, [Pair("q1", "point", difference)])
    same = [a == pytest.approx(b) for (a, _), (b, _) in zip(before, after, strict=True)]
    there = [DIRECTIONS[row.kind] == "there" for row in rows]
    assert same == [row.question == "q1" or not its for row, its in zip(rows, there, strict=True)]


def test_a_question_alone_cannot_be_measured_by_others() -> None:
    with pytest.raises(ValueError, match="all labels are of one question"):
        along_unseen(a_set(1, 5))


def test_a_direction_needs_labels_of_its_kinds() -> None:
    rows = [row for row in a_set(3, 6) if row.kind not in ("point", "star")]
    with pytest.raises(ValueError, match="no labels of point or star"):
        fitted_directions(rows, TOKENS)


def test_the_tokens_are_those_that_nearly_all_replies_tell() -> None:
    usual = {f"u{n}": 0.001 for n in range(WIDE)}
    replies = [usual | ({"often": 0.1} if n else {}) | ({"seldom": 0.1} if n < 8 else {}) for n in range(10)]
    assert tokens_of(replies) == tuple(sorted([*usual, "often"]))


@pytest.mark.parametrize("replies", [[], [{"Yes": 0.5}], [{f"u{n}": 0.001 for n in range(WIDE)}, {"Yes": 0.5}]])
def test_where_a_reply_tells_few_odds_there_are_none(replies: list[dict[str, float]]) -> None:
    assert tokens_of(replies) == ()


def test_a_vector_is_of_log_odds_less_their_mean_and_what_was_not_told_is_as_the_least_told() -> None:
    # ln of 1/2, 1/4 and, for the one that was not told, 1/8; their mean is 2 ln(1/2).
    vector = vector_of({"a": 0.5, "b": 0.25, "x": 0.125, "z": 0.0}, ("a", "b", "c"))
    assert vector == pytest.approx([np.log(2), 0.0, -np.log(2)], abs=1e-6)


def test_points_as_if_no_rubric_had_an_example_get_a_direction_of_their_own() -> None:
    rows = [row for row in a_set(6, 11) if row.kind == "point"]
    bare = [row._replace(vectors=row.vectors.bare) for row in rows]
    assert [set(row.vectors.known) for row in bare] == [{"empty"}] * len(rows)
    assert bare[0].vectors.lift == pytest.approx(rows[0].vectors.answer - rows[0].vectors.known["empty"])
    directions = fitted_directions(bare, TOKENS, fitted_to=FITTED_TO_STATED)
    assert set(directions) == {STATED}
    weights = np.array([directions[STATED].weights[token] for token in TOKENS])
    assert np.corrcoef(weights, HIDDEN)[0, 1] > 0.7
    unseen = along_unseen(bare, (), FITTED_TO_STATED, BY_STATED)
    lifts = [along - known["empty"] for along, known in unseen]
    yes, no = ([x for x, row in zip(lifts, bare, strict=True) if bool(row.human) == said] for said in (True, False))
    assert min(yes) > max(no)
