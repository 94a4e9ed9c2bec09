"""What it is worth that an answer is short: the weight that made the labels, and nothing else is touched."""

from collections.abc import Sequence

import numpy as np
import pytest

from evals.calibrate import shortened
from evals.directions import Vectors
from evals.replayed import Row, Rows
from service.core.calibration import Calibration, Direction, Scale
from service.judges.signals import KINDS

TOKENS = ("a", "b", "c")
DIRECTION = Direction(weights={"a": 1.0, "b": -1.0, "c": 0.0})
THREE = Scale(weights={"yes": 0.5, "lift": 2.0}, cuts=(0.5, -0.5), least=(0.5, 0.5))
TWO = Scale(weights={"yes": 0.5, "lift": 2.0}, cuts=(0.0,), least=(0.5,))
BEFORE = Calibration(
    version=1,
    made_by="by hand",
    note="",
    scales={kind: THREE if kind in ("point", "star") else TWO for kind in KINDS},
    directions={"there": DIRECTION, "committed": DIRECTION},
)
WORTH = {"point": 1.5, "star": -1.0, "omission": 9.0}


def made(kind: str, count: int, rng: np.random.Generator, *, short: bool = True) -> list[Row]:
    """Labels drawn by BEFORE and what being short is worth, of which BEFORE knows nothing."""
    rows = []
    for n in range(count):
        answer, empty, example = (rng.normal(0, 0.5, 3) for _ in range(3))
        lift = (answer - (empty + example) / 2) @ (1.0, -1.0, 0.0)
        signals = {"yes": rng.normal(), "example": 0.0, "short": float(rng.uniform(0.1, 1.2)) if short else 0.0}
        slope = 0.5 * signals["yes"] + 2.0 * lift + WORTH[kind] * signals["short"]
        chance = rng.random()
        human = sum(chance < 1 / (1 + np.exp(-slope - cut)) for cut in BEFORE.scales[kind].cuts)
        vectors = Vectors(answer, {"empty": empty, "example": example})
        rows.append(Row(f"{kind}{n}", f"q{n % 4}", f"{kind}1", kind, int(human), signals, vectors))
    return rows


def fitted_to(rows: Sequence[Row]) -> Calibration:
    return shortened(Rows(tuple(rows), TOKENS), "then", "so many", BEFORE)


def test_the_worth_that_made_the_labels_is_found_and_all_else_stays() -> None:
    rng = np.random.default_rng(4)
    after = fitted_to([*made("point", 3000, rng), *made("star", 3000, rng), *made("omission", 300, rng)])
    for kind in ("point", "star"):
        assert after.scales[kind].weights["short"] == pytest.approx(WORTH[kind], abs=0.2)
        rest = {name: weight for name, weight in after.scales[kind].weights.items() if name != "short"}
        assert after.scales[kind].model_copy(update={"weights": rest}) == BEFORE.scales[kind]
    assert {kind: after.scales[kind] for kind in KINDS if kind not in ("point", "star")} == {
        kind: TWO for kind in KINDS if kind not in ("point", "star")
    }
    assert (after.directions, after.made_by, after.note) == (BEFORE.directions, "then", "so many")


def test_fitted_again_to_the_same_it_stays_as_it_is() -> None:
    rows = Rows(tuple(made("point", 200, np.random.default_rng(5))), TOKENS)
    once = shortened(rows, "then", "", BEFORE)
    assert shortened(rows, "then", "", once) == once
    assert "short" not in once.scales["star"].weights  # of which there is no label


def test_few_labels_move_it_little() -> None:
    one = made("point", 2, np.random.default_rng(6))
    certain = [row._replace(human=2) for row in one]
    assert 0 < fitted_to(certain).scales["point"].weights["short"] < 1


@pytest.mark.parametrize("what", ["long", "pitfalls", "no example"])
def test_where_nothing_is_short_it_is_refused(what: str) -> None:
    rows = made("omission" if what == "pitfalls" else "point", 8, np.random.default_rng(7), short=what != "long")
    if what == "no example":
        rows = [row._replace(signals={"yes": 0.0, "short": 1.0}) for row in rows]
    with pytest.raises(ValueError, match="no point and no STAR part of an answer under 90 words"):
        fitted_to(rows)


def test_without_directions_it_is_refused() -> None:
    rows = Rows(tuple(made("point", 8, np.random.default_rng(8))), TOKENS)
    with pytest.raises(ValueError, match="directions, and all odds"):
        shortened(rows, "", "", BEFORE.model_copy(update={"directions": {}}))
    with pytest.raises(ValueError, match="directions, and all odds"):
        shortened(rows._replace(tokens=()), "", "", BEFORE)
