"""Runs of a judge per criterion over a model whose odds are made up: golden answers, the service, and a calibration."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evals.golden import GoldenAnswer, Labels
from evals.recording import Recording
from evals.records import Run
from evals.run import Plan, Source, run
from service.bootstrap import WORDINGS, Service
from service.cache import MemoryStore
from service.catalog import Catalog, read_prompts
from service.core.calibration import Calibration
from service.core.prompt import Prompt
from service.core.rubric import Rubric, RubricSet
from service.grading import Grader
from service.judges.per_criterion import PerCriterion
from service.models.scripted import Line, ScriptedModel
from service.settings import Settings
from tests.builders import COMMISSION, OMISSION, ONLY, rubric_of

WORDING = WORDINGS[0].prompts
CATALOG = Catalog({}, RubricSet())
RUBRIC = rubric_of(3, COMMISSION, OMISSION, ONLY, star=True)
TEXT = "I would take leaf mould for bed number {}. Shade keeps the soil cold and damp. So the worms are slow there."


def golden_of(number: int, rubric: Rubric = RUBRIC, answer: str = TEXT) -> GoldenAnswer:
    return GoldenAnswer(id=f"a{number}", rubric=rubric, answer=answer.format(number), labels=Labels())


def odds_of(prompt: Prompt) -> Line:
    """Hangs on nothing but the prompt; now and then neither yes nor no, or no mark."""
    chance = zlib.crc32(f"{prompt.user}{prompt.start}".encode()) % 1000
    if chance % 10 == 0:
        return {"Well": 1.0}
    if prompt.start.endswith("["):
        return {"A": chance / 2000, "B": 0.25, "C": 0.5 - chance / 2000}
    return {"Yes": (chance + 1) / 1002, "No": 1 - (chance + 1) / 1002}


def service_of(calibration: Calibration, script: Callable[[Prompt], Line] = odds_of) -> Service:
    """A service whose only judge goes by this calibration."""
    settings = Settings(_env_file=None, model="scripted:-", secret="evals")
    model = Recording(ScriptedModel(script))
    prompts = read_prompts()
    judge = PerCriterion(model, {kind: prompts[name] for kind, name in WORDING.items()}, calibration)
    store = MemoryStore(100, 60)
    grader = Grader({"per_criterion": (judge,)}, "per_criterion", store, settings.secret_bytes, deadline_seconds=60)
    return Service(settings, CATALOG, grader, store, (model,))


async def run_of(folder: Path, calibration: Calibration, *golden: GoldenAnswer, **plan: Any) -> Run:
    """These answers, graded by that calibration."""
    return await run(service_of(calibration), Source(Path("g.jsonl"), "0" * 64, golden), Plan(**plan), folder)
