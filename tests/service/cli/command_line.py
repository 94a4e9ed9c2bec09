"""The command line as tests call it: away from this machine's settings, with a scripted judge."""

import json
import os
from contextlib import chdir
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from service.cli import app

RUBRIC = """\
id: "1.1"
title: A shaded bed
question: Which compost would you give a shaded bed, and why?
role: Gardener
format: technical
points:
  - {id: p1, text: Names a compost, met_when: one compost is named, partial_when: only the word compost is said}
  - {id: p2, text: Says what shade does to the soil, met_when: one effect is said, partial_when: shade is only named}
pitfalls:
  - {id: f1, kind: commission, text: Recommends peat, committed_when: peat is advised}
example_answer: Leaf mould, for it holds water.
"""
ANSWER = "I would take leaf mould for that bed. Shade keeps the soil cold and damp."
VERDICTS = {
    "p1": {"at": [1], "why": "leaf mould is named", "level": "met"},
    "p2": {"at": [2], "why": "cold and damp", "level": "met"},
    "f1": {"at": [], "as": "none", "why": "no peat", "level": "absent"},
}


def grader(folder: Path, *words: str | Path, stdin: str | bytes = "", **env: str) -> Result:
    """`grader …` run in `folder`, where only the settings given in `env` hold."""
    cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith("GRADER_")}
    with chdir(folder):
        return CliRunner().invoke(
            app, [str(word) for word in words], input=stdin, env={**cleared, "COLUMNS": "110", "NO_COLOR": "1", **env}
        )


def garden(folder: Path, rubric: str = RUBRIC) -> Path:
    """A folder with one rubric."""
    rubrics = folder / "garden"
    rubrics.mkdir()
    (rubrics / "1.1.yaml").write_text(rubric, encoding="utf-8")
    return rubrics


def judged(folder: Path, *replies: Any) -> dict[str, str]:
    """Settings under which the garden's rubric is judged by these replies in turn; of verdicts, their JSON."""
    script = folder / "script.json"
    script.write_text(json.dumps([r if isinstance(r, str) else json.dumps(r) for r in replies]), encoding="utf-8")
    return {
        "GRADER_MODEL": f"scripted:{script}",
        "GRADER_JUDGE": "one_call",
        "GRADER_RUBRICS_DIR": str(garden(folder)),
    }
