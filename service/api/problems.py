"""Every failure as application/problem+json (RFC 9457), from one table."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse

from service.core.errors import (
    AnswerTooLong,
    BadFile,
    GradingError,
    ImpossibleOption,
    JudgeFailed,
    JudgeRefused,
    JudgeTimedOut,
    JudgeUnavailable,
    StoreUnavailable,
    UnknownQuestion,
    UnreadableVerdict,
    WeightsUnavailable,
)

STATUS_OF: Mapping[type[GradingError], tuple[int, str]] = {
    UnknownQuestion: (404, "No such question"),
    AnswerTooLong: (413, "Answer too long"),
    ImpossibleOption: (422, "Option not available"),
    BadFile: (500, "Broken file"),
    JudgeUnavailable: (503, "Judge unavailable"),
    JudgeTimedOut: (504, "Judge too slow"),
    JudgeRefused: (502, "Judge refused"),
    JudgeFailed: (502, "Judge failed"),
    UnreadableVerdict: (502, "Reply unreadable"),
    StoreUnavailable: (503, "Store unavailable"),
    WeightsUnavailable: (503, "Weights unavailable"),
}
_RETRY_AFTER_SECONDS = 5


class BadRequest(Exception):
    """A request that is wrong in itself; `errors` name each wrong field by its path."""

    def __init__(self, status: int, title: str, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.errors = tuple(errors)


def problem(
    status: int, title: str, detail: str, request_id: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """The response that says so."""
    body = {
        "type": f"urn:answer-grader:problem:{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **more,
    }
    return JSONResponse(body, status, dict(headers or {}), media_type="application/problem+json")


def problem_of(error: Exception, request_id: str) -> JSONResponse:
    """The problem for an error of ours; for any other a 500 that tells nothing of the inside."""
    match error:
        case BadRequest():
            more: dict[str, Any] = {"errors": list(error.errors)} if error.errors else {}
            return problem(error.status, error.title, str(error), request_id, **more)
        case GradingError():
            status, title = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
            fields = _fields(error)
            return problem(status, title, str(error), request_id, _headers(error), **fields)
        case _:
            detail = "This is a fault of the service; its log has more under the request id."
            return problem(500, "Internal error", detail, request_id)


def _fields(error: GradingError) -> dict[str, Any]:
    if isinstance(error, ImpossibleOption):
        return {"errors": [{"path": f"options.{error.option}", "message": error.reason}]}
    return {}


def _headers(error: GradingError) -> dict[str, str]:
    if isinstance(error, JudgeUnavailable):
        return {"Retry-After": str(round(error.retry_after_seconds or _RETRY_AFTER_SECONDS))}
    return {}
