"""`grader eval known`: what the local model says before answers that are known, asked or taken from a run."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import progress

from service.cli.console import err, out, shown
from service.cli.eval_reports import Golden, catalog_now, measuring, write
from service.cli.failing import fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service import bootstrap
    from service.catalog import Catalog
    from service.core.rubric import Rubric
    from service.judges.known import KnownOdds

Wording = Annotated[int, typer.Option(min=1, help="Which of the judge's wordings, from 1.")]


def known(
    *,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the odds.")],
    run: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Ask nothing: take what this run over the whole catalog was told (--all-odds).",
            show_default=False,
        ),
    ] = None,
    golden: Golden = None,
    wording: Wording = 1,
) -> None:
    """Ask the local model about answers that are known, for the calibration to set a candidate's odds against.

    For each criterion of the catalog: what it says of an answer without content, and of the rubric's example. Asked
    ahead, no grade waits for them; for a rubric that comes in a request the service asks by itself, once.

    \b
    Examples:
      grader eval known --out service/judges/known-v8.json
      grader eval known --from evals/runs/golden --out service/judges/known-v8.json
    """
    with measuring():
        chosen, catalog = wording_of(wording), catalog_now()
        if run:
            told = _told_in(run, golden, chosen, catalog)
        else:
            told = asyncio.run(_asked(chosen, catalog.listed, "grader eval known over the catalog"))
    write({file: (told.model_dump_json(indent=1) + "\n").encode()})
    out().print(shown(f"written: {file}"), soft_wrap=True)


def _told_in(run: Path, golden: Path | None, chosen: "bootstrap.Wording", catalog: "Catalog") -> "KnownOdds":
    from evals.known import file_of, found, model_of
    from evals.opening import opened
    from evals.replayed import Known
    from service.catalog import read_json
    from service.core.calibration import Calibration

    this = opened(run, catalog, golden)
    calibration = read_json(chosen.calibration, Calibration)
    heard = Known.of(this.golden, this.run.records, catalog, chosen.prompts, None)
    try:
        model, told = model_of(this.run.settings.identity), found(heard, catalog.listed, calibration)
    except ValueError as error:
        fail(f"{run}: {error}; record a run over the whole catalog with --all-odds, or leave --from out")
    made_by = f"grader eval known from a run over {this.path.name} (sha256 {this.run.settings.golden_digest[:12]})"
    return file_of(told, model, calibration, made_by)


async def _asked(chosen: "bootstrap.Wording", rubrics: "Sequence[Rubric]", made_by: str) -> "KnownOdds":
    from evals.known import asked, file_of
    from service.bootstrap import per_criterion
    from service.models.local import LocalModel
    from service.models.weights import fetch

    model = LocalModel(fetch())
    try:
        await model.warm()
        judge = per_criterion(model, chosen, known=None)
        with progress.Progress(console=err(), disable=not err().is_terminal) as bars:
            task = bars.add_task("Asking", total=len(rubrics))
            async for _ in asked(judge, rubrics):
                bars.advance(task)
        return file_of(judge.known, model.identity, judge.calibration, made_by)
    finally:
        await model.close()


def wording_of(number: int) -> "bootstrap.Wording":
    from service.bootstrap import WORDINGS

    if number > len(WORDINGS):
        fail(f"--wording {number}: the judge has {len(WORDINGS)}")
    return WORDINGS[number - 1]
