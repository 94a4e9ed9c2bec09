"""`grader eval known | calibrate | regrade`: what a judge per criterion makes of its odds: asked, fitted, tried."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import progress

from service.cli.console import err, out, shown
from service.cli.eval_reports import Golden, Run, catalog_now, measuring, write
from service.cli.failing import fail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evals import opening, records
    from service import bootstrap
    from service.catalog import Catalog
    from service.core.rubric import Rubric
    from service.judges.known import KnownOdds

_BARE = "; without an example answer: "
"""What stands before how the rest of a calibration was made that keeps the most of another."""

Wording = Annotated[int, typer.Option(min=1, help="Which of the judge's wordings, from 1.")]


def calibrate(
    run: Run,
    *,
    golden: Golden = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            "--also",
            metavar="RUN",
            help="Fit to this run too. Its golden file says which questions it is of; may be given more than once.",
            show_default=False,
        ),
    ] = None,
    wording: Wording = 1,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A calibration: fit anew only how points are read in rubrics without an example answer.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write the calibration; else it is printed."),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            "--held-out",
            metavar="DIR",
            help="Write the run graded anew, each question by a calibration that has not seen it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fit the calibration of per_criterion to the labels of a recorded run. No model is asked.

    The run should have been recorded with --all-odds: then directions are fitted too, which tell more than yes and no
    do. After it `grader eval known` has to be run anew. What a calibration is worth on new questions shows where it has
    not seen them: report on --held-out DIR, not on a run that it was fitted to. Two answers that are tagged as a pair
    (`pair:NAME`, `side:a` and `side:b`) are fitted to lie alike; they need no labels. What is held out is a question,
    in the runs of --also too, and it is RUN's answers that are graded anew. What --keep takes over is not held out.

    \b
    Examples:
      grader eval run evals/golden/interview.jsonl --all-odds --out evals/runs/golden
      grader eval run evals/golden/practice.jsonl --all-odds --out evals/runs/practice
      grader eval run evals/golden/fairness.jsonl --all-odds --out evals/runs/fairness
      grader eval calibrate evals/runs/golden --also evals/runs/practice --also evals/runs/fairness
      grader eval calibrate evals/runs/golden --held-out evals/runs/golden-held-out
      grader eval report evals/runs/golden-held-out
      grader eval calibrate evals/runs/statements --also evals/runs/golden --keep service/judges/calibration-v6.json
    """
    with measuring():
        from evals import calibrate as fitting
        from evals.opening import opened, together
        from evals.regrade import regraded
        from evals.replayed import Known, question_of, rows_of
        from service.catalog import read_json
        from service.core.calibration import Calibration
        from service.judges.known import KnownOdds

        chosen = _wording(wording)
        prompts, told = chosen.prompts, read_json(chosen.known, KnownOdds)
        catalog = catalog_now()
        this = opened(run, catalog, golden)
        all_runs = (this, *(opened(path, catalog) for path in also or ()))
        for one, path in zip(all_runs, (run, *(also or ())), strict=True):
            _refuse_without_odds(one.run, prompts, path)
            _refuse_other_model(one.run, this.run, path)
        try:
            answers, records = together(all_runs)
        except ValueError as error:
            fail(f"{run}: {error}")
        rows = rows_of(answers, records, catalog, prompts, told)
        before = read_json(keep, Calibration) if keep else None
        made_by = f"grader eval calibrate over {_named(all_runs)}"
        note = f"{len(rows.rows)} labelled criteria; {this.run.settings.model}"
        if before:
            made_by = f"{before.made_by.partition(_BARE)[0]}{_BARE}{made_by}"
            note = f"{before.note.partition(_BARE)[0]}{_BARE}{sum(row.kind == 'point' for row in rows.rows)} points"
        try:
            fitted = fitting.calibrated(rows, made_by, note, before)
            others = fitting.held_out(rows, set(map(question_of, this.golden)), before) if held_out else {}
        except ValueError as error:
            fail(f"{run}: {error}; label more answers")
        if held_out:
            # Answers without label or twin have had no part in the fit, so what all others gave has not seen them.
            unlabelled = dict.fromkeys(map(question_of, this.golden), fitted)
            heard = Known.of(answers, records, catalog, prompts, told)
            _write_run(regraded(this.golden, this.run, catalog, prompts, unlabelled | others, heard), held_out)
    text = fitted.model_dump_json(indent=2) + "\n"
    if file:
        write({file: text.encode()})
    else:
        typer.echo(text, nl=False)
    for path in (file, held_out):
        if path:
            # Where the calibration itself is printed, it is all that stands on standard output.
            (out() if file else err()).print(shown(f"written: {path}"), soft_wrap=True)


