"""Tokens and calls of a grade, ours and AutoRubric's, on the same twelve criteria: `python -m bench.frugal`.

Both are run, in processes of their own, against one fake upstream that keeps what it is sent; tokens are those of the
messages and the schema, by the tokenizer of gpt-4o-mini that litellm carries. Then the same answer is graded five
times, by the service at one moment. AutoRubric is set up by `make .venv-autorubric/.ready`. Exit code 1: over a bound.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.autorubric_items import Item, items_of
from bench.setting import HOSTED, KEY, command_line, table, verdict
from bench.upstream import Upstream, listen
from evals.golden import GoldenAnswer, Labels
from service.catalog import read_catalog
from service.models.loading import load
from tests.processes import grader

QUESTION = "4.1"
TIMES = 5
BOUNDS = {"default": 0.05, "per_item": 0.4}
_HERE = Path(__file__).resolve().parent


class Recording(Upstream):
    """The fake upstream, keeping each request for a completion."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Mapping[str, Any]] = []

    async def _complete(self, request: Mapping[str, Any], reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        self.requests.append(request)
        async for piece in super()._complete(request, reader):
            yield piece


class Spent(NamedTuple):
    """What one grade took, and how many calls five of the same."""

    calls: int
    tokens: int
    calls_of_five: int


@contextmanager
def recording() -> Iterator[tuple[Recording, str]]:
    """A recording upstream in a thread, and its address."""
    upstream, loop = Recording(), asyncio.new_event_loop()
    server = loop.run_until_complete(listen(upstream, 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield upstream, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def twelve_criteria() -> Item:
    """A question without STAR parts, which have no like in AutoRubric, and its example answer."""
    catalog = read_catalog()
    rubric = catalog.rubric_for(QUESTION)
    labels = Labels(points={p.id: "met" for p in rubric.points}, pitfalls={f.id: False for f in rubric.pitfalls})
    golden = GoldenAnswer(id="example", question_id=QUESTION, answer=str(rubric.example_answer), labels=labels)
    return items_of([golden], catalog, 1, np.random.default_rng(1))[0]


def by_autorubric(mode: str, item: Item, upstream: Recording, address: str, python: Path) -> Spent:
    """AutoRubric in its own environment, five times: it makes the same calls each time.

    Its `per_item` mode cannot read what the fake upstream makes up, and says so; that costs it no further call.
    """
    command = [str(python.absolute()), "-P", str(_HERE / "autorubric_grade.py"), mode, "gpt-4o-mini", address]
    environment = os.environ | {"OPENAI_API_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    upstream.requests.clear()
    lines = f"{item.for_autorubric}\n" * TIMES
    subprocess.run(command, input=lines, env=environment, stdout=subprocess.DEVNULL, text=True, check=True)
    calls = len(upstream.requests)
    return Spent(calls // TIMES, tokens_of(upstream.requests) // TIMES, calls)


def by_ours(item: Item, upstream: Recording, address: str) -> Spent:
    """`grader serve`: once, and another answer five times at once."""
    upstream.requests.clear()
    with grader(GRADER_MODEL=HOSTED, GRADER_API_BASE=address, OPENAI_API_KEY=KEY) as client:

        def grade(answer: str) -> None:
            reply = client.post("/grade", json={"question_id": QUESTION, "answer": answer})
            if reply.status_code != 200 or reply.json()["status"] != "graded":
                raise AssertionError(reply.text)

        grade(item.golden.answer)
        once = list(upstream.requests)
        with ThreadPoolExecutor(TIMES) as pool:
            list(pool.map(grade, [item.golden.answer + " That is all."] * TIMES))
    return Spent(len(once), tokens_of(once), len(upstream.requests) - len(once))


def tokens_of(requests: Sequence[Mapping[str, Any]]) -> int:
    """Of all that a model is given to read: messages, and the schemas of reply and tools."""
    litellm = load()
    read = [[message["content"] for message in request["messages"]] for request in requests]
    schemas = [[request[key] for key in ("response_format", "tools") if request.get(key)] for request in requests]
    texts = [part if isinstance(part, str) else _compact(part) for parts in (*read, *schemas) for part in parts]
    return sum(litellm.token_counter(model="gpt-4o-mini", text=text) for text in texts)


def _compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, default=Path(".venv-autorubric/bin/python"), help="AutoRubric's")
    wanted = parser.parse_args()
    if not wanted.python.exists():
        sys.exit(f"no AutoRubric behind {wanted.python}; `make .venv-autorubric/.ready` sets it up")
    item = twelve_criteria()
    with recording() as (upstream, address):
        ours = by_ours(item, upstream, address)
        theirs = {mode: by_autorubric(mode, item, upstream, address, wanted.python) for mode in BOUNDS}
    ratios = {mode: ours.tokens / spent.tokens for mode, spent in theirs.items()}
    rows = [["ours, one_call", *ours, "", ""]]
    for mode, spent in theirs.items():
        rows.append([f"AutoRubric {mode}", *spent, f"{ratios[mode]:.3f}", verdict(ratios[mode], BOUNDS[mode])])
    note = f"question {QUESTION}, {len(item.criteria)} criteria, its example answer; prompt and schema"
    columns = ["judge", "calls a grade", "tokens a grade", f"calls of {TIMES} the same", "ours / theirs", "bound"]
    print(table(command_line("bench.frugal"), note, columns, rows))
    sys.exit(any(ratios[mode] > bound for mode, bound in BOUNDS.items()))


if __name__ == "__main__":
    main()
