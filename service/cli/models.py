"""`grader models fetch`: the local model's weights, with a view of how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from service.cli.console import err
from service.cli.failing import Code, code_of, fail
from service.core.errors import WeightsUnavailable

if TYPE_CHECKING:
    from service.models.weights import Progress, WeightsSpec

app = typer.Typer(help="The weights of the local model.", no_args_is_help=True, rich_markup_mode="rich")
_MEGABYTE = 1_000_000


@app.callback()
def _models() -> None:
    """Fetch the weights of the local model."""


@app.command()
def fetch(
    given: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Check this file instead of fetching one.", show_default=False),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check its sha256 anew if it was fetched before.")] = False,
) -> None:
    """Fetch the default weights once, check them, and print their path.

    A fetch that was cut off goes on where it stopped.

    \b
    Examples:
      grader models fetch
      grader models fetch --verify
      grader models fetch --from ~/Downloads/model.gguf
    """
    try:
        with err().status("Checking sha256 …") if (given or verify) and err().is_terminal else nullcontext():
            path = fetched(given=given, verify=verify)
    except WeightsUnavailable as error:
        fail(str(error), Code.WRONG_USE if given else code_of(error))
    typer.echo(path)


def fetched(
    spec: "WeightsSpec | None" = None,
    given: Path | None = None,
    folder: Path | None = None,
    verify: bool = False,
    console: Console | None = None,
) -> Path:
    """The path of the weights (the default ones), what is fetched being shown. Raises WeightsUnavailable."""
    from service.models import weights

    with shown_progress(console or err()) as progress:
        return weights.fetch(spec or weights.DEFAULT, given=given, folder=folder, verify=verify, progress=progress)


@contextmanager
def shown_progress(console: Console) -> Iterator["Progress"]:
    """A bar on a terminal; elsewhere a line every tenth."""
    if console.is_terminal:
        with _bar(console) as progress:
            yield progress
    else:
        yield _lines(console)


@contextmanager
def _bar(console: Console) -> Iterator["Progress"]:
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    tasks: dict[str, progress.TaskID] = {}
    with progress.Progress(*columns, console=console) as bars:

        def tell(done: int, total: int, source: str) -> None:
            if source not in tasks:
                tasks[source] = bars.add_task(source, total=total, completed=done)
            bars.update(tasks[source], completed=done)

        yield tell


def _lines(console: Console) -> "Progress":
    said: tuple[str, int] | None = None

    def tell(done: int, total: int, source: str) -> None:
        nonlocal said
        tenth = 10 * done // total
        if said != (source, tenth):
            said = (source, tenth)
            line = f"{source}: {10 * tenth}% ({done // _MEGABYTE:,} of {total // _MEGABYTE:,} MB)"
            console.print(line, markup=False, soft_wrap=True)

    return tell