def regrade(
    run: Run,
    *,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write the run graded anew.")],
    golden: Golden = None,
    wording: Wording = 1,
) -> None:
    """Grade a recorded run of per_criterion anew by today's calibration, as if it had been judged so.

    No model is asked: the run's raw odds are read again, of which it must have kept all (--all-odds).

    \b
    Example:
      grader eval regrade evals/runs/physics --out evals/runs/physics-now
    """
    with measuring():
        from evals.opening import opened
        from evals.regrade import regraded
        from evals.replayed import Known, question_of
        from service.catalog import read_json
        from service.core.calibration import Calibration
        from service.judges.known import KnownOdds

        catalog, chosen = catalog_now(), _wording(wording)
        this = opened(run, catalog, golden)
        _refuse_without_odds(this.run, chosen.prompts, run)
        calibration = read_json(chosen.calibration, Calibration)
        if calibration.directions and not _keeps_all_odds(this.run):
            fail(f"{run}: it keeps few odds of each reply, and the calibration looks at all; record it with --all-odds")
        by_question = {question_of(answer): calibration for answer in this.golden}
        told = Known.of(this.golden, this.run.records, catalog, chosen.prompts, read_json(chosen.known, KnownOdds))
        try:
            anew = regraded(this.golden, this.run, catalog, chosen.prompts, by_question, told)
        except ValueError as error:
            fail(f"{run}: {error}; record the run with --all-odds")
        _write_run(anew, folder)
    out().print(shown(f"written: {folder}"), soft_wrap=True)


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
      grader eval known --out service/judges/known-v6.json
      grader eval known --from evals/runs/golden --out service/judges/known-v6.json
    """
    with measuring():
        chosen, catalog = _wording(wording), catalog_now()
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


def _wording(number: int) -> "bootstrap.Wording":
    from service.bootstrap import WORDINGS

    if number > len(WORDINGS):
        fail(f"--wording {number}: the judge has {len(WORDINGS)}")
    return WORDINGS[number - 1]


def _named(runs: "Sequence[opening.Opened]") -> str:
    """Which golden files they are of."""
    return " and ".join(f"{one.path.name} (sha256 {one.run.settings.golden_digest[:12]})" for one in runs)


def _refuse_without_odds(run: "records.Run", prompts: "Mapping[str, str]", folder: Path) -> None:
    """All of its verdicts would be lost."""
    asked = {reply.about.partition("@")[0] for record in run.records for reply in record.replies}
    if not asked & set(prompts.values()):
        fail(f"{folder}: no odds of {', '.join(sorted(prompts.values()))} in it; record a run of per_criterion first")


def _refuse_other_model(run: "records.Run", wanted: "records.Run", folder: Path) -> None:
    """Odds of two models have nothing in common."""
    if run.settings.model != wanted.settings.model:
        fail(f"{folder}: is of the model {run.settings.model!r}, the first run of {wanted.settings.model!r}")


def _keeps_all_odds(run: "records.Run") -> bool:
    from evals.directions import is_wide

    return any(is_wide(reply.first_token_odds or {}) for record in run.records for reply in record.replies)


def _write_run(run: "records.Run", folder: Path) -> None:
    from evals.records import journal

    with journal(folder, run.settings, resume=False) as written:
        for record in run.records:
            written.add(record)
