"""`grader grade`: one answer from a file or stdin, as a page to read or as JSON."""

import asyncio
import sys
import uuid
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from service.cli.console import err, out
from service.cli.failing import code_of, fail, plainly, read_settings, read_text, rubric_of
from service.core.errors import GradingError, UnknownQuestion

if TYPE_CHECKING:
    from service.catalog import Catalog


def grade(
    question_id: Annotated[str, typer.Argument(help="The question's id; `grader rubrics list` shows them.")],
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The answer as UTF-8 text; - is stdin.")] = "-",
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON of POST /grade.")] = False,
    judge: Annotated[str, typer.Option(help="one_call, per_criterion, cascade, or panel with --samples.")] = "default",
    samples: Annotated[int, typer.Option(metavar="K", help="Readings; their agreement is the confidence.")] = 1,
    deadline: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Longest time for the grade.", show_default=False)
    ] = None,
) -> None:
    """Grade one answer and show the evidence.

    Exit codes: 0 graded (whatever the score), 2 wrong use, 3 the judge is unreachable or failed.

    \b
    Examples:
      grader grade 2.2 answer.txt
      pbpaste | grader grade 1.1 --deadline 60
      grader grade 2.2 answer.txt --json | jq .score
      grader grade 2.2 answer.txt --judge one_call --samples 3
    """
    settings = read_settings()
    answer = _answer(file)
    request_id = uuid.uuid4().hex
    from service.api.problems import BadRequest
    from service.api.requests import request_of
    from service.catalog import RUBRICS, read_catalog
    from service.cli import grade_page, judging

    catalog = None
    try:
        options = {"judge": judge, "samples": samples, "deadline_seconds": deadline}
        request = request_of({"question_id": question_id, "answer": answer, "options": options})
        catalog = read_catalog(settings.rubrics_dir or RUBRICS)
        rubric = catalog.rubric_for(question_id)  # before a model is loaded
        with _spinner(quiet=as_json):
            result = asyncio.run(judging.graded(settings, rubric, request, request_id))
    except (GradingError, BadRequest) as error:
        if as_json:
            typer.echo(judging.problem_json(error, request_id))
            raise typer.Exit(code_of(error)) from None
        _say(error, catalog, question_id)
    if as_json:
        typer.echo(result.model_dump_json().encode())  # as bytes: the terminal's encoding must not change it
    else:
        out().print(grade_page.page(rubric, result, answer))


def _answer(file: str) -> str:
    with plainly():
        if file != "-":
            return read_text(Path(file))
        if sys.stdin.isatty():
            err().print("Type or paste the answer; end with Ctrl-D on a line of its own.")
        return _decoded(sys.stdin.buffer.read())


def _decoded(received: bytes) -> str:
    try:
        return received.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(f"stdin: is not UTF-8 text ({error.reason} at byte {error.start}); send it so")


def _spinner(quiet: bool) -> AbstractContextManager[object]:
    console = err()
    return console.status("Judging …") if console.is_terminal and not quiet else nullcontext()


def _say(error: Exception, catalog: "Catalog | None", question_id: str) -> NoReturn:
    if isinstance(error, UnknownQuestion) and catalog:
        rubric_of(catalog, question_id)
    fail(str(error), code_of(error))
