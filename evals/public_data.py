"""Bring others' human-labelled rows into golden form: `python -m evals.public_data FOLDER` writes evals/public/."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evals.golden import GoldenAnswer, Labels
from service.catalog import HOME
from service.core.rubric import Point, Rubric
from service.core.verdict import PointLevel

FILES = ("physics_partial_credit", "kqa_physicians", "saf_english", "judge_attacks")
_LEVELS: Mapping[Any, PointLevel] = {True: "met", False: "missed", "partial": "partial"}


def golden_of(row: Mapping[str, Any]) -> GoldenAnswer:
    """One row as a golden answer: its rubric goes along, its guidance becomes `met_when`, its score is out of 100.

    A criterion without a human's label stays in the rubric and out of the labels. Raises KeyError for a label of an
    unknown kind.
    """
    points = tuple(
        Point(id=item["id"], text=item["text"], met_when=item.get("guidance"), weight=item.get("weight") or 1)
        for item in row["rubric"]
    )
    score = row.get("score")
    tags = [row["dataset"], row.get("attack_family"), "injected" if row.get("injected") else None]
    return GoldenAnswer(
        id=row["item_id"],
        rubric=Rubric(question=row["question"] or "No question was asked.", points=points),
        answer=row["answer"],
        labels=Labels(points={name: _LEVELS[label] for name, label in row["labels"].items()}),
        score=None if score is None else round(100 * score / row["score_max"], 2),
        language="en",
        tags=tuple(tag for tag in tags if tag),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds " + ", ".join(f"{name}.jsonl" for name in FILES))
    folder = parser.parse_args().folder
    for name in FILES:
        rows = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        golden = [golden_of(json.loads(row)) for row in rows]
        lines = [json.dumps(g.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False) for g in golden]
        (HOME / "evals" / "public" / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        print(f"{name}: {len(golden)} answers")


if __name__ == "__main__":
    main()
