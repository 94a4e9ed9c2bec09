"""What surrounds every request: an id, a count, a time, and a problem where an error got this far. Plain ASGI."""

import logging
import re
import secrets
import time
from http import HTTPStatus

from opentelemetry.trace import Span, StatusCode
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.api.problems import problem_of
from service.tracing import REQUEST_ID, request_span

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CALLER_LEFT = 499  # as nginx counts it; it is sent to nobody
_log = logging.getLogger(__name__)


class Surroundings:
    """Gives each request an id (the caller's `X-Request-Id` where it is sane) and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with request_span(scope["method"], scope["headers"]) as span:
            await self._surrounded(scope, receive, send, span)

    async def _surrounded(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        started, status = time.perf_counter(), 500
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST_ID.set(request_id)
        metrics.REQUESTS_IN_FLIGHT.inc()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = _CALLER_LEFT  # while sending: nobody is there to be answered, and nothing of ours is wrong
        except Exception as error:
            log_fault(error, request_id)
            await problem_of(error, request_id)(scope, receive, send_with_id)
        finally:
            metrics.REQUESTS_IN_FLIGHT.dec()
            seconds, route = time.perf_counter() - started, getattr(scope.get("route"), "path", "unknown")
            metrics.labelled(metrics.REQUESTS, route, str(status)).inc()
            metrics.observe(metrics.labelled(metrics.REQUEST_SECONDS, route), seconds)
            if span.is_recording():
                _describe(span, scope["method"], route, status, request_id)
            if _log.isEnabledFor(logging.INFO):
                said = {"method": scope["method"], "route": route, "status": status, "seconds": round(seconds, 4)}
                _log.info("request answered", extra=said)


def _describe(span: Span, method: str, route: str, status: int, request_id: str) -> None:
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    span.set_attribute("grader.request_id", request_id)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(StatusCode.ERROR)


def log_fault(error: Exception, request_id: str) -> None:
    """The type and the place alone: a message could quote the candidate."""
    _log.error("request %s failed: %s", request_id, type(error).__name__, exc_info=_frames_only(error))


def _request_id(scope: Scope) -> str:
    asked = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return asked if _SANE_ID.fullmatch(asked) else secrets.token_hex(16)


def _frames_only(error: Exception) -> BaseException:
    """Where it happened, without what it said."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
