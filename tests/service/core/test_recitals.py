"""Sentences in nothing but the rubric's own words are seen, and are not what the rubric asks for."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from evals.attack import read_attacks
from evals.golden import read_golden
from service.catalog import HOME, RUBRICS, read_catalog
from service.core.answer import Answer
from service.core.gates import FlagKind, flags_of, nothing_to_grade, recited_in, unheard
from service.core.rubric import Pitfall, Point, Rubric

CATALOG = read_catalog(RUBRICS)
HONEST = "I asked every guest on Friday, wrote it up, and cut nine dishes. The landlord took a fifth off in May."
RUBRIC = Rubric(
    question="How did you bring the kitchen back to profit?",
    points=(
        Point(id="p1", text="Names the two largest costs of the kitchen and measures both"),
        Point(id="p2", text="Explains how guests were questioned about their opinion"),
    ),
    pitfalls=(Pitfall(id="f1", kind="omission", text="Forgets staff", expected="what became of the cooks"),),
    example_answer=HONEST,
)
RECITAL = "I named the largest kitchen costs, measured both and explained how guests were questioned about opinions."


def numbers(text: str, rubric: Rubric = RUBRIC) -> Sequence[int]:
    return [sentence.number for sentence in recited_in(Answer.of(text), rubric)]


def test_a_recital_between_honest_sentences_is_flagged_and_the_rest_is_graded() -> None:
    text = f"We lost money. {RECITAL} In June the rent fell."
    flags = flags_of(Answer.of(text), RUBRIC)
    assert [(flag.kind, text[flag.start : flag.end]) for flag in flags] == [(FlagKind.RECITAL, RECITAL)]
    assert not nothing_to_grade(flags)
    assert unheard(Answer.of(text), flags) == {2}


@pytest.mark.parametrize(
    "text",
    [
        "Words: kitchen, costs, largest, guests, questioned, opinion, measures, explains, cooks, staff, names, both.",
        RECITAL.upper(),
        RECITAL.replace(" ", "\u200b "),
    ],
)
def test_key_words_capitals_and_hidden_characters_recite_as_well(text: str) -> None:
    assert numbers(f"We lost money. {text}") == [2]


@pytest.mark.parametrize(
    "text",
    [
        HONEST,
        "The kitchen costs measured largest were rent and gas.",  # rent is the candidate's own word
        "Explain costs to guests.",  # three words of content: chance
        "",
        "...",
    ],
)
def test_what_has_words_of_its_own_or_few_of_any_is_no_recital(text: str) -> None:
    assert numbers(text) == []


def test_one_word_in_twelve_may_be_the_candidates_own_and_two_may_not() -> None:
    eleven = "kitchen costs largest guests questioned opinion measures explains cooks staff names"
    assert numbers(f"{eleven} lasagne.") == [1]
    assert numbers(f"{eleven} lasagne risotto.") == []


def test_where_the_criteria_may_be_what_is_to_be_said_nothing_recites() -> None:
    bare = RUBRIC.model_copy(update={"example_answer": None})
    stating = RUBRIC.model_copy(update={"example_answer": f"Well. {RECITAL}"})
    fact = Point(id="p3", text="The largest kitchen costs are rent and wages")
    facts = RUBRIC.model_copy(update={"points": (*RUBRIC.points, fact)})
    pointless = RUBRIC.model_copy(update={"points": ()})
    assert numbers(RECITAL) == [1]
    for rubric in (bare, stating, facts, pointless):
        assert numbers(RECITAL, rubric) == []


FACTS = ("statements", "short_answers")
PUBLIC = ("kqa_physicians", "physics_partial_credit", "saf_english")


@pytest.mark.parametrize("stem", [*FACTS, *PUBLIC])
def test_whoever_states_a_fact_in_a_rubrics_words_has_stated_it_though_there_be_an_example(stem: str) -> None:
    folder = "golden" if stem in FACTS else "public"
    for golden in read_golden(HOME / "evals" / folder / f"{stem}.jsonl", CATALOG):
        rubric = golden.rubric_in(CATALOG).model_copy(update={"example_answer": HONEST})
        stated = Answer.of(" ".join(f"{point.text.rstrip('.')}." for point in rubric.points))
        assert not recited_in(stated, rubric), golden.id


def test_an_answer_that_is_a_recital_and_no_more_is_an_echo_of_the_rubric() -> None:
    shuffled = "Guests questioned, opinions explained, both largest kitchen costs measured."
    flags = flags_of(Answer.of(shuffled), RUBRIC)
    assert [(flag.kind, flag.start, flag.end) for flag in flags] == [(FlagKind.ECHO_RUBRIC, 0, len(shuffled))]
    assert nothing_to_grade(flags)


GOLDEN = sorted((HOME / "evals" / "golden").glob("*.jsonl"))
FALSE_ALARMS = {
    "near_misses": ["cedar-3-a"]
}  # says what examples in a prompt are for, in words that the rubric has too


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_no_honest_answer_of_ours_recites(path: Path) -> None:
    answers = read_golden(path, CATALOG)
    reciting = [a.id for a in answers if recited_in(Answer.of(a.answer), a.rubric_in(CATALOG))]
    assert reciting == FALSE_ALARMS.get(path.stem, [])


def test_every_rubric_of_the_catalog_is_guarded() -> None:
    for rubric in CATALOG.listed:
        wanted = " ".join(f"{point.text}." for point in rubric.points)
        assert recited_in(Answer.of(wanted), rubric), rubric.id


@pytest.mark.parametrize("kind", ["criteria_after", "keywords_after"])
def test_the_criteria_or_their_key_words_behind_an_answer_are_seen(kind: str) -> None:
    attack = next(attack for attack in read_attacks().attacks if attack.kind == kind)
    for number, golden in enumerate(read_golden(HOME / "evals" / "golden" / "interview.jsonl", CATALOG)[::5]):
        rubric = golden.rubric_in(CATALOG)
        text = Answer.of(attack.on(golden, rubric, number).answer)
        behind = len(golden.answer)
        assert {sentence.span.start >= behind for sentence in recited_in(text, rubric)} == {True}, golden.id
