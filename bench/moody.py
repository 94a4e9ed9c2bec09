"""The fake upstream with a mood: verdicts that vary, replies that stop half-way, errors and silence, in known shares.

It charges by OpenAI's usage fields, cached input included, so what each call costs is known on both sides of the wire.
"""

import asyncio
import json
import random
import re
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.faulty import Faulty, Ill, silence, status
from bench.upstream import listen, reply_to

HOPELESS = "Nobody will ever make sense of this one."
"""Stands in an answer to which every reply is prose: paid for, and not to be read."""
_TAG = re.compile(r"This was case (\w+)\.")
_PROSE = "A thoughtful answer, on the whole."
_END = b"0\r\n\r\n"  # of a stream
_CACHED_PART = 0.6  # of a prompt, from the second on to the same question: what all answers to it share
_BLOCK = 128  # tokens; providers remember prompts in such


class Bill(NamedTuple):
    """One call that was answered to the end: by which model, to which answer, and what was charged for."""

    model: str
    tag: str
    usage: Mapping[str, Any]


def tagged(text: str, tag: object) -> str:
    """An answer by which the upstream can tell it from others."""
    return f"{text} This was case {tag}."


def tag_of(text: str) -> str:
    """The last of a text; empty where there is none."""
    return str((_TAG.findall(text) or [""])[-1])


@dataclass(frozen=True)
class Mood:
    """`good`: how often a criterion is found met. The others: shares of calls that end so; `ill` fails all."""

    good: float = 0.7
    half: float = 0.0
    prose: float = 0.0
    limited: float = 0.0
    silent: float = 0.0
    ill: Ill | None = None
    seconds: float = 0.25


@dataclass
class Moody(Faulty):
    """`moods` by the name of the model that is asked for. Seeded: the same calls are answered the same."""

    moods: dict[str, Mood] = field(default_factory=dict)
    bills: list[Bill] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    _open: dict[int, Bill] = field(default_factory=dict)
    _read_before: set[str] = field(default_factory=set)

    async def _complete(self, request: Mapping[str, Any], reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        mood = self._mood(request)
        said = self._ill(mood)
        if said is not None:
            self.asked[str(request["model"])] += 1
            raw = said(request)
            if raw is None:
                await reader.read()  # until the caller has gone
            else:
                yield raw
            return
        await asyncio.sleep(mood.seconds * self.rng.lognormvariate(0, 0.5))
        if reader.at_eof():  # nobody waits for it any more, and nothing is charged
            return
        last = b""
        async for piece in super()._complete(request, reader):
            last = piece
            yield piece
        bill = self._open.pop(id(request))
        if last and (not request.get("stream") or last.endswith(_END)):  # what is given up is not charged for
            self.bills.append(bill)

    def text_for(self, request: Mapping[str, Any]) -> str:
        mood = self._mood(request)
        if HOPELESS in _said_to(request) or self.rng.random() < mood.prose:
            return _PROSE
        entries: dict[str, Any] = json.loads(reply_to(request))
        for name, entry in entries.items():
            entry.update(self._found(name, mood))
        kept = list(entries)
        if len(kept) > 1 and self.rng.random() < mood.half:
            kept = kept[: len(kept) // 2]
        return json.dumps({name: entries[name] for name in kept}, separators=(",", ":"))

    def usage_of(self, request: Mapping[str, Any], text: str) -> dict[str, Any]:
        usage = super().usage_of(request, text)
        question = _said_to(request).partition("<answer-")[0]
        known, cached = question in self._read_before, int(usage["prompt_tokens"] * _CACHED_PART) // _BLOCK * _BLOCK
        self._read_before.add(question)
        usage["prompt_tokens_details"] = {"cached_tokens": cached if known else 0}
        self._open[id(request)] = Bill(str(request["model"]), tag_of(_said_to(request)), usage)
        return usage

    def _mood(self, request: Mapping[str, Any]) -> Mood:
        return self.moods.get(str(request.get("model")), Mood())

    def _ill(self, mood: Mood) -> Ill | None:
        if mood.ill:
            return mood.ill
        drawn = self.rng.random()
        if drawn < mood.limited:
            return status(429, retry_after="0")
        return silence if drawn < mood.limited + mood.silent else None

    def _found(self, name: str, mood: Mood) -> dict[str, Any]:
        """A level that agrees with itself, whatever the criterion."""
        good, drawn = mood.good, self.rng.random()
        if name.startswith("f"):
            there = drawn > 0.5 + good / 2
            return {"at": [1], "as": "asserts" if there else "none", "level": "present" if there else "absent"}
        high, low = ("met", "missed") if name.startswith("p") else ("present", "absent")
        return {"at": [1], "level": high if drawn < good else "partial" if drawn < (1 + good) / 2 else low}


def _said_to(request: Mapping[str, Any]) -> str:
    """All that the model is given to read."""
    parts = [message["content"] for message in request["messages"]]
    return "\n".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts)


@contextmanager
def at_work(upstream: Moody) -> Iterator[str]:
    """The upstream in a thread, and its address."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    server = loop.run_until_complete(listen(upstream, 0))

    async def work() -> None:
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:  # connections that are still open
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(work(),), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
