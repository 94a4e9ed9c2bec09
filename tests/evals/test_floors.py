"""Floors read nothing and see nothing of the question they are measured on."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from evals.floors import held_out_thresholded, length, majority
from service.core.answer import Answer


def test_length_counts_words() -> None:
    assert length(Answer.of("It's 12 degrees, at most.")) == 5
    assert length(Answer.of(" ")) == 0


def test_the_majority_is_the_commonest_label_or_the_lower_of_two() -> None:
    assert majority([0, 2, 2, 1]) == 2
    assert majority([2, 1, 2, 1, 0]) == 1
    assert majority([]) is None
    rng = np.random.default_rng(22)
    for _ in range(200):
        labels = rng.integers(3, size=rng.integers(1, 20))
        assert majority(labels.tolist()) == np.bincount(labels).argmax()


def test_a_floor_says_each_question_by_the_threshold_of_the_others() -> None:
    groups = ["a", "a", "b", "b", "c", "c"]
    scores = [20, 50, 20, 30, 40, 60]
    positives = [False, True, False, True, False, True]
    # For a, by b and c (positive 30 and 60, negative 20 and 40): from 30 on both hits and one false alarm, kappa 0.5;
    # from 60 on one hit and no false alarm, 0.5 too; the lower stands. a's 20 is below it, its 50 above.
    # For b, by a and c (positive 50 and 60, negative 20 and 40): from 50 on all is right. b's 20 and 30 are below.
    # For c, by a and b (positive 50 and 30, negative 20 and 20): from 30 on all is right. c's 40 and 60 are above.
    assert held_out_thresholded(scores, positives, groups) == (False, True, False, False, True, True)


def test_a_question_has_no_say_in_its_own_threshold() -> None:
    rng = np.random.default_rng(23)
    for _ in range(200):
        groups = rng.integers(3, size=12).tolist()
        scores = rng.integers(6, size=12).tolist()
        positives = rng.random(12) < 0.5
        said = held_out_thresholded(scores, positives.tolist(), groups)
        turned = [bool(not p) if g == 0 else bool(p) for p, g in zip(positives, groups, strict=True)]
        again = held_out_thresholded(scores, turned, groups)
        assert [s for s, g in zip(said, groups, strict=True) if g == 0] == [
            s for s, g in zip(again, groups, strict=True) if g == 0
        ]


def test_held_out_verdicts_are_those_of_the_best_kappa_elsewhere() -> None:
    rng = np.random.default_rng(24)
    for _ in range(200):
        groups = np.repeat(["a", "b"], 8)
        scores, positives = rng.integers(6, size=16), rng.random(16) < 0.5
        positives[[0, 8]], positives[[1, 9]] = True, False
        said = np.array(held_out_thresholded(scores.tolist(), positives.tolist(), groups.tolist()))
        there, here = groups == "a", groups == "b"
        kappas = {t: cohen_kappa_score(positives[there], scores[there] >= t) for t in np.unique(scores[there])}
        best = min(t for t, kappa in kappas.items() if kappa == pytest.approx(max(kappas.values())))
        assert (said[here] == (scores[here] >= best)).all()


def test_a_floor_without_a_score_or_without_other_questions_says_nothing() -> None:
    assert held_out_thresholded([1, 2], [True, False], ["a", "a"]) == (None, None)
    # For a, of 2 (positive) and 3 (negative) the threshold 2 says positive to both, kappa 0, and 3 errs twice: -1.
    # For b likewise 1. For c, 1 and 2 are both positive.
    assert held_out_thresholded([1, 2, 3], [True, True, False], ["a", "b", "c"]) == (False, True, None)
    # Without a score b has neither a verdict nor a say; then a and c have one kind alone beside them.
    assert held_out_thresholded([1, None, 3], [True, True, False], ["a", "b", "c"]) == (None, None, None)
    assert held_out_thresholded([], [], []) == ()


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        held_out_thresholded([1, 2], [True], ["a", "b"])
