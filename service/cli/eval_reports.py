"""`grader eval report | compare | gate`: what runs say, one beside the other, and whether one may pass."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.console import counted, out, shown
from service.cli.failing import Code, fail, plainly, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evals.compare import Comparison
    from evals.gate import Gate
    from evals.report.cells import Table
    from service.catalog import Catalog

Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, as `grader eval run` leaves it.")]
Golden = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The run's golden file; else where it was.", show_default=False)
]
Seed = Annotated[int, typer.Option(min=0, help="Of the draws of the bootstrap.")]
Draws = Annotated[int, typer.Option(min=20, help="Draws of the bootstrap.")]
JUnit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.", show_default=False)]


def report(
    run: Run,
    *,
    golden: Golden = None,
    before: Annotated[
        Path | None, typer.Option(metavar="RUN", help="An earlier run to stand beside.", show_default=False)
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Else RUN/report.html.", show_default=False)] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Markdown.", show_default=False)] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures as JSON.", show_default=False)
    ] = None,
    junit: JUnit = None,
    seed: Seed = 1,
    draws: Draws = 1000,
) -> None:
    """How well a run's judge agrees with the humans, as a page to read. No model is asked.

    The page stands alone: no network, no script. In JUnit an answer fails whose judge failed, or whose score is more
    than 25 points off the human's.

    \b
    Examples:
      grader eval report evals/runs/mini
      grader eval report evals/runs/mini --before evals/runs/last-week --markdown comment.md
    """
    with measuring():
        from numpy.random import default_rng

        from evals.opening import opened, opened_beside
        from evals.report import report_of
        from evals.report.comparisons import differences
        from evals.report.html import html as page
        from evals.report.junit import junit as xml
        from evals.report.markdown import markdown as text
        from evals.report.tables import headline

        catalog = catalog_now()
        this = opened(run, catalog, golden)
        other = opened_beside(before, this, catalog) if before else None
        found = report_of(this.golden, this.run, catalog, default_rng(seed), draws, other.run if other else None)
        files = {html or run / "report.html": _encoded(page(found))}
        files |= {markdown: _encoded(text(found))} if markdown else {}
        files |= {json: _encoded(f"{found.summary.model_dump_json(indent=2)}\n")} if json else {}
        files |= {junit: xml(found)} if junit else {}
        write(files)
    show(headline(found.summary))
    if found.comparison:
        show(differences(found.comparison, "before", "now"))
    counts = found.summary.counts
    became = f"{counts.graded} graded, {counts.partial} partial, {counts.abstained} abstained, {counts.failed} failed"
    missing = f", {counts.missing} with no record yet" if counts.missing else ""
    _say(f"{counted(counts.expected, 'reading')}: {became}{missing}")
    _say(f"{counts.unassessed:,} of {counts.criteria:,} labelled criteria unassessed")
    if counts.stale:
        _say(f"{counted(counts.stale, 'reading')} graded by rubrics that have changed since: run again")
    for path in files:
        _say(f"written: {path}")


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="The folder of a run.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The folder of another over the same golden file.")],
    *,
    golden: Golden = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    seed: Seed = 1,
    draws: Draws = 1000,
) -> None:
    """What differs from run A to run B, over what both decided: figures, each verdict, cost and time.

    \b
    Examples:
      grader eval compare evals/runs/last-week evals/runs/mini
      grader eval compare A B --json | jq '.flips[] | select(.kind == "pitfalls")'
    """
    with measuring():
        from numpy.random import default_rng

        from evals.compare import compare_runs
        from evals.opening import opened, opened_beside
        from evals.report.comparisons import differences, flips
        from evals.report.tables import stability_table

        catalog = catalog_now()
        first = opened(a, catalog, golden)
        second = opened_beside(b, first, catalog)
        found = compare_runs(first.golden, first.run, second.run, catalog, default_rng(seed), draws)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    show(differences(found))
    if found.stability:
        show(stability_table(found.stability))
    show(flips(found))
    _tell_ratios(found)


def gate(
    run: Run,
    *,
    baseline: Annotated[Path, typer.Option(metavar="RUN", help="The run to hold it to.", show_default=False)],
    golden: Golden = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="FIGURE=AMOUNT", help="Let this figure fall so far; may be repeated.", show_default=False),
    ] = None,
    junit: JUnit = None,
    seed: Seed = 1,
    draws: Draws = 1000,
) -> None:
    """Hold a run to its baseline: has a headline figure fallen, and can chance not explain it?

    A figure fails where the 95 % interval of its difference, over the same answers, lies wholly below 0, and the fall
    is larger than what readings of one run differ by (with `grader eval run --repeat`) and than --allow. The share of
    failed answers, or of unassessed criteria, may rise by 2 % points.

    Exit codes: 0 passed, 1 fell short, 2 wrong use.

    \b
    Examples:
      grader eval gate evals/runs/mini --baseline evals/runs/main
      grader eval gate evals/runs/mini --baseline evals/runs/main --allow points_kappa=0.03 --junit gate.xml
    """
    with measuring():
        from numpy.random import default_rng

        from evals.gate import gate_of
        from evals.opening import opened, opened_beside
        from evals.report.comparisons import rulings
        from evals.report.junit import gate_junit

        allowed = _allowed(allow or [])
        catalog = catalog_now()
        held_to = opened(baseline, catalog, golden)
        this = opened_beside(run, held_to, catalog)
        found = gate_of(held_to.golden, this.run, held_to.run, catalog, default_rng(seed), allowed=allowed, draws=draws)
        if junit:
            write({junit: gate_junit(found)})
    show(rulings(found))
    _hold(found)


@contextmanager
def measuring() -> "Iterator[None]":
    """Errors of ours as plain lines, and so are packages that measuring needs and serving does not."""
    try:
        with plainly():
            yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("service", "evals"):
            raise
        fail(f"{error.name} is not installed, and measuring needs it: pip install -e '.[evals]'")


def _allowed(given: "Sequence[str]") -> dict[str, float]:
    from evals.measures import HEADLINE

    names = [figure.name for figure in HEADLINE]
    allowed: dict[str, float] = {}
    for word in given:
        name, _, amount = word.partition("=")
        try:
            allowed[name] = float(amount)
        except ValueError:
            fail(f"--allow {word!r}: wanted is FIGURE=AMOUNT, such as points_kappa=0.03")
        if name not in names:
            fail(f"--allow {word!r}: no such figure; there are {', '.join(names)}")
        if not 0 <= allowed[name] <= 2:
            fail(f"--allow {word!r}: the amount by which it may fall is from 0 to 2")
    return allowed


def _hold(found: "Gate") -> None:
    fallen = [ruling for ruling in found.rulings if not ruling.passed]
    if fallen:
        from evals.report.cells import number

        lines = (f"{r.name}: from {number(r.before, 3)} to {number(r.after, 3)}: {r.why}" for r in fallen)
        fail("\n".join(["fell short:", *lines]), Code.FELL_SHORT)
    _say("passed")


def _tell_ratios(found: "Comparison") -> None:
    from evals.report.cells import ratio

    _say(f"B to A: cost {ratio(found.cost_ratio)}, seconds (median) {ratio(found.seconds_ratio)}")


def catalog_now() -> "Catalog":
    from service.catalog import RUBRICS, read_catalog

    return read_catalog(read_settings().rubrics_dir or RUBRICS)


def show(table: "Table") -> None:
    """A table of the report on the terminal, its note below it."""
    from rich.table import Table as Grid

    grid = Grid(title=shown(table.title, "bold"), title_justify="left", box=None, padding=(0, 1), header_style="dim")
    for place, head in enumerate(table.head):
        grid.add_column(shown(head), overflow="fold", ratio=None, no_wrap=False, min_width=12 if place == 0 else None)
    for row in table.rows:
        grid.add_row(*(shown(cell.text + (f" ({cell.detail})" if cell.detail else "")) for cell in row))
    out().print(grid)
    if table.note:
        out().print(shown(table.note, "dim"))


def _say(line: str) -> None:
    out().print(shown(line), soft_wrap=True)


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")


def write(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        try:
            path.write_bytes(content)
        except OSError as error:
            fail(f"{path}: cannot be written: {error.strerror}; take another place")
