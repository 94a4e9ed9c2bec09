"""A fake OpenAI-compatible upstream that judges nothing: `python -m bench.upstream [--port N] [--latency-ms N]`.

It fills in whatever JSON schema it is sent, after a set time, and counts. So benchmarks can measure the service alone,
and what it asks for. GET /stats tells the counts, POST /reset sets them to nought and may change the times.
It is written straight on asyncio's streams, since on a small machine each millisecond that it spends is taken from what
it measures, and speaks as much HTTP as its callers need: bodies with a Content-Length, keep-alive.
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_PIECE = 4  # characters, about a token
_ID = re.compile(r"^(p\d+|f\d+|situation|task|action|result):", re.MULTILINE)
_HEADER_LIMIT = 2**20


@dataclass
class Times:
    """In milliseconds: `latency` until the first word, `writing` from there to the last."""

    latency: float = 0.0
    writing: float = 0.0


@dataclass
class Stats:
    """What was asked. `left`: callers that were gone before their reply was whole; `most_in_flight`: at one moment."""

    calls: int = 0
    streamed: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    left: int = 0
    input_tokens: int = 0


@dataclass
class Upstream:
    """One fake model server."""

    times: Times = field(default_factory=Times)
    stats: Stats = field(default_factory=Stats)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as the caller keeps it open."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length.group(1))) if length else b""
                method, path = head.split(b" ", 2)[:2]
                async for piece in self._answer(method, path, body, reader):
                    writer.write(piece)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, method: bytes, path: bytes, body: bytes, reader: asyncio.StreamReader
    ) -> AsyncIterator[bytes]:
        match method, path.split(b"?")[0].rstrip(b"/"):
            case b"POST", b"/v1/chat/completions" | b"/chat/completions":
                async for piece in self._complete(json.loads(body), reader):
                    yield piece
            case b"GET", b"/stats":
                yield _whole(asdict(self.stats))
            case b"POST", b"/reset":
                self.stats = Stats(in_flight=self.stats.in_flight)
                self.times = Times(**{**asdict(self.times), **json.loads(body or b"{}")})
                yield _whole(asdict(self.times))
            case b"HEAD", _:
                yield b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
            case b"GET", b"/v1/models":
                yield _whole({"object": "list", "data": [{"id": "fake", "object": "model"}]})
            case _:
                yield _whole({"error": {"message": "no such route", "type": "invalid_request_error"}}, b"404 Not Found")

    async def _complete(self, request: Mapping[str, Any], reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        stats, text = self.stats, self.text_for(request)
        usage = self.usage_of(request, text)
        stats.calls += 1
        stats.input_tokens += usage["prompt_tokens"]
        stats.in_flight += 1
        stats.most_in_flight = max(stats.most_in_flight, stats.in_flight)
        whole = False
        try:
            await asyncio.sleep(self.times.latency / 1000)
            if request.get("stream"):
                stats.streamed += 1
                async for piece in self._written(request, text, usage):
                    if reader.at_eof():
                        return
                    yield piece
            else:
                await asyncio.sleep(self.times.writing / 1000)
                if reader.at_eof():
                    return
                message = {"role": "assistant", "content": text}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                yield _whole({**_frame(request, "chat.completion"), "choices": [choice], "usage": usage})
            whole = True
        finally:
            stats.in_flight -= 1
            stats.left += not whole

    def text_for(self, request: Mapping[str, Any]) -> str:
        """What it says."""
        return reply_to(request)

    def usage_of(self, request: Mapping[str, Any], text: str) -> dict[str, Any]:
        """What it charges for, in OpenAI's form."""
        return _usage(request, text)

    async def _written(self, request: Mapping[str, Any], text: str, usage: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The reply as server-sent events, evenly over the time of writing."""
        frame = _frame(request, "chat.completion.chunk")
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
        yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        began = time.monotonic()
        for number, piece in enumerate(pieces):
            due = began + self.times.writing / 1000 * number / len(pieces)
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            yield _event({**frame, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        yield _event({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if (request.get("stream_options") or {}).get("include_usage"):
            yield _event({**frame, "choices": [], "usage": usage})
        yield _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def reply_to(request: Mapping[str, Any]) -> str:
    """Something of the shape that was asked for; without a schema, an entry for each id that begins a line."""
    schema = ((request.get("response_format") or {}).get("json_schema") or {}).get("schema")
    if schema:
        return json.dumps(_instance(schema, schema.get("$defs", {})), separators=(",", ":"))
    said = "\n".join(str(message.get("content")) for message in request["messages"])
    return json.dumps({name: _entry(name) for name in _ID.findall(said)}, separators=(",", ":"))


def _instance(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    """A value that the schema takes. A pitfall's entry says that nothing of the kind was found."""
    match schema:
        case {"$ref": str(name)}:
            return _instance(parts[name.rpartition("/")[2]], parts)
        case {"anyOf": [first, *_]}:
            return _instance(first, parts)
        case {"enum": [first, *_]}:
            return first
        case {"properties": fields}:
            pitfall = {"as", "level"} <= fields.keys()
            return _entry("f1") if pitfall else {name: _instance(part, parts) for name, part in fields.items()}
        case {"type": "array"}:
            return [_instance(schema.get("items", {}), parts)]
    return {"object": {}, "integer": 1, "number": 1, "boolean": True}.get(
        schema.get("type", ""), "said in the first sentence"
    )


def _entry(name: str) -> dict[str, Any]:
    if name.startswith("f"):
        return {"at": [], "as": "none", "why": "nothing of the kind", "level": "absent"}
    return {"at": [1], "why": "said in the first sentence", "level": "met" if name[0] == "p" else "present"}


def _usage(request: Mapping[str, Any], text: str) -> dict[str, int]:
    """By four characters to a token; a fake's measure, not a tokenizer's."""
    read, written = len(json.dumps(request["messages"])) // 4, len(text) // 4
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _frame(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "fake", "object": kind, "created": 1, "model": request.get("model", "fake")}


def _whole(document: Mapping[str, Any], status: bytes = b"200 OK") -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


def _event(document: Mapping[str, Any]) -> bytes:
    return _chunk(b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def listen(upstream: Upstream, port: int) -> asyncio.Server:
    """On loopback; port 0 takes any free one."""
    return await asyncio.start_server(upstream.serve, "127.0.0.1", port, limit=_HEADER_LIMIT, backlog=1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one; the address is printed")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="until the first word")
    parser.add_argument("--writing-ms", type=float, default=0.0, help="from the first word to the last")
    wanted = parser.parse_args()

    async def run() -> None:
        server = await listen(Upstream(Times(wanted.latency_ms, wanted.writing_ms)), wanted.port)
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
        await server.serve_forever()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


if __name__ == "__main__":
    main()
