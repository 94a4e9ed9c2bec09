"""What callers send: the body of `POST /grade`, read strictly, each wrong field named by its path."""

import json
import re
from contextlib import suppress
from typing import Annotated, Any, Self, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from service.api.problems import BadRequest
from service.core.errors import AnswerTooLong, ImpossibleOption
from service.core.frozen import Frozen
from service.core.rubric import Rubric
from service.grading import Wish
from service.judges.panel import MOST_SAMPLES
from service.metrics import REQUEST_SET

OPEN_OWNER = "open"
"""To whom verdicts belong where there are no API keys."""

LONGEST_ANSWER = 20_000  # code points, before normalisation
LARGEST_RUBRIC = 100_000  # bytes of JSON
LARGEST_BODY = 1_000_000  # bytes; an answer and a rubric at their limits fit, escapes included

_JUDGES = ("default", "one_call", "per_criterion", "panel", "cascade")
_NOT_BUILT = "is not built yet; leave it out"
_Wanted = TypeVar("_Wanted", bound=BaseModel)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Options(Frozen):
    """How to grade; every field may be left out."""

    judge: str = Field(
        default="default",
        description="default, one_call, per_criterion, cascade (needs a strong model), panel (default, with samples)",
    )
    samples: int = Field(
        default=1, ge=1, le=MOST_SAMPLES, description="readings by a panel; their agreement is the confidence"
    )
    feedback_language: str = Field(default="en", description="only en is built")
    max_cost_usd: float | None = Field(default=None, ge=0, description="not built yet")
    deadline_seconds: float | None = Field(default=None, gt=0, le=3600, description="longest time for this grade")

    def refuse_impossible(self) -> None:
        """Raises ImpossibleOption for what is never possible: an option is never ignored in silence."""
        if self.feedback_language != "en":
            raise ImpossibleOption("feedback_language", f"{self.feedback_language!r} {_NOT_BUILT}, or send 'en'")
        if self.max_cost_usd is not None:
            raise ImpossibleOption("max_cost_usd", _NOT_BUILT)
        if self.judge not in _JUDGES:
            raise ImpossibleOption("judge", f"no judge is called {self.judge!r}; there are {', '.join(_JUDGES)}")
        if self.judge == "panel" and self.samples == 1:
            raise ImpossibleOption("samples", f"a panel has 2 to {MOST_SAMPLES} readings; say how many")


class GradeRequest(BaseModel):
    """An answer to grade, with the question's id or a whole rubric."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)

    answer: Annotated[str, Field(strict=True, description="free text, at most 20,000 code points")]
    question_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    rubric: Rubric | None = None
    options: Options = Options()

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.question_id is None) == (self.rubric is None):
            raise ValueError("send one of question_id and rubric, not both and not neither")
        return self

    def wish(self, request_id: str, owner: str, question_set: str = REQUEST_SET) -> Wish:
        """What is asked of the grader beside the answer; `owner`: to whom the verdicts belong."""
        options = self.options
        return Wish(
            judge=None if options.judge in ("default", "panel") else options.judge,
            samples=options.samples,
            deadline_seconds=options.deadline_seconds,
            owner=owner,
            request_id=request_id,
            question_set=question_set,
        )


class AnswerAlone(Frozen):
    """The body of `DELETE /grades`: the answer, as it was sent to be graded."""

    answer: Annotated[str, Field(strict=True, description="as it was sent to be graded")]


async def grade_request(request: Request) -> GradeRequest:
    """The request's body as a value. Raises BadRequest (400, 413, 415) and what `request_of` raises."""
    return request_of(await json_of(request, LARGEST_BODY))


async def answer_alone(request: Request) -> str:
    """The answer that a body holds and nothing else. Raises BadRequest (400, 413, 415, 422), AnswerTooLong."""
    document = await json_of(request, LARGEST_BODY)
    _measure(document)
    return _valid(document, AnswerAlone).answer


async def json_of(request: Request, largest: int) -> Any:
    """The request's body, of so many bytes at most, as a JSON document. Raises BadRequest (400, 413, 415)."""
    if not is_json(request.headers.get("content-type", "")):
        raise BadRequest(415, "Wrong content type", "send the body as Content-Type: application/json")
    return decoded(await _body(request, largest))


def request_of(document: Any) -> GradeRequest:
    """A JSON document as a request. Raises BadRequest (422), AnswerTooLong, ImpossibleOption."""
    _measure(document)
    wanted = _valid(document, GradeRequest)
    wanted.options.refuse_impossible()
    return wanted


def is_json(content_type: str) -> bool:
    """Whether a Content-Type header says so, whatever its parameters."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


def decoded(body: bytes) -> Any:
    """The JSON document, lone surrogates replaced. Raises BadRequest (400)."""
    with suppress(ValueError):
        # Four times as quick, and refuses all that is out of the common, lone surrogates among it. Between documents it
        # keeps the keys alone, and nothing of what a candidate wrote.
        return from_json(body, cache_strings="keys")
    try:
        return _whole(json.loads(body))
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise BadRequest(400, "Not JSON", f"the body cannot be read as JSON: {reason}") from None


def _valid(document: Any, wanted: type[_Wanted]) -> _Wanted:
    try:
        return wanted.model_validate(document)
    except ValidationError as error:
        errors = [
            {"path": ".".join(map(str, e["loc"])) or "body", "message": e["msg"].removeprefix("Value error, ")}
            for e in error.errors(include_input=False)
        ]
        detail = "; ".join(f"{e['path']}: {e['message']}" for e in errors)
        raise BadRequest(422, "Wrong fields", detail, errors) from None  # the error quotes the candidate's text


async def _body(request: Request, largest: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise BadRequest(413, "Body too large", f"the body is over {largest:,} bytes")
    return bytes(body)


def _whole(value: Any) -> Any:
    """The document with lone surrogates replaced one for one, so that all of it can be encoded again."""
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {_whole(key): _whole(item) for key, item in value.items()}
        case _:
            return value


def _measure(document: Any) -> None:
    if not isinstance(document, dict):
        raise BadRequest(422, "Wrong fields", "the body must be a JSON object", [{"path": "", "message": "no object"}])
    answer = document.get("answer")
    if isinstance(answer, str) and len(answer) > LONGEST_ANSWER:
        raise AnswerTooLong(f"the answer has {len(answer):,} code points; at most {LONGEST_ANSWER:,} are read")
    rubric = document.get("rubric")
    size = len(json.dumps(rubric).encode()) if rubric is not None else 0
    if size > LARGEST_RUBRIC:
        message = f"the rubric takes {size:,} bytes as JSON; at most {LARGEST_RUBRIC:,} are read"
        raise BadRequest(422, "Wrong fields", f"rubric: {message}", [{"path": "rubric", "message": message}])
