"""How many of the wanted words an answer uses."""

import numpy as np
import pytest

from service.core.answer import Answer
from service.core.overlap import word_overlap
from tests.builders import answer_of


@pytest.mark.parametrize(
    ("wanted", "answer", "overlap"),
    [
        # names, share, 2004; of these 2004 and the stem of "sharing".
        ("Names the share of 2004", "In 2004 we were sharing", pytest.approx(1 / 3)),
        # valid, gross, weigh: "validation" holds the first, "WEIGHED" the third.
        ("Validates the gross weight", "Validation came first; it was WEIGHED", pytest.approx(2 / 3)),
        ("Bread, bread and more bread", "bread", 0.5),  # a word counts once: bread, more
        ("It cost 12 EUR", "12 of them", 0.5),  # a number counts however short: cost, 12
        ("Says why", "", 0),
        ("Le réseau d'eau", "réseau", 0.5),  # d'eau is a word of five characters
        ("水道", "水を", 0.5),
    ],
)
def test_overlap_is_the_share_of_content_words_that_the_answer_holds(wanted: str, answer: str, overlap: float) -> None:
    assert word_overlap(wanted, Answer.of(answer)) == overlap


@pytest.mark.parametrize("wanted", ["", "is it so?", " . "])
def test_overlap_with_nothing_of_content_is_undefined(wanted: str) -> None:
    assert word_overlap(wanted, answer_of()) is None


def test_overlap_agrees_with_counting_word_by_word() -> None:
    rng = np.random.default_rng(21)
    words = ["measure", "measured", "gap", "price", "prices", "of", "2004", "country", "fed"]
    for _ in range(200):
        wanted, said = (list(rng.choice(words, rng.integers(1, 8))) for _ in range(2))
        content = {w[:5] for w in wanted if len(w) > 3}
        held = [stem for stem in content if any(word.startswith(stem) for word in said)]
        expected = len(held) / len(content) if content else None
        assert word_overlap(" ".join(wanted), Answer.of(" ".join(said))) == expected
