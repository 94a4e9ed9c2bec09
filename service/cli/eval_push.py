"""`grader eval push`: a finished run's figures, to where Prometheus reads them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.console import counted, err, out, shown
from service.cli.eval_reports import Draws, Golden, Run, Seed, catalog_now, measuring
from service.cli.failing import Code, fail, read_settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from evals.records import RunSettings

UNREACHABLE = Code.NO_JUDGE  # 3 for whatever was to be spoken to and is not there


def push(
    run: Run,
    *,
    gateway: Annotated[
        str | None, typer.Option(metavar="URL", help="In place of GRADER_PUSHGATEWAY_URL.", show_default=False)
    ] = None,
    textfile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write them to FILE.prom instead, for the node exporter.", show_default=False
        ),
    ] = None,
    golden: Golden = None,
    seed: Seed = 1,
    draws: Draws = 1000,
) -> None:
    """Bring a finished run's figures to Prometheus: through a Pushgateway, or the node exporter's textfile collector.

    They are those of `grader eval report`, as gauges named grader_eval_…; what is undefined is left out. A run takes
    the place of the one before it over the same golden file, by the same judge and model. No model is asked.

    Exit codes: 0 done, 2 wrong use or an unfinished run, 3 the gateway cannot be reached.

    \b
    Examples:
      grader eval push evals/runs/mini --gateway http://localhost:9091
      GRADER_PUSHGATEWAY_URL=http://localhost:9091 grader eval push evals/runs/mini
      grader eval push evals/runs/mini --textfile /var/lib/node_exporter/grader-mini.prom
    """
    address = _gateway(gateway, textfile)
    with measuring():
        from numpy.random import default_rng

        from evals.opening import opened
        from evals.push import refuse_unfinished, registry_of
        from evals.records import RECORDS
        from evals.summary import summary_of

        catalog = catalog_now()
        this = opened(run, catalog, golden)
        summary = summary_of(this.golden, this.run, catalog, default_rng(seed), draws)
        refuse_unfinished(summary, this.run.records, run)
        registry = registry_of(summary, (run / RECORDS).stat().st_mtime)
    if summary.counts.stale:
        stale = counted(summary.counts.stale, "reading")
        err().print(shown(f"{stale} graded by rubrics that have changed since: run again"), soft_wrap=True)
    if textfile:
        _write(registry, textfile)
    else:
        _push(registry, this.run.settings, address)


def _gateway(given: str | None, textfile: Path | None) -> str:
    """The gateway's address; empty where a file is to be written instead."""
    if textfile is None:
        set_to = read_settings(pushgateway_url=given).pushgateway_url
        if set_to is None:
            fail("no place to push to; set --gateway URL or GRADER_PUSHGATEWAY_URL, or take --textfile FILE")
        return str(set_to)
    if given:
        fail("--gateway and --textfile: one run goes to one place; call twice for both")
    if textfile.suffix != ".prom":
        fail(f"--textfile {textfile}: the textfile collector reads only files that end in .prom; name it so")
    return ""


def _write(registry: "CollectorRegistry", file: Path) -> None:
    from evals.push import write

    try:
        write(registry, file)
    except OSError as error:
        fail(f"{file}: cannot be written: {error.strerror}; take another place")
    out().print(shown(f"written: {file}"), soft_wrap=True)


def _push(registry: "CollectorRegistry", settings: "RunSettings", address: str) -> None:
    from evals.push import RUN, GatewayRefused, GatewayUnreachable, push, run_labels

    try:
        push(registry, settings, address)
    except GatewayUnreachable as error:
        fail(f"the Pushgateway cannot be reached: {error}; start it, or name another: --gateway URL", UNREACHABLE)
    except GatewayRefused as error:
        fail(f"not taken: {error}; is that a Pushgateway, and the name and password in its address right?")
    labels = ", ".join(f"{name} {value}" for name, value in zip(RUN, run_labels(settings), strict=True))
    out().print(shown(f"pushed: {labels}"), soft_wrap=True)
