"""`grader rubrics list | show | lint | import`: read the rubrics, check them, draft new ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.console import counted, err, out, shown
from service.cli.failing import Code, fail, plainly, read_settings, read_text, rubric_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from service.core.drafts import Draft, Drafts

app = typer.Typer(help="List, read, check and draft rubrics.", no_args_is_help=True, rich_markup_mode="rich")


@app.command("list")
def list_() -> None:
    """The questions there are, by role.

    \b
    Examples:
      grader rubrics list
      GRADER_RUBRICS_DIR=drafts grader rubrics list
    """
    from service.catalog import read_catalog
    from service.cli.rubric_page import listing

    with plainly():
        out().print(listing(read_catalog(_folder()).listed))


@app.command()
def show(question_id: Annotated[str, typer.Argument(metavar="ID", help="The question's id.")]) -> None:
    """One rubric, as a person would like to read it.

    \b
    Example:
      grader rubrics show 2.2
    """
    from service.catalog import read_catalog
    from service.cli.rubric_page import page

    with plainly():
        out().print(page(rubric_of(read_catalog(_folder()), question_id)))


@app.command()
def lint(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder of rubrics; else those in use.", show_default=False)
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="PAGE", help="Also find eight words in a row shared with PAGE.", show_default=False),
    ] = None,
) -> None:
    """Find in rubrics what docs/writing-rubrics.md warns of. No model is asked.

    Exit code 1 if anything is found.

    \b
    Examples:
      grader rubrics lint
      grader rubrics lint --dir drafts --against page.txt
    """
    from service.catalog import read_catalog
    from service.cli.rubric_page import findings_page
    from service.core.lint import lint as lint_

    folder = folder or _folder()
    with plainly():
        catalog = read_catalog(folder)
        rubrics = tuple(catalog.rubrics.values())
        found: dict[Path, list[tuple[str, str, str]]] = {}
        for finding in lint_(rubrics, catalog.rules):
            path = folder / f"{finding.rubric_id or '_set'}.yaml"
            found.setdefault(path, []).append((finding.criterion_id or "", finding.rule.value, finding.message))
        for path, passage in _shared(folder, catalog.rubrics, against):
            message = f"with the page, so say it in words of your own: {passage}"
            found.setdefault(path, []).append(("", "shared", message))
    out().print(findings_page(found))
    total = sum(len(findings) for findings in found.values())
    out().print(f"{counted(len(rubrics), 'rubric')}, {counted(total, 'finding')}")
    if total:
        raise typer.Exit(Code.FELL_SHORT)


@app.command("import")
def import_(
    page: Annotated[Path, typer.Argument(help="A page of numbered questions and advice, as UTF-8 text.")],
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to; else the rubrics in use.", show_default=False)
    ] = None,
    prefix: Annotated[str, typer.Option(help="Goes before each number to make the id.")] = "",
    document: Annotated[
        str | None, typer.Option(help="What to call the page as a source; else its file name.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Draft one rubric a question from a page of questions and advice, for a person to complete.

    Nothing is written if a file is there already, unless forced.

    \b
    Examples:
      grader rubrics import page.txt --dry-run
      grader rubrics import page.txt --out drafts --prefix garden-
    """
    from service.core.drafts import drafts_of

    with plainly():
        text = read_text(page)
        try:
            drafts = drafts_of(text, document or page.stem, prefix)
        except ValueError as error:
            fail(f"{page}: {error}")
    if not dry_run:
        written = _written(drafts.drafts, folder or _folder(), force)
        err().print(shown(f"Written to {written}; `grader rubrics lint --dir {written}` says what to complete."))
    _tell(drafts)


def _folder() -> Path:
    from service.catalog import RUBRICS

    return read_settings().rubrics_dir or RUBRICS


def _shared(folder: Path, ids: "Iterable[str]", against: Path | None) -> "Iterator[tuple[Path, str]]":
    from service.core.lint import shared_runs

    page = read_text(against) if against else ""
    for path in (folder / f"{name}.yaml" for name in ids if against):
        for passage in joined(shared_runs(read_text(path), page)):
            yield path, passage


def joined(runs: "Iterable[str]") -> list[str]:
    """Runs that each begin at the word after the one before, as the passages they were cut from."""
    passages: list[list[str]] = []
    for run in runs:
        words = run.split()
        if passages and passages[-1][-len(words) + 1 :] == words[:-1]:
            passages[-1].append(words[-1])
        else:
            passages.append(words)
    return [" ".join(words) for words in passages]


def _written(drafts: "Sequence[Draft]", folder: Path, force: bool) -> Path:
    from service.catalog import yaml_text

    texts = {folder / f"{draft.id}.yaml": yaml_text(draft.to_mapping()) for draft in drafts}
    there = [] if force else [str(path) for path in texts if path.exists()]
    if there:
        fail(f"there already: {', '.join(there)}; take another --out or --prefix, or --force to overwrite")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{error.filename or folder}: cannot be written: {error.strerror}; take another --out")
    return folder


def _tell(drafts: "Drafts") -> None:
    rubrics = [draft.rubric for draft in drafts.drafts]
    star = [draft.id for draft in drafts.drafts if draft.rubric.star]
    lines = [
        counted(len(rubrics), "question"),
        counted(sum(len(rubric.points) for rubric in rubrics), "point"),
        counted(sum(len(rubric.pitfalls) for rubric in rubrics), "pitfall"),
        counted(len(star), "STAR question") + (f": {', '.join(star)}" if star else ""),
    ]
    if drafts.skipped:
        lines.append(f"skipped, no bullet under them: {', '.join(drafts.skipped)}")
    for line in lines:
        out().print(shown(line), soft_wrap=True)
