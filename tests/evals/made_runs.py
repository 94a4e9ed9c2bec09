"""Runs made by hand: golden answers and the records of a judge that said what the test wants it to have said."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evals.golden import GoldenAnswer, Labels
from evals.records import RECORDS, SETTINGS, Record, Run, RunSettings
from service.catalog import Catalog, read_catalog
from service.core.answer import Answer
from service.core.gates import Flag, FlagKind
from service.core.grade import JudgeReport, grade_of, verdicts_on_nothing
from service.core.rubric import Pitfall, Point, Rubric
from service.core.verdict import Verdict
from tests.builders import PARTS

CATALOG = read_catalog()
INTERVIEW = Path(__file__).parents[2] / "evals" / "golden" / "interview.jsonl"
SETTINGS_OF_A_RUN = RunSettings(
    golden="made.jsonl",
    golden_digest="0" * 64,
    rubrics_digest="1" * 64,
    judge="per_criterion",
    model="scripted",
    identity="scripted@1",
    prompts=("point-v1@0123456789ab",),
)
TEXT = "I would take leaf mould for that bed. Shade keeps the soil cold and damp. So the worms are slow there."


def rubric_of(*points: str, **pitfalls: Any) -> Rubric:
    """Points of these ids and pitfalls by id and kind."""
    return Rubric(
        question="Which compost would you give a shaded bed, and why?",
        points=tuple(Point(id=name, text=f"Names compost {name}") for name in points),
        pitfalls=tuple(Pitfall(id=name, kind=kind, text=f"Recommends peat {name}") for name, kind in pitfalls.items()),
    )


def golden_of(
    name: str,
    rubric: Rubric | str,
    answer: str = TEXT,
    *,
    tags: Sequence[str] = (),
    score: float | None = None,
    **labels: Any,
) -> GoldenAnswer:
    """A golden answer; a label's kind is told by its value and name: a bool is a pitfall's."""
    own = {"question_id": rubric} if isinstance(rubric, str) else {"rubric": rubric}
    pitfalls = {key: value for key, value in labels.items() if isinstance(value, bool)}
    star = {key: value for key, value in labels.items() if key in PARTS}
    points = {key: value for key, value in labels.items() if key not in pitfalls and key not in star}
    return GoldenAnswer.model_validate(
        {
            "id": name,
            "answer": answer,
            "labels": Labels.model_validate({"points": points, "pitfalls": pitfalls, "star": star}),
            "score": score,
            "language": "en",
            "tags": tuple(tags),
            **own,
        }
    )


def levels_of(answer: GoldenAnswer) -> dict[str, str]:
    """The human's labels as the levels of a judge that agrees throughout."""
    levels = {**answer.labels.points, **{part.value: level for part, level in answer.labels.star.items()}}
    return levels | {name: "committed" if yes else "avoided" for name, yes in answer.labels.pitfalls.items()}


def record_of(
    answer: GoldenAnswer,
    levels: Mapping[str, str] | None = None,
    *,
    odds: Mapping[str, float] | None = None,
    reading: int = 0,
    seconds: float = 2.0,
    cost_usd: float | None = 0.01,
    sentences: tuple[int, ...] = (),
    catalog: Catalog = CATALOG,
) -> Record:
    """A record of these levels (else the human's own), with these probabilities; what has no level is unassessed."""
    rubric = answer.rubric_in(catalog)
    given = levels_of(answer) if levels is None else levels
    judged = {criterion.id for criterion in rubric.judged}
    verdicts = {
        name: Verdict.model_validate(
            {
                "criterion_id": name,
                "level": level,
                "probability": (odds or {}).get(name),
                "reason": f"because of {name}",
                "sentences": sentences if level in ("met", "partial", "present", "committed") else (),
                "model": "scripted",
                "prompt": "point-v1@0123456789ab",
            }
        )
        for name, level in given.items()
        if name in judged
    }
    judge = JudgeReport(
        name="per_criterion", model="scripted", calls=3, input_tokens=100, cached_input_tokens=40, output_tokens=3,
        cost_usd=cost_usd, seconds=seconds,
    )  # fmt: skip
    grade = grade_of(
        rubric, catalog.rules, Answer.of(answer.answer), (), verdicts, judge=judge, cache="miss", request_id="r"
    )
    return Record(golden_id=answer.id, reading=reading, grade=grade, seconds=seconds)


