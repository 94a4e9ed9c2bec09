"""The languages we tell apart, and who speaks in an answer: 'I' or 'we'."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.language import language_of, ownership_of
from tests.builders import untimed


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I asked the customers first and then changed the plan"),
        ("es", "Primero pregunté a los clientes y después cambié el plan"),
        ("pt", "Primeiro perguntei aos clientes e depois mudei o plano"),
        ("fr", "J'ai d'abord interrogé les clients puis j'ai changé le plan"),
        ("de", "Zuerst habe ich die Kunden gefragt und dann den Plan geändert"),
        ("zh", "我先问了客户，然后改了计划"),
        ("ja", "最初にお客様に尋ねてから計画を変えました"),
        ("ru", "Сначала я спросил клиентов, а потом изменил план"),
    ],
)
def test_a_language_is_told_by_its_text(language: str, text: str) -> None:
    assert language_of(text) == language


@untimed
@given(st.text())
def test_any_text_gets_some_language(text: str) -> None:
    assert len(language_of(text)) == 2


@pytest.mark.parametrize(
    ("language", "text", "singular", "plural"),
    [
        ("en", "I asked, I'm sure; my idea helped me.", 4, 0),
        ("en", "We’ve met: our plan, and they told us.", 0, 3),
        ("en", "In the US, i.e. there, I/O was slow. Nothing else.", 0, 0),
        ("es", "Propuse un plan, llamé a mi cliente y decidí esperar.", 4, 0),
        ("es", "He medido el error y reduje el coste.", 2, 0),
        ("es", "Hemos medido, leímos y trabajábamos; nosotros íbamos con nuestro equipo.", 0, 6),
        ("es", "Así fue también en los últimos meses: los próximos préstamos, más allá.", 0, 0),
        ("pt", "Eu propus um plano, liguei ao meu cliente, escrevi e concluí.", 6, 0),
        ("pt", "Nós medimos, tínhamos pressa e trabalhávamos com nosso time; fomos bem.", 0, 6),
        ("pt", "Aqui a OpenAI foi útil nos últimos empréstimos, com um teste semi automático.", 0, 0),
        ("fr", "J'ai proposé mon plan et je l’ai écrit.", 3, 0),
        ("fr", "Nous avons mesuré notre erreur et nos coûts.", 0, 3),
    ],
)
def test_ownership_counts_first_persons(language: str, text: str, singular: int, plural: int) -> None:
    found = ownership_of(text, language)

    assert found is not None
    assert (found.singular, found.plural) == (singular, plural)


@pytest.mark.parametrize("language", ["de", "ja", "zh", "xx", "", None])
def test_ownership_is_unknown_where_the_forms_are_not_known(language: str | None) -> None:
    assert ownership_of("Ich habe es gemacht", language) is None


@pytest.mark.parametrize("language", ["en", "es", "pt", "fr"])
def test_a_text_that_owns_nothing_counts_nothing(language: str) -> None:
    found = ownership_of("", language)

    assert found is not None
    assert (found.singular, found.plural) == (0, 0)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The kiln was cold when we came, and that cost us the batch of tiles that they had promised.", "en"),
        (
            "Leímos «the state of the art», y después cocimos el barro más despacio para que no se agrietara nunca.",
            "es",
        ),
        (
            "Lemos “the state of the art” e depois cozemos o barro mais devagar, para que nunca rachasse outra vez.",
            "pt",
        ),
    ],
)
def test_english_is_told_by_its_little_words_and_a_quotation_makes_no_text_english(text: str, language: str) -> None:
    assert language_of(text) == language
