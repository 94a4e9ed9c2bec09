"""What code can tell of a told experience beside its four parts. None of it scores."""

import re
from itertools import pairwise

from service.core.answer import Answer
from service.core.language import Ownership, ownership_of
from service.core.rubric import StarPart
from service.core.verdict import Verdicts

_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]+")
_NUMBERS = frozenset(
    _LETTERS.findall(
        """two three four five six seven eight nine ten twelve twenty thirty forty fifty hundred thousand million
        half halved double doubled twice third quarter dos tres cuatro cinco seis siete ocho nueve diez cien mil mitad
        doble dois duas três quatro sete oito nove dez cem metade dobro deux trois quatre cinq sept huit neuf dix cent
        moitié"""
    )
)


def order_kept(verdicts: Verdicts) -> bool | None:
    """Whether the parts' first sentences don't go backwards; None with fewer than two parts found."""
    firsts = [v.sentences[0] for part in StarPart if (v := verdicts.get(part)) and v.sentences]
    return all(a <= b for a, b in pairwise(firsts)) if len(firsts) > 1 else None


def quantified_result(answer: Answer, verdicts: Verdicts) -> bool | None:
    """Whether a number stands in the Result's evidence; None if Result is unassessed."""
    result = verdicts.get(StarPart.RESULT)
    if result is None:
        return None
    return any(_has_number(answer.sentences[n - 1].text) for n in result.sentences)


def ownership(answer: Answer) -> Ownership | None:
    """How often the answer says 'I' and 'we'; None in a language whose forms we don't know."""
    return ownership_of(answer.text, answer.language)


def _has_number(text: str) -> bool:
    return bool(_DIGIT.search(text)) or not _NUMBERS.isdisjoint(_LETTERS.findall(text.casefold()))
