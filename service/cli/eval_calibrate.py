"""`grader eval calibrate | regrade`: what a judge per criterion makes of its odds: fitted, tried."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.console import err, out, shown
from service.cli.eval_bases import Keep, Move, Short, Stated, base_of
from service.cli.eval_known import Wording, wording_of
from service.cli.eval_reports import Golden, Run, catalog_now, measuring, write
from service.cli.failing import fail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evals import opening, records


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
    keep: Keep = None,
    stated: Stated = None,
    move: Move = None,
    short: Short = None,
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
    in the runs of --also too, and it is RUN's answers that are graded anew. What --keep and --keep-stated take over is
    not held out, nor what --move and --short start from: they need none of the runs to which that was fitted.

    \b
    Examples:
      grader eval run evals/golden/interview.jsonl --all-odds --out evals/runs/golden
      grader eval run evals/golden/practice.jsonl --all-odds --out evals/runs/practice
      grader eval run evals/golden/fairness.jsonl --all-odds --out evals/runs/fairness
      grader eval calibrate evals/runs/golden --also evals/runs/practice --also evals/runs/fairness
      grader eval calibrate evals/runs/golden --held-out evals/runs/golden-held-out
      grader eval report evals/runs/golden-held-out
      grader eval calibrate evals/runs/statements --also evals/runs/golden --keep service/judges/calibration-v9.json
      grader eval calibrate evals/runs/golden --keep-stated service/judges/calibration-v9.json
      grader eval calibrate evals/runs/talk --move service/judges/calibration-v9.json
      grader eval calibrate evals/runs/brief --short service/judges/calibration-v9.json
    """
    with measuring():
        from evals import calibrate as fitting
        from evals.opening import opened, together
        from evals.regrade import regraded
        from evals.replayed import Known, question_of, rows_of
        from service.catalog import read_json
        from service.judges.known import KnownOdds

        base = base_of(keep=keep, stated=stated, move=move, short=short)
        chosen = wording_of(wording)
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
        fit = base.fit(f"grader eval calibrate over {_named(all_runs)}", this.run.settings.model)
        rows = rows_of(answers, records, catalog, prompts, told, base.tokens)
        try:
            fitted = fit(rows)
            others = fitting.held_out(rows, set(map(question_of, this.golden)), fit) if held_out else {}
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

        catalog, chosen = catalog_now(), wording_of(wording)
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
