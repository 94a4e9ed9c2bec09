"""`grader eval calibrate | regrade`: what a judge per criterion makes of its odds: fitted, tried."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.console import err, out, shown
from service.cli.eval_known import Wording, wording_of
from service.cli.eval_reports import Golden, Run, catalog_now, measuring, write
from service.cli.failing import fail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evals import opening, records
    from evals.replayed import Rows
    from service.core.calibration import Calibration

_BARE = "; without an example answer: "
"""What stands before how the rest of a calibration was made that keeps the most of another."""
_MOVED = "; moved: "
_SHORT = "; short answers: "


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
    stated: Annotated[
        Path | None,
        typer.Option(
            "--keep-stated",
            metavar="FILE",
            help="A calibration: take over from it how points are read in rubrics without an example answer.",
            show_default=False,
        ),
    ] = None,
    move: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A calibration: move its directions no farther than these runs ask, and leave its scales as they are.",
            show_default=False,
        ),
    ] = None,
    short: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A calibration: fit anew only what it is worth that an answer is short.",
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
    if sum(map(bool, (keep, stated, move, short))) > 1:
        fail("--keep, --keep-stated, --move and --short: one calibration can be gone on from")
    with measuring():
        from evals import calibrate as fitting
        from evals.opening import opened, together
        from evals.regrade import regraded
        from evals.replayed import Known, question_of, rows_of
        from service.catalog import read_json
        from service.judges.known import KnownOdds

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
        made_by = f"grader eval calibrate over {_named(all_runs)}"
        fit = _fit_from(made_by, this.run.settings.model, keep, stated, move, short)
        own = _tokens_of(base) if (base := move or short) else None
        rows = rows_of(answers, records, catalog, prompts, told, own)
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


def _fit_from(
    made_by: str, model: str, keep: Path | None, stated: Path | None, move: Path | None, short: Path | None
) -> "Callable[[Rows], Calibration]":
    """What makes a calibration of rows: anew, or from the one file that is kept, in part or whole, or moved.

    Raises BadFile.
    """
    from evals import calibrate as fitting
    from service.catalog import read_json
    from service.core.calibration import STATED, Calibration

    before = read_json(base, Calibration) if (base := keep or stated or move or short) else None
    if before and stated and STATED not in before.directions:
        fail(f"{stated}: it has no direction for points in rubrics without an example answer; leave --keep-stated out")

    def fit(rows: "Rows") -> Calibration:
        labelled = f"{len(rows.rows)} labelled criteria"
        if before is None:
            return fitting.calibrated(rows, made_by, f"{labelled}; {model}")
        if stated:
            by, noted = _with_bare(made_by, before.made_by), _with_bare(f"{labelled}; {model}", before.note)
            return fitting.calibrated(rows, by, noted, stated=before)
        if move:
            note = f"{before.note}{_MOVED}{labelled}, {len(rows.pairs)} pairs of them"
            return fitting.moved(rows, f"{before.made_by}{_MOVED}{made_by}", note, before)
        if short:
            whole, noted = (text.partition(_SHORT)[0] for text in (before.made_by, before.note))
            return fitting.shortened(rows, f"{whole}{_SHORT}{made_by}", f"{noted}{_SHORT}{labelled}", before)
        points = f"{sum(row.kind == 'point' for row in rows.rows)} points"
        whole, noted = _but_bare(before.made_by), _but_bare(before.note)
        return fitting.calibrated(rows, f"{whole}{_BARE}{made_by}", f"{noted}{_BARE}{points}", before)

    return fit


def _but_bare(text: str) -> str:
    """How a calibration was made, but for what is now fitted anew."""
    whole, _, bare = text.partition(_BARE)
    return whole + bare.removeprefix(_own_part(bare))


def _with_bare(text: str, former: str) -> str:
    """How a calibration was made of which that part was made as the former."""
    whole, found, bare = former.partition(_BARE)
    return f"{text}{_BARE}{_own_part(bare if found else whole)}"


def _own_part(text: str) -> str:
    """What stands before how it was gone on from."""
    return text.partition(_MOVED)[0].partition(_SHORT)[0]


def _tokens_of(path: Path) -> "tuple[str, ...] | None":
    """Those that a calibration's directions look at; None for one without. Raises BadFile."""
    from service.catalog import read_json
    from service.core.calibration import DIRECTIONS, Calibration

    direction = read_json(path, Calibration).directions.get(DIRECTIONS["point"])
    return tuple(direction.weights) if direction else None


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
