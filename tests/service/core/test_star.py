"""What code tells of a story beside its four parts is unknown where a part is, and never a guess."""

import pytest

from service.core.answer import Answer
from service.core.star import order_kept, ownership, quantified_result
from service.core.verdict import StarLevel, Verdict


def parts(**sentences: tuple[int, ...] | None) -> dict[str, Verdict]:
    """The sentences of each part; None for an absent one; a part that is left out is unassessed."""
    levels: dict[bool, StarLevel] = {True: "present", False: "absent"}
    return {
        name: Verdict(criterion_id=name, level=levels[found is not None], sentences=found or ())
        for name, found in sentences.items()
    }


@pytest.mark.parametrize(
    ("verdicts", "kept"),
    [
        (parts(situation=(1,), task=(2,), action=(3,), result=(4,)), True),
        (parts(situation=(1,), task=(1,), action=(1, 2), result=(1, 3)), True),
        (parts(situation=(1, 9), task=(2,)), True),
        (parts(situation=(2,), task=(1,), action=(3,), result=(4,)), False),
        (parts(situation=(1,), action=(4,), result=(3,)), False),
        (parts(situation=(1,), task=None, action=None, result=(2,)), True),
        (parts(result=(1,), situation=(2,)), False),
    ],
)
def test_order_is_kept_where_the_parts_first_sentences_do_not_go_backwards(
    verdicts: dict[str, Verdict], kept: bool
) -> None:
    assert order_kept(verdicts) is kept


@pytest.mark.parametrize(
    "verdicts",
    [
        {},
        parts(task=(3,)),
        parts(situation=None, task=None, action=None, result=None),
        parts(situation=(1,), task=None),
        parts(situation=(1,), task=()),
        {"p1": Verdict(criterion_id="p1", level="met", sentences=(1,))} | parts(situation=(2,)),
    ],
)
def test_there_is_no_order_to_keep_with_fewer_than_two_parts_found(verdicts: dict[str, Verdict]) -> None:
    assert order_kept(verdicts) is None


@pytest.mark.parametrize(
    ("text", "quantified"),
    [
        ("Returns fell by 12%.", True),
        ("We cut the wait in half.", True),
        ("Sales doubled.", True),
        ("Bajamos el coste a la mitad.", True),
        ("Le délai est passé à dix jours.", True),
        ("Everybody was happy with it.", False),
        ("It often paid off.", False),
    ],
)
def test_a_result_is_quantified_by_a_number_in_its_evidence(text: str, quantified: bool) -> None:
    assert quantified_result(Answer.of(text), parts(result=(1,))) is quantified


def test_a_number_elsewhere_does_not_quantify_the_result() -> None:
    answer = Answer.of("We had 3 weeks. Everybody was happy in the end.")

    assert quantified_result(answer, parts(situation=(1,), result=(2,))) is False
    assert quantified_result(answer, parts(situation=(1,), result=(1, 2))) is True


def test_an_absent_result_has_no_number_and_an_unassessed_one_is_unknown() -> None:
    answer = Answer.of("We had 3 weeks.")

    assert quantified_result(answer, parts(result=None)) is False
    assert quantified_result(answer, parts(situation=(1,))) is None


def test_ownership_counts_who_is_said_to_have_acted() -> None:
    told = ownership(Answer.of("I built the pipeline and I tested it, and then we showed our work to the client."))

    assert told is not None
    assert (told.singular, told.plural) == (2, 2)


@pytest.mark.parametrize("text", ["", "I did", "Ich habe das Modell gebaut und danach mit dem Team getestet."])
def test_ownership_is_unknown_in_a_language_that_is(text: str) -> None:
    assert ownership(Answer.of(text)) is None
