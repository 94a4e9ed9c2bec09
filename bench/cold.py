"""CPU of a whole grade through litellm, against one bare call with the same arguments: `python -m bench.cold`.

A grade is everything: gates, prompt, schema, call, reading the reply, scoring. Every answer is new, so nothing is
remembered. The bare call, the grade, a bare call with a pydantic class in place of the schema and the service's own
call alone take turns, five by five, on the same arguments, and what a call leaves to be done after it (litellm logs
behind the caller's back) counts as its own; the upstream is another process. A bare call is made by litellm as it
comes, without what the service sets for speed. Exit code 1: over the bound.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, SecretStr, create_model

from bench.answers import STRONG
from bench.setting import HOSTED, KEY, UpstreamProcess, command_line, table, upstream, verdict
from service.bootstrap import Service, running
from service.grading import Wish
from service.settings import Settings

BOUND = 1.3
_BATCH = 4  # turns whose mean is one draw
_TURN = 5  # calls of a kind in a row
_SETTLE_SECONDS = 0.03  # for what was left to be done in the background
Call = Callable[[], Awaitable[object]]


def settings_for(server: UpstreamProcess, **more: Any) -> Settings:
    """A service whose hosted model is the fake upstream, and whose memory is its own."""
    os.environ.setdefault("OPENAI_API_KEY", KEY)
    more = {"model": HOSTED, "api_base": server.address, "secret": SecretStr("a secret of the benchmarks"), **more}
    return Settings(_env_file=None, **more)


def answers(count: int) -> list[str]:
    """So many answers that nobody has seen before, about 160 words each."""
    return [f"{STRONG} This was release {number}." for number in range(count)]


async def graded(service: Service, answer: str) -> None:
    """One grade that has cost one call."""
    grade = await service.grader.grade(service.catalog.rubric_for("2.2"), service.catalog.rules, answer, Wish())
    if grade.judge.calls != 1 or grade.status != "graded":
        raise AssertionError(f"wanted one call and a whole grade, got {grade.judge.calls} and {grade.status!r}")


async def arguments_of(service: Service, texts: Sequence[str]) -> list[dict[str, Any]]:
    """What the service gives to litellm for each of these answers."""
    import litellm  # loaded by now, and quiet

    noted: list[dict[str, Any]] = []
    complete = litellm.acompletion

    async def noting(**arguments: Any) -> Any:
        noted.append(arguments)
        return await complete(**arguments)

    litellm.acompletion = noting
    try:
        for text in texts:
            await graded(service, text)
    finally:
        litellm.acompletion = complete
    return noted


OURS = ("client", "base_model", "fallbacks")
"""Arguments by which the service tells litellm how to go about a call, not what to ask."""
SWITCH = "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"


async def bare(arguments: Mapping[str, Any]) -> object:
    """One call by litellm as it comes."""
    import litellm

    with as_it_comes():
        return await litellm.acompletion(**plain(arguments))


def plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked, and nothing of how."""
    return {name: value for name, value in arguments.items() if name not in OURS}


@contextmanager
def as_it_comes() -> Iterator[None]:
    """litellm with OpenAI's own client, for the whole process: it reads the service's switch at each call."""
    switch = os.environ.pop(SWITCH)
    try:
        yield
    finally:
        os.environ[SWITCH] = switch