def with_confidence(record: Record, confidences: Mapping[str, float], disputed: tuple[str, ...] = ()) -> Record:
    """The record with these confidences of points and pitfalls, the rest unknown, and these verdicts disputed."""
    assert record.grade
    graded = {
        part: tuple(
            c.model_copy(update={"confidence": confidences.get(c.id), "disputed": c.id in disputed})
            for c in getattr(record.grade, part)
        )
        for part in ("points", "pitfalls")
    }
    return record.model_copy(update={"grade": record.grade.model_copy(update=graded)})


def abstained_of(answer: GoldenAnswer, catalog: Catalog = CATALOG) -> Record:
    """A record of an answer that no judge was asked about."""
    rubric = answer.rubric_in(catalog)
    flags = (Flag(kind=FlagKind.EMPTY, start=0, end=0),)
    judge = JudgeReport(name="per_criterion")
    grade = grade_of(
        rubric, catalog.rules, Answer.of(answer.answer), flags, verdicts_on_nothing(rubric),
        judge=judge, cache=None, request_id="r",
    )  # fmt: skip
    return Record(golden_id=answer.id, grade=grade, seconds=0.0)


def failed_of(answer: GoldenAnswer, error: str = "JudgeTimedOut: the deadline passed", reading: int = 0) -> Record:
    """A record of an answer whose judge failed."""
    return Record(golden_id=answer.id, reading=reading, grade=None, error=error, seconds=1.0)


def run_of(*records: Record, **settings: Any) -> Run:
    """A run of these records."""
    return Run(SETTINGS_OF_A_RUN.model_copy(update=settings), records)


def settings_for(file: Path, **settings: Any) -> RunSettings:
    """Settings of a run over this golden file."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return SETTINGS_OF_A_RUN.model_copy(update={"golden": str(file), "golden_digest": digest, **settings})


def written(folder: Path, run: Run) -> Path:
    """The run on disk, as the runner leaves it."""
    folder.mkdir(parents=True)
    (folder / SETTINGS).write_text(run.settings.model_dump_json(), encoding="utf-8")
    lines = "".join(f"{record.model_dump_json()}\n" for record in run.records)
    (folder / RECORDS).write_text(lines, encoding="utf-8")
    return folder


def golden_file(path: Path, *answers: GoldenAnswer) -> Path:
    """The golden answers on disk."""
    rows = [answer.model_dump(mode="json", exclude_none=True) for answer in answers]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def nearly_perfect(golden: Iterable[GoldenAnswer], rng: np.random.Generator, flipped: float = 0.0) -> list[Record]:
    """A judge that says what the human said, with odds on its side, but for this share of verdicts, drawn anew.

    Its probability of the right level lies between 0.75 and 0.95; a flipped verdict is another level, as sure.
    """
    records = []
    for answer in golden:
        levels, odds = levels_of(answer), {}
        for name, right in levels.items():
            others = [other for other in _family(name, right) if other != right]
            level = str(rng.choice(others)) if rng.random() < flipped else right
            sure = 0.75 + 0.2 * rng.random()
            levels[name] = level
            odds[name] = sure if level in ("met", "present", "committed") else 0.5 if level == "partial" else 1 - sure
        records.append(record_of(answer, levels, odds=odds))
    return records


def _family(name: str, level: str) -> tuple[str, ...]:
    if level in ("avoided", "committed"):
        return ("avoided", "committed")
    return ("absent", "partial", "present") if name in PARTS else ("missed", "partial", "met")
