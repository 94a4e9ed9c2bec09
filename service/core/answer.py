"""A candidate's answer: normalised, cut into numbered sentences, each knowing its place in the text as received."""

import hashlib
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import sentencex

from service.core.language import language_of

READING = "1"
"""Raised whenever normalising or cutting changes: remembered sentence numbers hold for one reading only."""

LONGEST_SENTENCE = 30  # words; a longer piece is evidence for too much
_SHORTEST_PIECE = 6
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # of scripts written without spaces
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")
_TOKEN = re.compile(rf"[{_UNSPACED}]{{1,2}}|[^\s{_UNSPACED}]+")  # two such characters make about a word
_CONNECTIVES = frozenset(
    re.findall(
        r"\w+",
        """and but so then because when while after before which where although however therefore also
        y pero entonces porque cuando mientras después luego donde aunque además así
        e mas então quando enquanto depois onde embora além assim pois
        et mais donc puis alors car quand après ensuite où ainsi parce""",
    )
)
_INVISIBLE = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ue000-\uf8ff\U000f0000-\U0010ffff"  # the last two: private use
)
_UNSEEN = re.compile(f"[{_INVISIBLE}]+")
_JOINED = rf"[{_INVISIBLE}]*[\u0300-\u036f\u1161-\u11ff\u3099\u309a\uff9e\uff9f]"
# A character with the marks, vowels and final consonants that normalising may join to it, whatever hides between them.
_CLUSTER = re.compile(rf"(?:[{_INVISIBLE}]+|.)(?:{_JOINED})*", re.DOTALL)
# What normalising leaves as it is, taken at one stroke: most of what is written, a hundred times quicker. No more than
# a thousand at once, for a run is cut at its first double space and what is behind is read again.
_PLAIN = r"!-~\u00c0-\u00ff‘’“”–—"
_PLAIN_RUN = re.compile(rf"[{_PLAIN}][ {_PLAIN}]{{0,999}}(?<! )(?!{_JOINED})")

_SPACES = re.compile(rf"[ \n]+(?!{_JOINED})")


class Span(NamedTuple):
    """Code points of the answer as received, end exclusive."""

    start: int
    end: int


class Sentence(NamedTuple):
    """One numbered sentence (from 1): its normalised text and its place in the answer as received."""

    number: int
    text: str
    span: Span


class _Piece(NamedTuple):
    """Normalised text and where it was received: as it is, or one character that all of the stretch became."""

    text: str
    span: Span


class _Placed:
    """Pieces as one text, without the white space around it, that knows where each character was received.

    Looked up and not written out, for few are asked for, and a list of all is many times larger than the answer.
    """

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        text = "".join(piece.text for piece in pieces)
        self.text = text.strip()
        self._left = len(text) - len(text.lstrip())
        self._pieces = pieces
        self._begins = list(accumulate((len(piece.text) for piece in pieces), initial=0))

    def start(self, at: int) -> int:
        """Where the character at this place of the text starts in the answer as received."""
        (text, (start, _)), inside = self._piece(at)
        return start + inside if len(text) > 1 else start

    def end(self, at: int) -> int:
        """Where it ends there."""
        (text, (start, end)), inside = self._piece(at)
        return start + inside + 1 if len(text) > 1 else end

    def _piece(self, at: int) -> tuple[_Piece, int]:
        number = bisect_right(self._begins, at + self._left) - 1
        return self._pieces[number], at + self._left - self._begins[number]


