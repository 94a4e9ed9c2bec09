"""The fake upstream of benchmarks, which can also fail: by status, with a bad body, half-way, or not at all."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bench.upstream import Upstream, reply_to

Ill = Callable[[Mapping[str, Any]], bytes | None]
"""What is sent instead of a good reply to a request; None: nothing, ever."""


@dataclass
class Faulty(Upstream):
    """`ills` by the name of the model that is asked for, each for the next `left[name]` calls or, without that, all."""

    ills: dict[str, Ill] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # asyncio's streams would log that they were
            await super().serve(reader, writer)

    async def _complete(self, request: Mapping[str, Any], reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        name = str(request.get("model"))
        self.asked[name] += 1
        if name in self.ills and self.left.get(name, 1) > 0:
            self.left[name] = self.left.get(name, 2**31) - 1
            said = self.ills[name](request)
            if said is None:
                await reader.read()  # until the caller has gone
            else:
                yield said
            return
        async for piece in super()._complete(request, reader):
            yield piece

    def be_well(self) -> None:
        self.ills.clear()
        self.left.clear()


def status(code: int, **headers: str) -> Ill:
    """That status, with an error body in OpenAI's form."""
    body = json.dumps({"error": {"message": "fault", "type": "fault", "code": None, "param": None}}).encode()
    return lambda _: http(code, body, **headers)


def body(raw: bytes) -> Ill:
    """200, with this body."""
    return lambda _: http(200, raw)


def saying(text: str) -> Ill:
    """A good reply in form, whose text is this."""
    return lambda request: _said(request, text)


def half(request: Mapping[str, Any]) -> bytes:
    """A reply that stops half-way through its verdicts, as at a limit of tokens."""
    text = reply_to(request)
    return _said(request, text[: text.index('"f1"')])


def silence(_: Mapping[str, Any]) -> None:
    """No reply at all: the connection stays open."""


def _said(request: Mapping[str, Any], text: str) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    frame = {"id": "fake", "object": "chat.completion", "created": 1, "model": request["model"]}
    return http(200, json.dumps({**frame, "choices": [choice], "usage": usage}).encode())


def http(code: int, raw: bytes, **headers: str) -> bytes:
    lines = {"content-type": "application/json", "content-length": str(len(raw)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\n{head}\r\n".encode() + raw
