"""Answers a grade that is remembered whole before the routes are asked; all else goes on as if it were not here."""

import time
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import tracing
from service.api.problems import BadRequest
from service.api.replies import Kept, Place, Replies
from service.api.requests import LARGEST_BODY, is_json
from service.core.errors import GradingError


class _Route(NamedTuple):
    path: str


_GRADE = _Route("/grade")


class Front:
    """Plain ASGI. It says nothing of a request that is wrong: the route does, which is given all that was read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_grade(scope):
            await self._app(scope, receive, send)
            return
        started, heard = time.perf_counter(), list[Message]()
        body = await _body(receive, heard)
        replies: Replies = scope["app"].state.parts.replies
        place = _place(replies, body, scope["state"]["owner"]) if body else None
        kept = await _kept(replies, place) if place else None
        if kept:
            tracing.note(cache="hit", whole=True)
            kept.add_up(time.perf_counter() - started)
            scope["route"] = _GRADE  # as the router would, for the metrics
            await _reply(kept.body(scope["state"]["request_id"]), send)
        elif place:
            heard_back = _Hit(send)
            await self._app(scope, _again(heard, receive), heard_back)
            if heard_back.body:
                await replies.keep(place, heard_back.body)
        else:
            await self._app(scope, _again(heard, receive), send)


class _Hit:
    """Passes a response on, and holds the body of one that says it was a hit."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_hit = False
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_hit = message["status"] == 200 and (b"x-cache", b"hit") in message["headers"]
        elif self._is_hit:
            self.body += message.get("body", b"")
        await self._send(message)


def _is_grade(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["path"] != _GRADE.path or scope["method"] != "POST":
        return False
    json = stream = False
    for name, value in scope["headers"]:
        if name == b"content-type":
            json = is_json(value.decode("latin-1"))
        elif name == b"accept":
            stream = stream or b"text/event-stream" in value
    return json and not stream


async def _body(receive: Receive, heard: list[Message]) -> bytes:
    """The body, with each message noted in `heard`; empty where it is over the limit or the caller has left."""
    size = 0
    while size <= LARGEST_BODY:
        message = await receive()
        heard.append(message)
        if message["type"] != "http.request":
            return b""
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(part.get("body", b"") for part in heard) if size <= LARGEST_BODY else b""
    return b""


def _again(heard: list[Message], receive: Receive) -> Receive:
    """What was heard once more, then what is yet to come."""
    left = iter(heard)

    async def again() -> Message:
        return next(left, None) or await receive()

    return again


def _place(replies: Replies, body: bytes, owner: str) -> Place | None:
    """None for what is no request to grade."""
    try:
        return replies.place_of(body, owner)
    except (BadRequest, GradingError):
        return None


async def _kept(replies: Replies, place: Place) -> Kept | None:
    with tracing.span("store read"):
        return await replies.kept(place)


async def _reply(body: bytes, send: Send) -> None:
    headers = [
        (b"x-cache", b"hit"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
