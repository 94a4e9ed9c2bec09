"""The same answer in two guises should get the same score."""

import numpy as np
import pytest

from evals.fairness import Fairness, fairness_of
from evals.golden import GoldenAnswer
from evals.pairs import material_of
from evals.records import Record
from tests.evals.made_runs import CATALOG, failed_of, golden_of, record_of, rubric_of

RUBRIC = rubric_of("p1", "p2")


def twin(pair: str, side: str, family: str = "typed-transcript") -> GoldenAnswer:
    tags = (f"pair:{pair}", f"side:{side}", f"fairness:{family}")
    return golden_of(f"{pair}-{side}", RUBRIC, tags=tags, p1="met", p2="met")


def said(answer: GoldenAnswer, p1: str, p2: str = "met", reading: int = 0) -> Record:
    return record_of(answer, {"p1": p1, "p2": p2}, reading=reading)


def fairness(golden: list[GoldenAnswer], *records: Record) -> Fairness | None:
    return fairness_of(golden, material_of(golden, records, CATALOG), np.random.default_rng(1), draws=100)


def test_a_file_without_pairs_has_no_fairness() -> None:
    assert fairness([golden_of("a", RUBRIC, p1="met")]) is None


def test_the_gap_is_the_mean_of_side_a_less_side_b() -> None:
    golden = [twin(pair, side) for pair in ("x", "y") for side in "ab"]
    xa, xb, ya, yb = golden
    found = fairness(golden, said(xa, "met"), said(xb, "missed"), said(ya, "partial"), said(yb, "met"))
    assert found
    (gap,) = found.gaps
    # x: 100 − 50 = 50; y: 75 − 100 = −25. Mean 12.5, mean size 37.5; one of two verdicts differs in each.
    assert (gap.difference.value, gap.difference.n, gap.mean_absolute) == (12.5, 2, 37.5)
    assert (gap.largest, gap.largest_pair, gap.verdicts_differ) == (50.0, "x", 0.5)
    # The human gave both sides the same.
    assert gap.human == 0.0
    assert gap.difference.answers
    # With two pairs the bootstrap can draw only x x, x y, y y: means 50, 12.5, −25.
    assert (gap.difference.answers.low, gap.difference.answers.high) == (-25.0, 50.0)


def test_each_family_is_its_own_and_readings_are_averaged() -> None:
    golden = [twin("x", "a"), twin("x", "b"), twin("x", "a", "names"), twin("x", "b", "names")]
    renamed = [g.model_copy(update={"id": f"{g.id}-names"}) if "fairness:names" in g.tags else g for g in golden]
    records = [said(answer, "met") for answer in renamed] + [said(renamed[0], "missed", reading=1)]
    found = fairness(renamed, *records)
    assert found
    # Side a of the first family was read twice, 100 and 50.
    assert [(gap.family, gap.difference.value) for gap in found.gaps] == [("typed-transcript", -25.0), ("names", 0.0)]


def test_a_pair_that_cannot_be_compared_is_named_and_never_a_zero() -> None:
    golden = [twin("x", "a"), twin("x", "b"), twin("y", "a"), twin("z", "c")]
    found = fairness(golden, said(golden[0], "met"), failed_of(golden[1]), said(golden[2], "met"))
    assert found
    (gap,) = found.gaps
    assert (gap.difference.value, gap.difference.n, gap.largest, gap.verdicts_differ) == (None, 0, None, None)
    assert [why.split(":")[0].split(" ")[0] for why in found.left_out] == ["z-c", "x", "y", "z"]
    assert "needs one of the tags side:a and side:b" in found.left_out[0]


def test_a_side_that_is_there_twice_is_named() -> None:
    golden = [twin("x", "a"), twin("x", "b"), twin("x", "b").model_copy(update={"id": "again"})]
    found = fairness(golden, *(said(answer, "met") for answer in golden))
    assert found
    assert found.left_out == ("again: needs one of the tags side:a and side:b, each once in pair 'x'",)
    assert pytest.approx(0.0) == found.gaps[0].difference.value
