"""What the model says of a criterion before answers that are known: one without content, and the rubric's example.

Some criteria get a yes from any fluent answer, some hardly ever. How far a candidate's odds lie from those of the known
answers tells more than how high they are. They hang on the criterion alone, so each is asked once and kept.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Literal, NamedTuple

from cachetools import LRUCache

from service.core.answer import Answer
from service.core.calibration import Calibration
from service.core.frozen import Frozen
from service.core.prompt import PromptTemplate, fence_mark
from service.core.rubric import Criterion, criterion_content, digest_of
from service.judges.signals import Told

KNOWN = ("empty", "example")
"""The known answers, and so the signals that they give."""

_MOST_KEPT = 20_000
_MARK = b"golden answers"  # the fence guards against strangers, and these texts are ours


class KnownOdds(Frozen):
    """A file of what one model said: the log odds of yes by key (see `key_of`). Made by `grader eval known`.

    `model` is that model's identity, and `directions` the digest of those by which `along` was measured: of other ones
    the file says nothing.
    """

    version: Literal[1]
    made_by: str
    model: str
    log_odds: Mapping[str, float]
    along: Mapping[str, float] = {}
    directions: str | None = None

    def told(self, key: str, calibration: Calibration | None) -> Told | None:
        """None if that was not asked, or measured by other directions than the calibration's."""
        if key not in self.log_odds:
            return None
        if calibration and calibration.directions and self.directions != calibration.directions_digest:
            return None
        return Told(self.log_odds[key], self.along.get(key, 0.0))


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


def kept_odds(file: KnownOdds | None, model: str, calibration: Calibration) -> MutableMapping[str, Told]:
    """What was told by key, those longest unused making room: to begin with, what the file holds of this model."""
    kept: LRUCache[str, Told] = LRUCache(_MOST_KEPT)
    if file and file.model == model:
        kept.update({key: told for key in file.log_odds if (told := file.told(key, calibration))})
    return kept


@lru_cache(1024)  # requests bring rubrics of their own
def _read(text: str) -> Answer:
    return Answer.of(text)
