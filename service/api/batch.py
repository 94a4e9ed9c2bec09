"""`POST /grade/batch`: many answers in one request, each told in a line of its own as soon as it is graded."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NamedTuple

from fastapi import Request
from pydantic_core import to_json

from service import tracing
from service.api.problems import BadRequest
from service.api.requests import GradeRequest, json_of, request_of
from service.api.streaming import failed
from service.core.grade import Grade

MOST_ITEMS = 100
LARGEST_BATCH = 8_000_000  # bytes; more than a hundred answers at their limit, each with the id of a question
AT_ONCE = 8  # of one batch; the rest of the model's capacity is for other callers
LINES = "application/x-ndjson"
_LONGEST_ID = 200  # characters

GradeOne = Callable[[GradeRequest], Awaitable[Grade]]


class Item(NamedTuple):
    """One entry of a batch, not yet read: what is wrong with it concerns itself alone."""

    place: int
    document: Any


async def items_of(request: Request) -> tuple[Item, ...]:
    """The batch's items. Raises BadRequest (400, 413, 415, 422) for what is wrong with the whole."""
    document = await json_of(request, LARGEST_BATCH)
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise _wrong("items", "a list of grade requests is wanted")
    if unknown := document.keys() - {"items"}:
        raise _wrong(min(unknown), "there is no such field; a batch has items alone")
    if not 1 <= len(items) <= MOST_ITEMS:
        raise _wrong("items", f"1 to {MOST_ITEMS} are read, and there are {len(items)}; POST /jobs will take more")
    return tuple(Item(index, item) for index, item in enumerate(items))


async def lines(items: tuple[Item, ...], grade: GradeOne, request_id: str) -> AsyncGenerator[bytes, None]:
    """A line for each item, in the order in which they are done. Closed, it stops the rest."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def line_of(item: Item) -> bytes:
        async with turns:
            return to_json({"index": item.place, **await _graded(item, grade, request_id)}) + b"\n"

    tasks = [asyncio.create_task(line_of(item)) for item in items]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()


async def _graded(item: Item, grade: GradeOne, request_id: str) -> dict[str, Any]:
    """The line but for its index: the caller's id, and the grade's body or the problem."""
    document, name = item.document, None
    try:
        if isinstance(document, dict) and "id" in document:
            name, document = _id_of(document["id"]), {key: value for key, value in document.items() if key != "id"}
        with tracing.span("item"):
            body = (await grade(request_of(document))).model_dump(mode="json")
    except Exception as error:  # one that fails doesn't fail the rest
        body = failed(error, request_id)
    return {"id": name, **body}


def _id_of(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        raise _wrong("id", f"a string of at most {_LONGEST_ID} characters is wanted")
    return value


def _wrong(path: str, message: str) -> BadRequest:
    return BadRequest(422, "Wrong fields", f"{path}: {message}", [{"path": path, "message": message}])
