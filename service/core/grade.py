"""The Grade: the reply of `POST /grade`, put together from verdicts. The contract's names live here."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import model_serializer, SerializerFunctionWrapHandler

from service.core.answer import Answer
from service.core.feedback import Feedback, feedback
from service.core.frozen import Frozen
from service.core.gates import Flag, FlagKind, nothing_to_grade
from service.core.rubric import Pitfall, Point, Rubric, RubricSet, StarPart, rubric_version
from service.core.scoring import Band, score
from service.core.star import order_kept, ownership, quantified_result
from service.core.verdict import Mention, Verdict, Verdicts, settle


class Evidence(Frozen):
    """A span of the answer exactly as received: `answer[start:end] == text`, in Unicode code points."""

    start: int
    end: int
    text: str


class PartGrade(Frozen):
    """A STAR part's verdict. All but `verdict` is null or empty where it is unassessed."""

    verdict: Literal["present", "partial", "absent", "unassessed"]
    confidence: float | None = None
    reason: str | None = None
    evidence: tuple[Evidence, ...] = ()
    model: str | None = None
    prompt: str | None = None


class PointGrade(PartGrade):
    """A point's verdict; `model` and `prompt` are null where code derived it."""

    id: str
    text: str
    verdict: Literal["met", "partial", "missed", "unassessed"]  # type: ignore[assignment]


class PitfallGrade(PartGrade):
    """A pitfall's verdict; `mention` is null where it is unassessed or the answer was not read by a judge."""

    id: str
    text: str
    verdict: Literal["committed", "avoided", "unassessed"]  # type: ignore[assignment]
    mention: Mention | None = None