@dataclass(frozen=True)
class Answer:
    """`received` holds no lone surrogates; all offsets point into it."""

    received: str

    @classmethod
    def of(cls, text: str) -> "Answer":
        """The answer, lone surrogates replaced one for one by U+FFFD so that it can be encoded and sent back."""
        try:
            text.encode()
        except UnicodeEncodeError:
            text = re.sub(r"[\ud800-\udfff]", "\ufffd", text)
        return cls(text)

    @cached_property
    def _placed(self) -> _Placed:
        return _Placed(_normalise(self.received))

    @property
    def text(self) -> str:
        """Normalised: compatibility forms folded, invisible characters out, runs of white space made one."""
        return self._placed.text

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
        placed = self._placed
        lines = (line.span() for line in re.finditer(r"[^\n]+", placed.text))
        cuts = (cut for line in lines for cut in _cuts(placed, line, self.language))
        return tuple(
            Sentence(n, placed.text[start:end], Span(placed.start(start), placed.end(end - 1)))
            for n, (start, end) in enumerate(cuts, 1)
        )

    def without(self, numbers: Collection[int]) -> tuple[Sentence, ...]:
        """The sentences, each with its number, but for these."""
        return tuple(s for s in self.sentences if s.number not in numbers) if numbers else self.sentences

    @cached_property
    def fingerprint(self) -> str:
        """sha256 in hex of what a judge would read: answers that differ in invisible characters alone share it."""
        return hashlib.sha256(f"{READING}\n{self.text}".encode()).hexdigest()


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words; of scripts written without spaces, each character."""
    if text.isascii():
        return tuple(_WORD.findall(text.lower()))
    return tuple(map(str.casefold, _WORD.findall(text.replace("’", "'"))))


def _normalise(received: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    at = 0
    while at < len(received):
        if plain := _PLAIN_RUN.match(received, at):
            text = plain.group()
            if (cut := text.find("  ")) > 0:  # of several spaces one is kept, below
                text = text[:cut]
            pieces.append(_Piece(text, Span(at, at + len(text))))
            at += len(text)
            continue
        if spaces := _SPACES.match(received, at):
            _append(pieces, "\n" if "\n" in spaces.group() else " ", Span(at, at + 1))
            at = spaces.end()
            continue
        cluster = _CLUSTER.match(received, at)
        assert cluster  # it takes any character
        at = cluster.end()
        for character in _folded(_UNSEEN.sub("", cluster.group())):
            _append(pieces, character, Span(*cluster.span()))
    return pieces


def _append(pieces: list[_Piece], character: str, span: Span) -> None:
    """Of a run of white space one character is kept; a line's end prevails."""
    if character.isspace() and pieces and pieces[-1].text.isspace():
        space = "\n" if "\n" in (pieces[-1].text, character) else " "
        pieces[-1] = pieces[-1]._replace(text=space)
    else:
        pieces.append(_Piece(character, span))


def _folded(cluster: str) -> str:
    folded = unicodedata.normalize("NFKC", cluster)
    if " " in folded and not cluster[0].isspace():  # such as the accent typed for an apostrophe: it parts no words
        folded = unicodedata.normalize("NFC", cluster)
    seen = _UNSEEN.sub("", folded)
    return "".join("\n" if c in "\n\r\x85\u2028\u2029\v\f" else " " if c.isspace() else c for c in seen)


def _cuts(placed: _Placed, line: tuple[int, int], language: str | None) -> list[tuple[int, int]]:
    text = placed.text
    boundaries: list[dict[str, Any]] = sentencex.get_sentence_boundaries(language or "en", text[slice(*line)])
    starts = {line[0] + boundary["start_index"] for boundary in boundaries}
    # What was one character as received stays in one sentence.
    edges = [
        line[0],
        *sorted(at for at in starts if at > line[0] and placed.start(at) != placed.start(at - 1)),
        line[1],
    ]
    pieces: list[tuple[int, int]] = []
    for start, end in pairwise(edges):
        piece = text[start:end]
        if piece.isascii() and piece.count(" ") < LONGEST_SENTENCE:  # most are short enough, and need no counting
            if piece.strip():
                pieces.append((end - len(piece.lstrip()), start + len(piece.rstrip())))
            continue
        tokens = [token.span() for token in _TOKEN.finditer(text, start, end)]
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
        pause = 0 if before[-1] in ";:—–.!?。" else 1 if before[-1] in ",、" else 2 if after in _CONNECTIVES else 3
        return pause, abs(at - len(tokens) / 2)

    at = min(range(_SHORTEST_PIECE, len(tokens) - _SHORTEST_PIECE + 1), key=cost)
    return _shortened(text, tokens[:at]) + _shortened(text, tokens[at:])
