"""A candidate's answer: normalised, cut into numbered sentences, each knowing its place in the text as received."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import sentencex

from service.core.language import language_of

READING = "1"
"""Raised whenever normalising or cutting changes: remembered sentence numbers hold for one reading only."""

LONGEST_SENTENCE = 30  # words; a longer piece is evidence for too much
_SHORTEST_PIECE = 6
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’\-][^\W_]+)*")
_CONNECTIVES = frozenset(
    """and but so then because when while after before which where although however therefore also
    y pero entonces porque cuando mientras después luego donde aunque además así
    e mas então quando enquanto depois onde embora além assim pois
    et mais donc puis alors car quand après ensuite où ainsi parce""".split()
)


class Span(NamedTuple):
    """Code points of the answer as received, end exclusive."""

    start: int
    end: int


class Sentence(NamedTuple):
    """One numbered sentence (from 1): its normalised text and its place in the answer as received."""

    number: int
    text: str
    span: Span


class _Normalised(NamedTuple):
    text: str
    spans: tuple[Span, ...]  # of each character of text, in the answer as received


@dataclass(frozen=True)
class Answer:
    """`received` holds no lone surrogates; all offsets point into it."""

    received: str

    @classmethod
    def of(cls, text: str) -> "Answer":
        """The answer, lone surrogates replaced one for one by U+FFFD so that it can be encoded and sent back."""
        return cls(re.sub(r"[\ud800-\udfff]", "\ufffd", text))

    @cached_property
    def _normalised(self) -> _Normalised:
        return _normalise(self.received)

    @property
    def text(self) -> str:
        """Normalised: compatibility forms folded, invisible characters out, runs of white space made one."""
        return self._normalised.text

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Lower-case words; of scripts written without spaces, each character."""
        return words_of(self.text)

    @cached_property
    def language(self) -> str | None:
        """ISO 639-1 code; None for a text too short to tell."""
        return language_of(self.text) if len(self.words) >= 4 else None

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Numbered from 1; together they hold every word of the text."""
        text, spans = self._normalised
        cuts = (cut for line in re.finditer(r"[^\n]+", text) for cut in _cuts(text, line.span(), self.language))
        return tuple(
            Sentence(n, text[start:end], Span(spans[start].start, spans[end - 1].end))
            for n, (start, end) in enumerate(cuts, 1)
        )

    @cached_property
    def fingerprint(self) -> str:
        """sha256 in hex of what a judge would read: answers that differ in invisible characters alone share it."""
        return hashlib.sha256(f"{READING}\n{self.text}".encode()).hexdigest()


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words; of scripts written without spaces, each character."""
    return tuple(match.group().casefold() for match in _WORD.finditer(text))


def _normalise(received: str) -> _Normalised:
    characters: list[str] = []
    spans: list[Span] = []
    for cluster in re.finditer(r"(?s).[\u0300-\u036f]*", received):
        for character in unicodedata.normalize("NFKC", cluster.group()):
            kept = _kept(character)
            if kept.isspace() and characters and characters[-1].isspace():  # one for the run; a line's end prevails
                characters[-1] = max(characters[-1], kept, key="\n".__eq__)
            elif kept:
                characters.append(kept)
                spans.append(Span(*cluster.span()))
    text = "".join(characters)
    left, right = len(text) - len(text.lstrip()), len(text.rstrip())
    return _Normalised(text[left:right], tuple(spans[left:right]))


def _kept(character: str) -> str:
    if character in "\n\r\u2028\u2029\v\f":
        return "\n"
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    invisible = category in ("Cc", "Cf", "Co", "Cs") or "\ufe00" <= character <= "\ufe0f"
    return "" if invisible else character


def _cuts(text: str, line: tuple[int, int], language: str | None) -> list[tuple[int, int]]:
    pieces = []
    boundaries: list[dict[str, Any]] = sentencex.get_sentence_boundaries(language or "en", text[line[0] : line[1]])
    for boundary in boundaries:
        start, end = line[0] + boundary["start_index"], line[0] + boundary["end_index"]
        tokens = [(start + t.start(), start + t.end()) for t in re.finditer(r"\S+", text[start:end])]
        pieces += [(part[0][0], part[-1][1]) for part in _shortened(text, tokens)]
    return pieces


def _shortened(text: str, tokens: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Halve a piece that is too long where a reader would breathe, until none is."""
    if not tokens:
        return []
    if len(tokens) <= LONGEST_SENTENCE:
        return [tokens]

    def cost(at: int) -> tuple[int, float]:
        before, after = text[slice(*tokens[at - 1])], text[slice(*tokens[at])].casefold()
        pause = 0 if before[-1] in ";:—–.!?" else 1 if before[-1] == "," else 2 if after in _CONNECTIVES else 3
        return pause, abs(at - len(tokens) / 2)

    at = min(range(_SHORTEST_PIECE, len(tokens) - _SHORTEST_PIECE + 1), key=cost)
    return _shortened(text, tokens[:at]) + _shortened(text, tokens[at:])
