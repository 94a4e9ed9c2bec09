"""`grader eval run | attack`, and all other commands of `grader eval`: judge golden answers, measure the judge."""

import asyncio
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from service.cli import eval_calibrate, eval_cascade, eval_known, eval_push, eval_reports
from service.cli.console import err, out, shown
from service.cli.failing import Code, fail, plainly, read_settings

if TYPE_CHECKING:
    from evals.attack import AttackReport, Attacks
    from evals.records import Run
    from evals.run import Plan, Source
    from service.catalog import Catalog
    from service.grading import Wish
    from service.settings import Settings

_T = TypeVar("_T")
_SECRET = "evals"  # noqa: S105 - no secret: it stands in where none is set, so that two runs fence alike
_SUBSET = "Only so many answers, drawn at random by --seed."

app = typer.Typer(
    help="Judge golden answers, and measure how well it went.", no_args_is_help=True, rich_markup_mode="rich"
)

Judge = Annotated[str, typer.Option(help="A judge's name, as in POST /grade.")]
Model = Annotated[str | None, typer.Option(help="In place of GRADER_MODEL.", show_default=False)]
Samples = Annotated[int, typer.Option(min=1, help="Readings that are made into one verdict, as in POST /grade.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Answers under way at once; else 1 for local models, 4 for others.", show_default=False),
]
Folder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Else a new one in evals/runs.", show_default=False)
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out; what failed is asked again.")]
Limit = Annotated[int | None, typer.Option(min=1, help=_SUBSET, show_default=False)]
Seed = Annotated[int, typer.Option(min=0, help="Of the draw that --limit makes.")]


@app.command()
def run(
    golden: Annotated[Path, typer.Argument(metavar="GOLDEN", help="A file of golden answers (*.jsonl).")],
    *,
    judge: Judge = "default",
    model: Model = None,
    folder: Folder = None,
    resume: Resume = False,
    workers: Workers = None,
    limit: Limit = None,
    seed: Seed = 1,
    samples: Samples = 1,
    prompt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For one_call, in place of GRADER_ONE_CALL_PROMPT.", show_default=False),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Read each answer so often, to see what changes by itself.")] = 1,
    shuffle: Annotated[
        int | None,
        typer.Option(min=0, metavar="SEED", help="Put points and pitfalls in another order.", show_default=False),
    ] = None,
    all_odds: Annotated[
        bool,
        typer.Option("--all-odds", help="Keep what `calibrate` fits to: all odds told, 1 MB an answer and more."),
    ] = False,
) -> None:
    """Judge golden answers and keep all that came of it: DIR/run.json, and a line of DIR/records.jsonl an answer.

    The settings are the service's (GRADER_*), but for two. Nothing is remembered from one reading to the next, in
    Redis or elsewhere. And where GRADER_SECRET is unset a fixed one stands in: it makes the mark that fences an answer
    in the prompt, and a small model's odds move a little with that mark.

    An answer that fails is recorded as failed, and the run goes on. A run that is stopped can be resumed. With
    --repeat and --shuffle each reading has an order of its own.

    Exit codes: 0 done, 2 wrong use, 3 the judge cannot be had or no answer was graded, 130 stopped.

    \b
    Examples:
      grader eval run evals/golden/interview.jsonl
      grader eval run evals/golden/interview.jsonl --limit 10 --repeat 3
      GRADER_MODEL=openai/gpt-5-mini grader eval run mine.jsonl --workers 8 --out evals/runs/mini
      grader eval run mine.jsonl --out evals/runs/mini --resume
      GRADER_MODEL=openai/gpt-5-mini grader eval run mine.jsonl --prompt stricter.md --out evals/runs/stricter
    """
    settings = _settings(model, prompt)
    _refuse_prompt_unread(prompt, judge, settings)
    from evals.run import Plan, source_of

    with plainly():
        plan = Plan(_wish(judge, samples), repeat, shuffle, workers or _workers(settings), all_odds)
        source = source_of(golden, _catalog(settings), limit=limit, seed=seed)
        folder = folder or _new_folder(source.path.stem, judge, settings, resume=resume)
        done = until_stopped(_run(settings, source, plan, folder, resume), folder)
    _tell(done, folder, "grader eval report")


