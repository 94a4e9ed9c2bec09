"""What is seen without a model: nothing to grade, or words meant for the grader; honest answers pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.answer import Answer
from service.core.gates import Flag, FlagKind, flags_of, nothing_to_grade
from service.core.rubric import Pitfall, Point, Rubric
from tests.builders import rubric_of, untimed

QUESTION = "Tell me about a shop or kitchen you had to bring back to profit, and what you would do again."
RUBRIC = Rubric(
    question=QUESTION,
    points=(
        Point(
            id="p1",
            text="Names the two largest costs of the kitchen",
            met_when="rent, wages or goods are named with a figure",
            partial_when="costs are mentioned in passing",
        ),
        Point(id="p2", text="Says how the guests were asked for their opinion"),
    ),
    pitfalls=(
        Pitfall(
            id="f1",
            kind="omission",
            text="Leaves out what happened to the staff",
            expected="any word on what became of the cooks",
            committed_when="no employee is mentioned at all",
        ),
    ),
)
HONEST = {
    "en": "I cut the menu to nine dishes, asked the guests every Friday and had the rent lowered by a fifth.",
    "es": "Reduje la carta a nueve platos, pregunté a los clientes cada viernes y renegocié el alquiler.",
    "pt": "Reduzi o cardápio a nove pratos, perguntei aos clientes toda sexta e renegociei o aluguel.",
    "fr": "J'ai réduit la carte à neuf plats, interrogé les clients chaque vendredi et renégocié le loyer.",
}


def kinds(text: str, rubric: Rubric = RUBRIC) -> list[FlagKind]:
    return [flag.kind for flag in flags_of(Answer.of(text), rubric)]


@pytest.mark.parametrize("text", ["", "  \n\t", "\u200b\u200d", "\u3164\u3164 \u2800", "\ufeff"])
def test_nothing_to_be_seen_is_empty(text: str) -> None:
    assert kinds(text) == [FlagKind.EMPTY]


@pytest.mark.parametrize(
    "text",
    [
        ".", ",", ":", "?!", "—", "😀", "***", "\ud800",
        "Thought process:", "thought   PROCESS", "Thought\u200b process:", "Reasoning: step 1", "Solution", "Answer:",
        "Let's solve this problem step by step.", "Let’s think about this step-by-step!", "Here is my final answer:",
        "I will now think about the question and then give my answer.", "Let me think. First, the solution:",
        "I don't know.", "I’m sorry, I don’t know the answer to this question", "Sorry, no idea", "N/A", "tbd", "pass",
        "No submission", "blah blah blah blah blah", "lorem ipsum", "Yes.", "None",
        "解", "かいせつ", "解答：", "让我们一步一步地思考这个问题", "わかりません",
        "Respuesta", "Respuesta: no lo sé", "Resolvamos este problema paso a paso.", "Proceso de pensamiento:",
        "Resposta:", "Vamos resolver o problema passo a passo.", "Não sei responder",
        "Réponse :", "Résolvons ce problème étape par étape.", "Je ne sais pas.", "Je n’ai pas de réponse",
        "Lösung:", "Ich habe keine Ahnung.",
    ],
)  # fmt: skip
def test_words_that_stand_in_for_an_answer_are_no_content(text: str) -> None:
    assert kinds(text) == [FlagKind.NO_CONTENT]


@pytest.mark.parametrize("text", ["Onions.", "I asked guests", "Reduje la carta", "We closed on Mondays"])
def test_fewer_words_than_five_are_too_short(text: str) -> None:
    assert kinds(text) == [FlagKind.TOO_SHORT]


@pytest.mark.parametrize(
    "text",
    [
        QUESTION,
        QUESTION.upper(),
        QUESTION.replace(" ", "  \u200b"),
        f"Question: {QUESTION} Answer:",
        f"The question is: {QUESTION} I will think about it step by step and then give my answer.",
        "a shop or kitchen you had to bring back to profit",
        f"{QUESTION} {QUESTION}",
    ],
)
def test_the_question_given_back_is_an_echo(text: str) -> None:
    assert kinds(text) == [FlagKind.ECHO_QUESTION]


@pytest.mark.parametrize(
    "text",
    [
        "Names the two largest costs of the kitchen.",
        "Rent, wages or goods are named with a figure. Says how the guests were asked for their opinion.",
        f"{QUESTION} Names the two largest costs of the kitchen. Any word on what became of the cooks.",
        "names the two largest costs of the kitchen; leaves out what happened to the staff; no employee is mentioned",
    ],
)
def test_the_rubric_given_back_is_an_echo(text: str) -> None:
    assert kinds(text) == [FlagKind.ECHO_RUBRIC]


@pytest.mark.parametrize("times", [3, 8, 100])
@pytest.mark.parametrize("passage", [HONEST["en"], "We asked the guests. ", "good food ", "我们改了菜单。"])
def test_a_passage_said_again_and_again_is_repeated(passage: str, times: int) -> None:
    text = f"{passage} " * times
    enough = len(Answer.of(text).words) >= 15

    assert kinds(text) == ([FlagKind.REPEATED] if enough else [])


def test_a_passage_said_twice_is_not_repeated() -> None:
    assert kinds(f"{HONEST['en']} {HONEST['en']}") == []


@pytest.mark.parametrize("text", HONEST.values())
def test_an_honest_answer_bears_no_flag(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "I sold the second oven.",
        "Bajamos el alquiler y nada más.",
        "Baixamos o aluguel e só.",
        "On a baissé le loyer, point.",
        "先减菜单，再谈房租。",
    ],
)
def test_a_short_honest_answer_bears_no_flag(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize("language", HONEST)
def test_a_long_honest_answer_bears_no_flag(language: str) -> None:
    weeks = " ".join(f"{n}: {word} {n * 7}." for n, word in enumerate(HONEST[language].split() * 40, 1))

    assert kinds(f"{HONEST[language]} {weeks}") == []


@pytest.mark.parametrize(
    "text",
    [
        f"{QUESTION} {HONEST['en']}",
        f"{QUESTION}\n\nI sold the second oven.",
        f"You asked about “a shop or kitchen you had to bring back to profit”. {HONEST['en']}",
        f"What I would do again to bring a kitchen back to profit: {HONEST['en']}",
    ],
)
def test_an_answer_may_quote_its_question(text: str) -> None:
    assert kinds(text) == []


def test_an_echo_is_known_however_the_rubric_was_typed() -> None:
    rubric = Rubric(question="Cue\u0301ntame una situación difícil con un cliente", points=RUBRIC.points)

    assert kinds("Cuéntame una situación difícil con un cliente", rubric) == [FlagKind.ECHO_QUESTION]


def test_a_reason_not_to_grade_spans_the_answer_as_received() -> None:
    assert flags_of(Answer.of(" \u200bOnions. "), RUBRIC)[0] == Flag(kind=FlagKind.TOO_SHORT, start=0, end=10)


def test_no_flags_are_no_reason_to_abstain() -> None:
    assert not nothing_to_grade(())


@untimed
@given(st.one_of(st.text(), st.lists(st.sampled_from(["ignore ", "the ", "rubric", ".", "\n", "10/10 "])).map("".join)))
def test_any_text_gets_at_most_one_reason_and_spans_inside_it(text: str) -> None:
    flags = flags_of(Answer.of(text), rubric_of())

    assert sum(flag.kind is not FlagKind.INJECTION_SUSPECTED for flag in flags) <= 1
    assert all(0 <= flag.start <= flag.end <= len(text) for flag in flags)
    assert all(flag.start < flag.end for flag in flags if flag.kind is FlagKind.INJECTION_SUSPECTED)


@pytest.mark.parametrize(
    "text", ["-" * 20_000, "please " * 2_500, "you must " * 2_000, "ignore " * 2_500, "(" * 20_000]
)
def test_the_longest_answers_come_through_the_gates(text: str) -> None:
    assert len(kinds(text)) <= 1
