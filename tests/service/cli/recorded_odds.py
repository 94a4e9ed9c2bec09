"""Recorded runs of a judge by odds, small enough to be fitted to in a test."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evals import directions
from evals.records import Run
from tests.builders import PARTS
from tests.service.cli.command_line import grader

TOPICS = {"1.1": "a shaded bed", "1.2": "a sandy bed", "1.3": "a roof garden"}
RUBRIC = """\
id: "{name}"
question: Tell me how you chose a compost for {topic}.
star: true
points:
  - {{id: p1, text: Names a compost}}
  - {{id: p2, text: Says what it does to the soil}}
pitfalls:
  - {{id: f1, kind: commission, text: Recommends peat}}
  - {{id: f2, kind: omission, text: Leaves the costs out, expected: what it costs}}
  - {{id: f3, kind: only, text: Talks of the colour alone, expected: what it is made of}}
"""
CRITERIA = ("p1", "p2", "f1", "f2", "f3", *PARTS)
OTHERS = [f"w{n:02}" for n in range(12)]
"""Tokens beside yes and no; how they stand to each other leans with what the model sees."""
ANSWER = "I took leaf mould for bed number {} in {}. The soil stayed damp there. The worms came back in spring."


EXAMPLE = "example_answer: I took leaf mould for the bed behind the shed. It kept the soil damp.\n"


def rubrics(folder: Path, example: bool = False) -> Path:
    (folder / "rubrics").mkdir(exist_ok=True)
    for name, topic in TOPICS.items():
        text = RUBRIC.format(name=name, topic=topic) + (EXAMPLE if example else "")
        (folder / "rubrics" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "rubrics"


def labels_of(number: int) -> dict[str, Any]:
    """Every level of every kind stands among six answers."""
    point, part = (("missed", "partial", "met"), ("absent", "partial", "present"))
    return {
        "points": {f"p{n}": point[(number + n) % 3] for n in (1, 2)},
        "pitfalls": {f"f{n}": bool((number + n) % 2) for n in (1, 2, 3)},
        "star": {name: part[(number + n) % 3] for n, name in enumerate(PARTS)},
    }


def odds_for(labels: dict[str, Any], rng: np.random.Generator) -> list[dict[str, float]]:
    """What a model says that mostly sees what the human saw. Of the omission it is asked for what should be there.

    First of the question without content, then of each criterion; yes or no, then a mark, each time.
    """
    high = {"met": 0.8, "partial": 0.5, "missed": 0.2, "present": 0.8, "absent": 0.2, True: 0.8, False: 0.2}
    lines = [reply_of(0.5, rng), {"A": 0.4, "B": 0.3, "C": 0.3}]
    for name in CRITERIA:
        said = high[next(kind[name] for kind in labels.values() if name in kind)]
        sure = float(np.clip((1 - said if name == "f2" else said) + rng.normal(0, 0.15), 0.02, 0.98))
        lines += [reply_of(sure, rng), {"A": 0.2, "B": 0.7, "C": 0.1}]
    return lines


def reply_of(sure: float, rng: np.random.Generator) -> dict[str, float]:
    """Yes as likely as that, of what is left by the other tokens."""
    others = {token: 0.001 * float(np.exp((n - 6) * (sure - 0.5) / 3 + rng.normal())) for n, token in enumerate(OTHERS)}
    return {"Yes": 0.9 * sure, "No": 0.9 * (1 - sure), **others}


@pytest.fixture(autouse=True)
def few_tokens_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "WIDE", 10)


def recorded(
    folder: Path,
    *,
    unlabelled: bool = False,
    names: tuple[str, ...] = tuple(TOPICS),
    all_odds: bool = True,
    of: str = "beds",
    run: str = "run",
    pairs: bool = False,
    example: bool = False,
) -> dict[str, str]:
    """A run of per_criterion in `run`, six answers to each question, and the settings it was made with."""
    rng = np.random.default_rng(31)
    rows, script = [], []
    for name in names:
        for n in range(6):
            labels = {} if unlabelled and name == names[-1] else labels_of(n)
            text = ANSWER.format(n, TOPICS[name])
            tags = [f"pair:{name}", f"side:{'ab'[n]}"] if pairs and n < 2 else []
            rows.append({"id": f"{of}-{name}-{n}", "question_id": name, "answer": text, "labels": labels, "tags": tags})
            known = (0.3, 0.7) if example else (0.3,)
            asked_once = [reply_of(sure, rng) for sure in known if not n for _ in CRITERIA]
            script += asked_once + odds_for(labels_of(n), rng)
    (folder / f"{of}.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (folder / "script.json").write_text(json.dumps(script), encoding="utf-8")
    env = {
        "GRADER_MODEL": f"scripted:{folder / 'script.json'}",
        "GRADER_JUDGE": "per_criterion",
        "GRADER_RUBRICS_DIR": str(rubrics(folder, example)),
    }
    words = ["eval", "run", f"{of}.jsonl", "--out", run, "--workers", "1", *(["--all-odds"] if all_odds else [])]
    result = grader(folder, *words, **env)
    assert result.exit_code == 0, result.stderr
    return env


def verdicts(run: Run) -> list[list[tuple[str, float | None]]]:
    """Of each answer, how each criterion was decided and how probable the highest level is."""
    grades = [record.grade.model_dump() for record in run.records if record.grade]
    decided = [[*grade["points"], *grade["pitfalls"], *(grade["star"][name] for name in PARTS)] for grade in grades]
    return [[(criterion["verdict"], criterion["probability"]) for criterion in criteria] for criteria in decided]