@app.command()
def attack(
    golden: Annotated[
        Path | None,
        typer.Argument(
            metavar="[GOLDEN]", help="Golden answers; else evals/golden/interview.jsonl.", show_default=False
        ),
    ] = None,
    *,
    judge: Judge = "default",
    model: Model = None,
    folder: Folder = None,
    resume: Resume = False,
    workers: Workers = None,
    limit: Annotated[int, typer.Option(min=1, help=_SUBSET)] = 12,
    seed: Seed = 1,
    samples: Samples = 1,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only this kind of attack; may be given more than once. Else all.", show_default=False),
    ] = None,
    most_raised: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Exit code 1 if a kind raises more of its verdicts.", show_default=False
        ),
    ] = None,
) -> None:
    """Try to talk the judge into better verdicts: grade answers as they are, and under each of evals/attacks.yaml.

    Of each kind of attack: how the score moved, with a 95 % interval over answers; how many verdicts rose of those
    that could, and how many fell; how many answers code flagged as speaking to the grader, or stopped before a judge
    saw them. An attack that stands alone is compared with an answer that says nothing. The records are those of
    `grader eval run`, an attacked answer's id being ID~KIND; the figures are in DIR/attack.json too.

    Exit codes: 0 done, 1 more was raised than --most-raised allows, 2 wrong use, 3 the judge cannot be had,
    130 stopped.

    \b
    Examples:
      grader eval attack
      grader eval attack --limit 40 --most-raised 0.1
      grader eval attack --kind criteria_after --kind keywords_after
      grader eval attack mine.jsonl --out evals/runs/attacked --resume
    """
    settings = _settings(model)
    from numpy.random import default_rng

    from evals.attack import REPORT, attacked, report_of
    from evals.run import Plan, source_of
    from service.catalog import HOME

    with plainly():
        plan = Plan(_wish(judge, samples), workers=workers or _workers(settings))
        catalog, attacks = _catalog(settings), _attacks(kind)
        clean = source_of(golden or HOME / "evals" / "golden" / "interview.jsonl", catalog, limit=limit, seed=seed)
        source = attacked(clean, attacks, catalog)
        folder = folder or _new_folder(f"{clean.path.stem}-attack", judge, settings, resume=resume)
        done = until_stopped(_run(settings, source, plan, folder, resume), folder)
    report = report_of(clean.answers, attacks, done.records, catalog, default_rng(seed))
    (folder / REPORT).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    _tell_attacks(report)
    _tell(done, folder)
    _hold_to(report, most_raised)


def _settings(model: str | None, prompt: Path | None = None) -> "Settings":
    """The service's, with no Redis (a blank address is none) and with a secret."""
    given = {"model": model, "one_call_prompt": prompt, "redis_url": ""}
    settings = read_settings(**given)
    return settings if settings.secret else read_settings(**given, secret=_SECRET)


def _refuse_prompt_unread(prompt: Path | None, judge: str, settings: "Settings") -> None:
    from service.bootstrap import default_judge

    asked = default_judge(settings) if judge in ("default", "panel") else judge
    if prompt and asked == "per_criterion":
        fail(f"--prompt {prompt}: per_criterion has prompts of its own and would not read it; add --judge one_call")


def _wish(judge: str, samples: int) -> "Wish":
    """What the grader is asked for, checked as the API would."""
    from service.api.problems import BadRequest
    from service.api.requests import OPEN_OWNER, request_of

    try:
        options = {"judge": judge, "samples": samples}
        return request_of({"question_id": "-", "answer": "", "options": options}).wish("", OPEN_OWNER)
    except BadRequest as error:
        fail(str(error).replace("options.", "--"))


