"""Draw docs/grade.svg, the page of a real grade by the local model: `python -m bench.picture`."""

import asyncio
import re
from pathlib import Path

from rich.console import Console

from bench.answers import STRONG
from service.api.requests import request_of
from service.catalog import HOME, read_catalog
from service.cli.grade_page import page
from service.cli.judging import graded
from service.models.weights import fetch
from service.settings import Settings


def main() -> None:
    fetch()
    rubric = read_catalog().rubric_for("2.2")
    request = request_of({"question_id": "2.2", "answer": STRONG})
    grade = asyncio.run(graded(Settings(), rubric, request, "picture"))
    console = Console(record=True, width=112, file=Path("/dev/null").open("w"))  # noqa: SIM115 - for the process's life
    console.print(page(rubric, grade, STRONG))
    svg = console.export_svg(title="grader grade 2.2 answer.txt")
    # rich names fonts on a web host; the reader's own monospace serves.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "monospace")
    target = HOME / "docs" / "grade.svg"
    target.write_text(svg, "utf-8")
    print(target)


if __name__ == "__main__":
    main()
