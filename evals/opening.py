"""Find what a run was made of: its records, and the golden answers that they are of."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evals.golden import GoldenAnswer, read_golden
from evals.records import RECORDS, SETTINGS, Record, Run, RunSettings, read_run
from service.catalog import HOME, Catalog
from service.core.errors import BadFile

FOLDERS = (HOME / "evals" / "golden", HOME / "evals" / "public")


class Opened(NamedTuple):
    """A run with its golden answers."""

    golden: tuple[GoldenAnswer, ...]
    run: Run
    path: Path  # of the golden file


def opened(folder: Path, catalog: Catalog, golden: Path | None = None) -> Opened:
    """The run in this folder. `golden` says where its golden file is; None: where run.json says, or where ours lie.

    Raises BadFile: where a file is missing or has changed since, or records are of answers it does not hold.
    """
    run = read_run(folder)
    if run.settings.attacks:
        raise BadFile(folder / SETTINGS, [(None, "is of attacks; `grader eval attack` reports on those itself")])
    path = golden_path(folder, run.settings, golden)
    answers = read_golden(path, catalog)
    strange = sorted({record.golden_id for record in run.records} - {answer.id for answer in answers})
    if strange:
        some = ", ".join(strange[:3])
        raise BadFile(
            folder / RECORDS, [(None, f"{len(strange)} records are of no answer in {path}: {some} …; take another run")]
        )
    if not run.records:
        raise BadFile(folder / RECORDS, [(None, "no records yet; go on with the run: `grader eval run … --resume`")])
    return Opened(answers, run, path)


def opened_beside(folder: Path, other: Opened, catalog: Catalog) -> Opened:
    """Another run over the same golden file. Raises BadFile if it is over another."""
    settings = read_run(folder).settings
    wanted = other.run.settings
    if settings.golden_digest != wanted.golden_digest:
        problem = (
            f"is over {settings.golden!r} (sha256 {settings.golden_digest[:12]}), the other over {wanted.golden!r} "
            f"({wanted.golden_digest[:12]}); only runs over one golden file can be compared"
        )
        raise BadFile(folder / SETTINGS, [(None, problem)])
    return opened(folder, catalog, other.path)


def together(runs: Sequence[Opened]) -> tuple[tuple[GoldenAnswer, ...], tuple[Record, ...]]:
    """All their golden answers, and all records. Raises ValueError where two runs are of answers with one id."""
    golden = tuple(answer for one in runs for answer in one.golden)
    counts = Counter(answer.id for answer in golden)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"{len(twice)} answers are in two of the golden files, such as {twice[0]!r}; take each once")
    return golden, tuple(record for one in runs for record in one.run.records)


def golden_path(folder: Path, settings: RunSettings, given: Path | None) -> Path:
    """The golden file with the digest that the run was made with. Raises BadFile."""
    named = Path(settings.golden)
    places = [given] if given else [named, *(place / named.name for place in FOLDERS)]
    there = [place for place in places if place.is_file()]
    for place in there:
        if hashlib.sha256(place.read_bytes()).hexdigest() == settings.golden_digest:
            return place
    if there:
        changed = f"{there[0]} has changed since the run (wanted: sha256 {settings.golden_digest[:12]}…)"
        raise BadFile(folder / SETTINGS, [(None, f"{changed}; bring that file back, or run again")])
    looked = ", ".join(str(place) for place in places)
    raise BadFile(folder / SETTINGS, [(None, f"its golden file is not at {looked}; say where: --golden FILE")])
