"""What goes wrong at a provider, in errors of our own: litellm's may quote the candidate, and guess by such words."""

import json
import math
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import responses
from typing import Any

import httpx

from service.core.errors import AnswerTooLong, GradingError, JudgeRefused, JudgeTimedOut, JudgeUnavailable

_TRY_AGAIN = (408, 409, 425, 429)
_MENDS = {401: "check its API key", 403: "check what its API key may do", 404: "check the model's name"}
# Machine words such as invalid_api_key. Prose and keys don't look like that, so neither can be quoted by mistake.
_REASON = re.compile(r"(?=.{1,40}$)[a-z]+(_[a-z]+)+")


def translated(error: Any, name: str, litellm: Any) -> GradingError:
    """Ours for one of litellm's, in words of our own."""
    import openai

    status, reason, headers = _status(error), _reason(error), getattr(error, "litellm_response_headers", None)
    unreadable = _sent(error) in range(1, HTTPStatus.BAD_REQUEST)
    if isinstance(error, openai.APITimeoutError) and status != HTTPStatus.GATEWAY_TIMEOUT:
        return JudgeTimedOut(f"{name!r} took too long to answer; allow it more time, or take a faster model")
    too_long = isinstance(error, litellm.ContextWindowExceededError) or reason == "context_length_exceeded"
    if too_long and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return AnswerTooLong(f"the answer is longer than {name!r} can read; shorten it, or take another model")
    said = f"{status} {responses.get(status, '')}".strip() + (f" ({reason})" if reason else "")
    if reason == "insufficient_quota":
        return JudgeRefused(f"{name!r} refused: {said}; its account's quota is spent")
    if status in _TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        what = (
            f"unavailable: {said}"
            if headers and not unreadable
            else "out of reach, or sends no readable reply; check its address"
        )
        return JudgeUnavailable(f"{name!r} is {what}; try again later", _retry_after_seconds(headers))
    return JudgeRefused(f"{name!r} refused: {said}; {_MENDS.get(status, 'trying again will not help')}")


def _status(error: Any) -> int:
    """The status that was sent. litellm also guesses by the words in the reply, in which a candidate may be quoted."""
    sent = _sent(error)
    if sent:
        return sent if sent >= HTTPStatus.BAD_REQUEST else HTTPStatus.INTERNAL_SERVER_ERROR
    return int(getattr(error, "status_code", None) or HTTPStatus.INTERNAL_SERVER_ERROR)


def _sent(error: Any) -> int:
    return int(getattr(error.__context__, "status_code", None) or 0)


def _reason(error: Any) -> str | None:
    """The provider's machine word for what is wrong, from the body of its reply; None where it has none."""
    body = _body(error.__context__)
    body = body.get("error", body) if isinstance(body, dict) else None
    words = [body.get("code"), body.get("type")] if isinstance(body, dict) else []
    return next((word for word in words if isinstance(word, str) and _REASON.fullmatch(word)), None)


def _body(cause: Any) -> Any:
    """As OpenAI's client has parsed it, by which some providers' calls still go; else litellm keeps the text alone."""
    if (parsed := getattr(cause, "body", None)) is not None:
        return parsed
    try:
        return json.loads(getattr(cause, "message", ""))
    except (ValueError, TypeError, RecursionError):
        return None


def _retry_after_seconds(headers: Any) -> float | None:
    """What a Retry-After asks for, in seconds or as a date; None where it makes no sense."""
    value = httpx.Headers(headers).get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(value)) if math.isfinite(float(value)) else None
    with suppress(ValueError, TypeError):  # TypeError: a date without its zone
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return None
