"""`grader eval cascade`: from how sure on a cascade keeps its cheap judge's verdicts, chosen by replaying runs."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import out, shown
from service.cli.eval_reports import Golden, catalog_now, measuring, show, write
from service.cli.failing import fail


def cascade(
    cheap: Annotated[Path, typer.Argument(metavar="CHEAP", help="The folder of a run by the cheap judge alone.")],
    strong: Annotated[
        Path, typer.Argument(metavar="STRONG", help="That of the strong judge, over the same golden file.")
    ],
    *,
    golden: Golden = None,
    file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the thresholds, for GRADER_CASCADE.", show_default=False),
    ] = None,
) -> None:
    """Choose how sure a cascade's cheap judge has to be, by replaying a run of each judge. No model is asked.

    For each kind of criterion: the fewest questions to the strong judge whose kappa is within 0.01 of the best that any
    threshold gives. What to expect of the choice is what it gives on questions that it was not chosen on. A cheap judge
    that judges in one call tells a confidence only where it has read twice: record it with --samples 2.

    \b
    Examples:
      GRADER_MODEL=openai/small grader eval run mine.jsonl --samples 2 --out evals/runs/cheap
      GRADER_MODEL=openai/large grader eval run mine.jsonl --out evals/runs/strong
      grader eval cascade evals/runs/cheap evals/runs/strong --out cascade.json
      GRADER_CASCADE=cascade.json GRADER_MODEL=openai/small GRADER_STRONG_MODEL=openai/large grader serve
    """
    with measuring():
        from evals.opening import opened, opened_beside
        from evals.replay import choice_of, replay
        from evals.report.replays import expected, replays

        catalog = catalog_now()
        first = opened(cheap, catalog, golden)
        second = opened_beside(strong, first, catalog)
        found = replay(first.golden, first.run.records, second.run.records, catalog)
    if not found:
        fail(f"{cheap} and {strong} have no labelled criterion in common that both judged; let both runs be whole")
    by, then = first.run.settings, second.run.settings
    show(replays(found))
    if all(one.tells_nothing for one in found.values()):
        fail(f"{cheap} has no verdict with a confidence, so none could be kept; record that judge with --samples 2")
    if file:
        choice = choice_of(
            found,
            made_by=f"grader eval cascade over {first.path.name}",
            note=f"{by.model} ({by.judge}), then {then.model} ({then.judge}); to expect: {expected(found)}",
        )
        write({file: f"{choice.model_dump_json(indent=2)}\n".encode()})
        out().print(shown(f"written: {file}; GRADER_CASCADE={file} takes it"), soft_wrap=True)
