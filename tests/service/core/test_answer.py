"""Offsets point into the answer as received, the sentences hold every word, and what can't be seen changes nothing."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.core.answer import LONGEST_SENTENCE, Answer, words_of
from tests.builders import untimed

INVISIBLE = [
    "\u200b", "\u200c", "\u200d", "\u200e", "\u202e", "\u2066", "\u2069", "\u2060", "\ufeff", "\u00ad", "\u034f",
    "\u180e", "\u3164", "\u2800", "\ufe0f", "\U000e0041", "\U000e0100", "\x00", "\x1b", "\ue000",
]  # fmt: skip
AWKWARD = [
    *INVISIBLE, "\r\n", "\n\n", "\u2028", "\x85", "\t", "\u00a0", "e\u0301", "\u0301", "n\u0303", "か\u3099", "ｶﾞ",
    "\u1100\u1161\u11a8", "ﬁ", "…", "①", "㏂", "ﷺ", "I´ve", "𝐁𝐨𝐥𝐝", "😀", "👨\u200d👩\u200d👧", "🇨🇱", "1\ufe0f\u20e3",
    "\ud800", "\udfff", "Dr. Ruiz", "3.5", "e.g.", "¿Qué?", "它很好。", "、", "नमस्ते।", "مرحبا؟", "—", "“So.”", "?!",
    "...",
]  # fmt: skip
pieces = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=8), st.sampled_from(["one ", "two, ", "and ", "end. "]))
texts = st.lists(pieces, max_size=60).map("".join)

TRANSCRIPTS = {
    "en": "so last spring i joined a small bakery that lost flour every week and nobody could say where it went so i "
    "weighed each sack when it came in and again when it went out and after ten days i saw that the scale at the "
    "door was wrong because somebody had moved it and then we had it mended and the loss was gone",
    "es": "el año pasado llegué a un taller donde cada semana faltaban piezas y nadie sabía por qué entonces pesé las "
    "cajas cuando entraban y otra vez cuando salían y después de diez días vi que la balanza de la puerta marcaba "
    "mal porque alguien la había movido pero la arreglamos y el problema no volvió",
    "pt": "no ano passado entrei numa oficina onde toda semana faltavam peças e ninguém sabia a razão então pesei as "
    "caixas quando entravam e outra vez quando saíam e depois de dez dias vi que a balança da porta marcava errado "
    "pois alguém tinha mexido nela mas consertamos tudo e o problema não voltou",
    "fr": "l'an dernier je suis arrivé dans un atelier où chaque semaine il manquait des pièces et personne ne savait "
    "pourquoi alors j'ai pesé les caisses quand elles entraient puis quand elles sortaient et après dix jours j'ai "
    "vu que la balance de la porte était fausse parce que quelqu'un l'avait déplacée mais on l'a réparée",
}  # fmt: skip
OPENERS = {
    "and",
    "so",
    "then",
    "because",
    "after",
    "when",
    "where",
    "y",
    "pero",
    "entonces",
    "después",
    "e",
    "então",
    "depois",
    "puis",
    "alors",
    "et",
}


def sentences(text: str) -> list[str]:
    return [sentence.text for sentence in Answer.of(text).sentences]


@untimed
@given(texts)
@example("A 👨‍👩‍👧 here. Then\r\n\r\ne\u0301t\u200be\u0301 ﬁn…\u0301 ﷺ end.")
def test_each_sentence_reads_the_same_at_its_place_in_the_answer_as_received(text: str) -> None:
    answer = Answer.of(text)

    for sentence in answer.sentences:
        start, end = sentence.span
        assert 0 <= start < end <= len(answer.received)
        assert Answer.of(answer.received[start:end]).text == sentence.text


@untimed
@given(texts)
def test_sentences_are_numbered_from_one_in_order_and_never_overlap(text: str) -> None:
    found = Answer.of(text).sentences

    assert [s.number for s in found] == list(range(1, len(found) + 1))
    assert all(a.span.end <= b.span.start for a, b in pairwise(found))


@untimed
@given(texts)
def test_the_sentences_together_hold_every_word_and_all_that_can_be_seen(text: str) -> None:
    answer = Answer.of(text)

    assert tuple(word for s in answer.sentences for word in words_of(s.text)) == answer.words
    assert "".join("".join(s.text.split()) for s in answer.sentences) == "".join(answer.text.split())


@untimed
@given(texts)
def test_no_sentence_is_longer_than_the_limit(text: str) -> None:
    assert all(len(sentence.split()) <= LONGEST_SENTENCE for sentence in sentences(text))


@untimed
@given(texts)
def test_an_answer_keeps_its_length_and_can_always_be_encoded(text: str) -> None:
    received = Answer.of(text).received

    assert len(received) == len(text)
    assert received.encode().decode() == received
    assert all(a == b or 0xD800 <= ord(a) <= 0xDFFF for a, b in zip(text, received, strict=True))


def test_a_lone_surrogate_is_replaced_and_shifts_no_offset() -> None:
    answer = Answer.of("We \ud83d\ud83d began. It went well.")

    assert answer.received == "We \ufffd\ufffd began. It went well."
    assert answer.received[slice(*answer.sentences[-1].span)] == "It went well."


def test_offsets_count_code_points_and_not_bytes_or_utf16_units() -> None:
    text = "Größe 😀😀 first. Then we sold it."
    second = Answer.of(text).sentences[1]

    assert second.span == (16, 32)
    assert text[16:32] == second.text == "Then we sold it."


def test_the_received_slice_keeps_what_normalising_folds() -> None:
    text = "  The ﬁrst\u200b   try\u00a0failed. Next."
    first = Answer.of(text).sentences[0]

    assert first.text == "The first try failed."
    assert text[slice(*first.span)] == "The ﬁrst\u200b   try\u00a0failed."


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\n\n", "\u2028", "\u2029", "\x85", " \n ", "\v"])
def test_a_line_ends_a_sentence_however_it_is_broken(newline: str) -> None:
    assert sentences(f"- dig the bed{newline}- sow the seed") == ["- dig the bed", "- sow the seed"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I spoke to Dr. Ruiz about it. She agreed.", ["I spoke to Dr. Ruiz about it.", "She agreed."]),
        ("The rate fell to 3.5 percent. Good.", ["The rate fell to 3.5 percent.", "Good."]),
        ("¿Qué hice? Pregunté. ¡Funcionó!", ["¿Qué hice?", "Pregunté.", "¡Funcionó!"]),
        ("我先问客户。然后我改了模型。", ["我先问客户。", "然后我改了模型。"]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, found: list[str]) -> None:
    assert sentences(text) == found


@pytest.mark.parametrize("language", TRANSCRIPTS)
def test_a_transcript_without_punctuation_is_cut_where_a_clause_begins(language: str) -> None:
    text = TRANSCRIPTS[language]
    found = sentences(text)

    assert Answer.of(text).language == language
    assert len(found) >= 2
    assert all(6 <= len(s.split()) <= LONGEST_SENTENCE for s in found)
    assert {s.split()[0] for s in found[1:]} <= OPENERS


def test_a_long_sentence_is_cut_at_its_strongest_pause_nearest_the_middle() -> None:
    half = " ".join(["word"] * 17)

    assert sentences(f"{half}; {half}.") == [f"{half};", f"{half}."]
    assert sentences(f"one, {half}: {half}.") == [f"one, {half}:", f"{half}."]


def test_a_script_without_spaces_is_cut_as_well() -> None:
    found = sentences("我们每周都会检查仓库里的面粉" * 20)

    assert len(found) > 4
    assert all(len(s) <= 2 * LONGEST_SENTENCE for s in found)
    assert "".join(found) == "我们每周都会检查仓库里的面粉" * 20


def test_a_word_without_end_stays_whole() -> None:
    assert sentences("https://example.org/" + "a" * 5000) == ["https://example.org/" + "a" * 5000]


@pytest.mark.parametrize("text", ["", " ", "\r\n\t", "\u200b", "\u3164 \u2800", "\x00\u202e\U000e0041"])
def test_nothing_to_be_seen_gives_no_text_and_no_sentences(text: str) -> None:
    answer = Answer.of(text)

    assert (answer.text, answer.words, answer.sentences, answer.language) == ("", (), (), None)


@untimed
@given(texts, st.data())
def test_answers_that_differ_in_invisible_characters_alone_share_a_fingerprint(text: str, data: st.DataObject) -> None:
    hidden = text
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(hidden)))
        hidden = hidden[:at] + data.draw(st.sampled_from(INVISIBLE)) + hidden[at:]

    assert Answer.of(hidden).fingerprint == Answer.of(text).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        "Café  ﬁve\tm²",
        " Cafe\u0301 five m2\n",
        "Caf\u200be\u200b\u0301 five\u00a0\u200b m2",
        unicodedata.normalize("NFKD", "Café five m²"),
    ],
)
def test_another_way_to_type_the_same_text_shares_its_fingerprint(other: str) -> None:
    assert Answer.of(other).fingerprint == Answer.of("Café five m2").fingerprint


@pytest.mark.parametrize(("text", "typed"), [("が", "か\u3099"), ("ガ", "ｶﾞ"), ("각", "\u1100\u1161\u11a8")])
def test_letters_typed_in_parts_are_joined(text: str, typed: str) -> None:
    assert Answer.of(typed).text == text


@pytest.mark.parametrize(("one", "other"), [("five m", "fivem"), ("a\nb", "a b"), ("Yes", "yes"), ("cafe", "café")])
def test_another_text_has_another_fingerprint(one: str, other: str) -> None:
    assert Answer.of(one).fingerprint != Answer.of(other).fingerprint


def test_an_accent_typed_for_an_apostrophe_parts_no_word() -> None:
    assert Answer.of("I´ve tried").text == "I´ve tried"


def test_words_are_lower_case_with_one_kind_of_apostrophe() -> None:
    assert words_of("Don’t STOP — it's_an end-to-end test, ß!") == (
        "don't", "stop", "it's", "an", "end", "to", "end", "test", "ss",
    )  # fmt: skip
    assert words_of("解答 ok") == ("解", "答", "ok")


def test_the_language_of_a_text_too_short_to_tell_is_unknown() -> None:
    assert Answer.of("I did it").language is None
    assert Answer.of("I did it myself last week").language == "en"


@pytest.mark.parametrize("text", ["解" * 20_000, "a " * 10_000, "\u200b" * 20_000, "\u034f" * 20_000, "(" * 20_000])
def test_the_longest_answers_are_read_whole(text: str) -> None:
    found = sentences(text)

    assert "".join("".join(found).split()) == "".join(re.sub(r"[\s\u200b\u034f]", "", text))