async def measure(server: UpstreamProcess, count: int) -> dict[str, list[float]]:
    """Seconds of CPU, user and system, of a call by its kind: one figure a turn."""
    texts = answers(count)
    async with running(settings_for(server)) as first:
        wanted = await arguments_of(first, texts)
    import litellm

    as_class = _class_of(wanted[0]["response_format"]["json_schema"]["schema"])
    seconds: dict[str, list[float]] = {"bare": [], "grade": [], "pydantic": [], "call": []}
    async with running(settings_for(server)) as service:
        client = (await arguments_of(service, ["In the spring we repaired the pump, and I wrote down how."]))[0][
            "client"
        ]
        for turn in range(count // _TURN):
            own = range(turn * _TURN, (turn + 1) * _TURN)
            calls: list[tuple[str, list[Call]]] = [
                ("bare", [partial(bare, wanted[i]) for i in own]),
                ("grade", [partial(graded, service, texts[i]) for i in own]),
                ("pydantic", [partial(bare, {**wanted[i], "response_format": as_class}) for i in own]),
                ("call", [partial(litellm.acompletion, **{**wanted[i], "client": client}) for i in own]),
            ]
            first_kind = turn % len(calls)
            for name, same in calls[first_kind:] + calls[:first_kind]:
                seconds[name].append(await _spent(same))
    return seconds


async def _spent(calls: Sequence[Call]) -> float:
    """CPU seconds a call, with what it leaves behind."""
    started = time.process_time()
    for call in calls:
        await call()
    await asyncio.sleep(_SETTLE_SECONDS)
    return (time.process_time() - started) / len(calls)


def _class_of(schema: Mapping[str, Any]) -> type:
    """The reply's schema as a pydantic class, for what that costs."""
    kinds = {f"#/$defs/{name}": _entry(name, part["properties"]) for name, part in schema["$defs"].items()}
    fields = {name: (kinds[part["$ref"]], ...) for name, part in schema["properties"].items()}
    whole: type = create_model("Verdicts", __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload]
    return whole


def _entry(name: str, properties: Mapping[str, Any]) -> type:
    levels = Enum(f"Level_{name}", {level: level for level in properties["level"]["enum"]})  # type: ignore[misc]
    fields: dict[str, Any] = {"at": (list[int], ...), "why": (str, ...), "level": (levels, ...)}
    if "as" in properties:
        fields["mention"] = (Literal["asserts", "warns", "negates", "quotes", "omits", "none"], ...)
    made: type = create_model(f"Entry_{name}", __config__=ConfigDict(extra="forbid"), **fields)
    return made


def ratio(over: Sequence[float], under: Sequence[float], rng: np.random.Generator) -> tuple[float, float, float]:
    """Ratio of the medians of batches' means, with 95 % of a bootstrap over batches; the first batch warms up."""
    means = [np.array(list(map(np.mean, _batches(values)[1:]))) for values in (over, under)]
    drawn = rng.integers(len(means[0]), size=(2000, len(means[0])))
    ratios = np.median(means[0][drawn], axis=1) / np.median(means[1][drawn], axis=1)
    return float(np.median(means[0]) / np.median(means[1])), *map(float, np.quantile(ratios, [0.025, 0.975]))  # type: ignore[return-value]


def _batches(values: Sequence[float]) -> list[Sequence[float]]:
    return [values[at : at + _BATCH] for at in range(0, len(values) - _BATCH + 1, _BATCH)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400, help="of each kind")
    wanted = parser.parse_args()
    with upstream() as server:
        seconds = asyncio.run(measure(server, wanted.calls))
    rows, ours = [], 0.0
    titles = {
        "bare": "litellm.acompletion",
        "grade": "a whole grade",
        "call": "… of it litellm",
        "pydantic": "with a class",
    }
    for name, title in titles.items():
        middle, low, high = ratio(seconds[name], seconds["bare"], np.random.default_rng(1))
        ours = middle if name == "grade" else ours
        milliseconds = 1000 * float(np.median(seconds[name][_BATCH:]))
        told = verdict(middle, BOUND) if name == "grade" else ""
        rows.append([title, f"{milliseconds:.2f}", f"{middle:.2f} ({low:.2f} to {high:.2f})", told])
    note = f"CPU of one call, median of {wanted.calls}; ratio to the bare call (95 % of a bootstrap)"
    print(table(command_line("bench.cold"), note, ["call", "CPU ms", "ratio", "bound"], rows))
    sys.exit(ours > BOUND)


if __name__ == "__main__":
    main()
