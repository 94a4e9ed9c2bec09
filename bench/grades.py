"""Grade four answers to 2.2, locally and through litellm, and show what is remembered: `python -m bench.grades`."""

import time
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.answers import ANSWERS, STRONG
from service.catalog import RUBRICS, read_yaml
from service.core.rubric import Rubric
from service.models.weights import fetch
from tests.processes import grader, model_server
from tests.redis_server import RedisServer

_SECRET = {"GRADER_SECRET": "a secret of the benchmarks", "GRADER_DEADLINE_SECONDS": "300"}
_console = Console(width=150)


def main() -> None:
    fetch()
    with grader(**_SECRET) as client:
        _show("local model, inside the service (per_criterion)", client)
    with model_server(key="sk-bench") as address:
        hosted = {"GRADER_MODEL": "openai/qwen2.5-coder-1.5b", "GRADER_API_BASE": address, "OPENAI_API_KEY": "sk-bench"}
        with grader(**hosted, **_SECRET) as client:
            _show("the same weights behind llama.cpp's server, through litellm (one_call)", client)
    with RedisServer() as redis, grader(GRADER_REDIS_URL=redis.url, **_SECRET) as client:
        _show_memory(redis, client)


def _show(title: str, client: httpx.Client) -> None:
    table = Table(title=title)
    for column in (
        "answer",
        "words",
        "HTTP",
        "status",
        "score",
        "band",
        "bounds",
        "calls",
        "in",
        "cached",
        "out",
        "seconds",
    ):
        table.add_column(column, justify="left" if column in ("answer", "status", "band") else "right")
    for name, answer in ANSWERS.items():
        status, grade, seconds = _graded(client, {"question_id": "2.2", "answer": answer})
        judge = grade.get("judge", {})
        table.add_row(
            *(name, str(len(answer.split())), str(status), grade["status"] if status == 200 else grade["title"]),
            *(str(grade.get("score")), str(grade.get("band")), str(grade.get("score_bounds"))),
            *(str(judge.get(key)) for key in ("calls", "input_tokens", "cached_input_tokens", "output_tokens")),
            f"{seconds:.1f}",
        )
    _console.print(table)


def _show_memory(redis: RedisServer, client: httpx.Client) -> None:
    rubric = read_yaml(RUBRICS / "2.2.yaml", Rubric).model_dump(mode="json", exclude_none=True)
    table = Table(title="what is remembered (local model, Redis)")
    for column in ("request", "HTTP", "cache", "calls", "score", "seconds"):
        table.add_column(column, justify="left" if column in ("request", "cache") else "right")

    def row(name: str, wanted: dict[str, Any]) -> None:
        status, grade, seconds = _graded(client, {"rubric": wanted, "answer": STRONG})
        values = (str(status), grade["cache"], str(grade["judge"]["calls"]), str(grade["score"]), f"{seconds:.3f}")
        table.add_row(name, *values)

    row("first", rubric)
    row("the same again", rubric)
    rubric["points"][2]["text"] = "Explains how the unfairness was found"
    row("wording of p3 edited", rubric)
    rubric["points"][2]["weight"] = 3
    row("weight of p3 edited", rubric)
    redis.stop()
    row("Redis stopped", rubric)
    _console.print(table)


def _graded(client: httpx.Client, body: dict[str, Any]) -> tuple[int, dict[str, Any], float]:
    started = time.perf_counter()
    reply = client.post("/grade", json=body)
    return reply.status_code, reply.json(), time.perf_counter() - started


if __name__ == "__main__":
    main()
