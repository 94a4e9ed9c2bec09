"""What the model says of a criterion before answers that are known: one without content, and the rubric's example.

Some criteria get a yes from any fluent answer, some hardly ever. How far a candidate's odds lie from those of the known
answers tells more than how high they are. They hang on the criterion alone, so each is asked once and kept.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Literal, NamedTuple

from cachetools import LRUCache

from service.core.answer import Answer
from service.core.frozen import Frozen
from service.core.prompt import PromptTemplate, fence_mark
from service.core.rubric import Criterion, criterion_content, digest_of

KNOWN = ("empty", "example")
"""The known answers, and so the signals that they give."""

_MOST_KEPT = 20_000
_MARK = b"golden answers"  # the fence guards against strangers, and these texts are ours


class KnownOdds(Frozen):
    """A file of what one model said: the log odds of yes by key (see `key_of`). Made by `grader eval known`.

    `model` is that model's identity; of another one the file says nothing.
    """

    version: Literal[1]
    made_by: str
    model: str
    log_odds: Mapping[str, float]


class KnownAnswer(NamedTuple):
    """One of KNOWN, read as a candidate's answer is."""

    name: str
    answer: Answer
    mark: str


def known_answers(empty: str, example: str | None) -> Iterator[KnownAnswer]:
    """Those there are: a rubric may have no example."""
    for name, text in zip(KNOWN, (empty, example), strict=True):
        if text:
            answer = _read(text)
            yield KnownAnswer(name, answer, fence_mark(_MARK, answer))


def key_of(template: PromptTemplate, question: str, answer: Answer, criterion: Criterion) -> str:
    """Of all that shapes the odds beside the model."""
    return digest_of([template.digest, question, answer.fingerprint, criterion_content(criterion)])[:16]


def kept_odds(file: KnownOdds | None, model: str) -> MutableMapping[str, float]:
    """Log odds by key, those longest unused making room: to begin with, what the file holds of this model."""
    kept: LRUCache[str, float] = LRUCache(_MOST_KEPT)
    if file and file.model == model:
        kept.update(file.log_odds)
    return kept


@lru_cache(1024)  # requests bring rubrics of their own
def _read(text: str) -> Answer:
    return Answer.of(text)
