"""Where the judge and the human differ, worst first, with all that a person needs to say who is right."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evals.pairs import LEVELS, Material, Pair
from evals.report import Report
from service.core.answer import Answer
from service.core.grade import Evidence
from service.core.rubric import Pitfall, Point, Rubric

MOST = 40


class Piece(NamedTuple):
    """A run of the answer's text; `marked` where the judge points at it."""

    text: str
    marked: bool


class Disagreement(NamedTuple):
    """A verdict that differs from the human's. `rules` are the words that the human's label follows, each named."""

    pair: Pair
    question: str
    text: str
    rules: tuple[tuple[str, str], ...]
    human: str
    judge: str
    pieces: tuple[Piece, ...]
    language: str | None


def disagreements(report: Report, most: int = MOST) -> tuple[Disagreement, ...]:
    """The worst: furthest apart in levels first, of those the surest. What code derived is left out."""
    return tuple(_told(pair, report) for pair in ranked(report.material)[:most])


def ranked(material: Material) -> list[Pair]:
    """All pairs that differ, worst first; the file's order where they are equally bad."""
    differ = [p for p in material.pairs if p.judge is not None and p.judge != p.human and not p.derived]
    return sorted(differ, key=_distance, reverse=True)


def pieces_of(text: str, evidence: Iterable[Evidence]) -> tuple[Piece, ...]:
    """The whole text, cut where the evidence begins and ends."""
    received, at = Answer.of(text).received, 0
    pieces: list[Piece] = []
    for span in sorted(evidence, key=lambda span: span.start):
        pieces += [Piece(received[at : span.start], False), Piece(received[max(at, span.start) : span.end], True)]
        at = max(at, span.end)
    pieces.append(Piece(received[at:], False))
    return tuple(piece for piece in pieces if piece.text)


def _distance(pair: Pair) -> tuple[float, float]:
    levels = abs(pair.human - (pair.judge or 0)) / pair.top
    return levels, abs(pair.human / pair.top - (pair.rank or 0.0))


def _told(pair: Pair, report: Report) -> Disagreement:
    golden, rubric, levels = report.golden[pair.golden_id], report.rubrics[pair.golden_id], LEVELS[pair.kind]
    text, rules = _wording(pair, rubric)
    return Disagreement(
        pair=pair,
        question=rubric.question,
        text=text,
        rules=rules,
        human=levels[pair.human],
        judge=levels[pair.judge or 0],
        pieces=pieces_of(golden.answer, pair.evidence),
        language=golden.language,
    )


def _wording(pair: Pair, rubric: Rubric) -> tuple[str, tuple[tuple[str, str], ...]]:
    criteria: tuple[Point | Pitfall, ...] = (*rubric.points, *rubric.pitfalls)
    for criterion in criteria:
        if criterion.id == pair.criterion_id:
            return criterion.text, tuple(_rules(criterion))
    return f"STAR: {pair.criterion_id}", ()


def _rules(criterion: Point | Pitfall) -> Iterator[tuple[str, str]]:
    if isinstance(criterion, Point):
        said = (("met when", criterion.met_when), ("partial when", criterion.partial_when))
    else:
        said = (("committed when", criterion.committed_when), ("should be there", criterion.expected))
    yield from ((name, words) for name, words in said if words)
