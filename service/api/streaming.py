"""Replies that are told as they come about: server-sent events of one grade, and what all streamed replies share."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic_core import from_json, to_json
from starlette.responses import StreamingResponse
from starlette.types import Send

from service.api.problems import BadRequest, problem_of
from service.api.surroundings import log_fault
from service.core.errors import GradingError
from service.core.grade import Grade
from service.core.rubric import Rubric, RubricSet
from service.grading import Grader, Wish

EVENT_STREAM = "text/event-stream"
SILENCE_SECONDS = 15.0  # proxies close what is silent for longer, often after 30 or 60


class Streamed(StreamingResponse):
    """A reply whose making stops when its reader leaves. Starlette stops reading it then, but leaves it open."""

    body_iterator: AsyncGenerator[bytes, None]

    def __init__(self, content: AsyncGenerator[bytes, None], media_type: str) -> None:
        # Of proxies, nginx would gather all of a reply before it passes any of it on.
        super().__init__(
            content, media_type=media_type, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self.body_iterator):
            await super().stream_response(send)


def wants_events(request: Request) -> bool:
    """Whether the caller accepts server-sent events: then it gets them."""
    accepted = request.headers.get("accept", "").lower().split(",")
    return EVENT_STREAM in (kind.partition(";")[0].strip() for kind in accepted)


def events_reply(grader: Grader, rubric: Rubric, rules: RubricSet, answer: str, wish: Wish) -> Streamed:
    """A `verdict` event for each verdict as it is known, and one `grade` event last. Raises ImpossibleOption."""
    grader.chain_for(wish)  # what is impossible is told in the status line, while there is one
    return Streamed(kept_alive(_events(grader, rubric, rules, answer, wish), SILENCE_SECONDS), EVENT_STREAM)


def failed(error: Exception, request_id: str) -> dict[str, Any]:
    """The end of what has no status line of its own. A fault of ours is logged, and tells nothing of the inside."""
    if not isinstance(error, GradingError | BadRequest):
        log_fault(error, request_id)
    return {
        "status": "failed",
        "problem": from_json(bytes(problem_of(error, request_id).body)),
        "request_id": request_id,
    }


async def kept_alive(chunks: AsyncGenerator[bytes, None], seconds: float) -> AsyncGenerator[bytes, None]:
    """The chunks, and a comment wherever none came for so long. Closed, it stops them."""
    coming = asyncio.ensure_future(anext(chunks, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=seconds)
            if not coming.done():
                yield KEEPALIVE_COMMENT
                continue
            chunk = coming.result()
            if chunk is None:
                return
            yield chunk
            coming = asyncio.ensure_future(anext(chunks, None))
    finally:
        if coming.done():
            await chunks.aclose()
        else:
            coming.cancel()


async def _events(
    grader: Grader, rubric: Rubric, rules: RubricSet, answer: str, wish: Wish
) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(grader.stream(rubric, rules, answer, wish)) as steps:
            async for step in steps:
                yield _event("grade" if isinstance(step, Grade) else "verdict", step.model_dump_json())
    except Exception as error:  # the status line is gone: this is all that can still be told
        yield _event("grade", to_json(failed(error, wish.request_id)).decode())


def _event(name: str, data: str) -> bytes:
    return format_sse_event(event=name, data_str=data)