def _workers(settings: "Settings") -> int:
    return 1 if settings.is_local else 4


def _catalog(settings: "Settings") -> "Catalog":
    from service.catalog import RUBRICS, read_catalog

    return read_catalog(settings.rubrics_dir or RUBRICS)


def _new_folder(stem: str, judge: str, settings: "Settings", *, resume: bool) -> Path:
    """Named by what is judged, by which judge and when."""
    from service.bootstrap import default_judge

    if resume:
        fail("--resume needs --out DIR, the folder of the run to go on with; runs without --out lie in evals/runs")
    name = default_judge(settings) if judge == "default" else judge
    return Path("evals", "runs", f"{stem}-{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")


async def _run(settings: "Settings", source: "Source", plan: "Plan", folder: Path, resume: bool) -> "Run":
    from evals.recording import Recording
    from evals.records import refuse_used
    from evals.run import run as run_
    from service.bootstrap import running
    from service.cli.eval_progress import shown_run
    from service.garbage import seldom_collected

    if not resume:
        refuse_used(folder)  # before a model is loaded
    async with running(settings, around=Recording) as service:
        with seldom_collected(), shown_run(err()) as tell:
            return await run_(service, source, plan, folder, resume=resume, tell=tell)


def until_stopped(work: Coroutine[Any, Any, _T], folder: Path) -> _T:
    """What the work gives. Ctrl-C and a request to end stop it at once; what is on disk stays."""

    async def heeding_signals() -> _T:
        task = asyncio.current_task()
        assert task
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)
        return await work

    try:
        return asyncio.run(heeding_signals())
    except asyncio.CancelledError:
        how = f"the same command with --out {quote(str(folder))} --resume goes on"
        fail(f"stopped; what was finished is kept in {folder}, and {how}", Code.STOPPED)


def _tell(done: "Run", folder: Path, then: str | None = None) -> None:
    from service.cli.eval_progress import ending

    for line in ending(folder, done.records, then):
        out().print(shown(line), soft_wrap=True)
    if not any(record.grade for record in done.records):
        fail("no answer was graded; the reasons are above", Code.NO_JUDGE)


def _tell_attacks(report: "AttackReport") -> None:
    from service.cli.eval_progress import attack_table

    out().print(attack_table(report))


def _attacks(kinds: list[str] | None) -> "Attacks":
    """Those of these kinds; None: all."""
    from evals.attack import read_attacks

    attacks = read_attacks()
    known = [attack.kind for attack in attacks.attacks]
    if unknown := [kind for kind in kinds or () if kind not in known]:
        fail(f"--kind {unknown[0]}: there is no such kind of attack; the kinds are {', '.join(known)}")
    return attacks.only(kinds) if kinds else attacks


def _hold_to(report: "AttackReport", most_raised: float | None) -> None:
    """Leaves with FELL_SHORT where a kind of attack raised a larger share, or could not be tried at all."""
    if most_raised is None:
        return
    untried = [effect.kind for effect in report.effects if not effect.answers]
    over = [effect for effect in report.effects if (effect.raised or 0) > most_raised]
    if untried:
        fail(f"nothing is known of {', '.join(untried)}: each answer failed; --resume asks again", Code.FELL_SHORT)
    if over:
        said = ", ".join(f"{effect.kind} {effect.raised:.0%}" for effect in over)
        fail(f"more verdicts rose than the {most_raised:.0%} allowed: {said}", Code.FELL_SHORT)


# Last, so that `grader eval --help` lists the commands in the order in which they are used.
app.command()(eval_known.known)
app.command()(eval_calibrate.calibrate)
app.command()(eval_calibrate.regrade)
app.command()(eval_reports.report)
app.command()(eval_reports.compare)
app.command()(eval_reports.gate)
app.command()(eval_cascade.cascade)
app.command()(eval_push.push)
