"""The report as Markdown, short enough for a pull request."""

from collections.abc import Iterator

from evals.report import Report
from evals.report import tables as t
from evals.report.cells import Cell, Table

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>|#~"})


def markdown(report: Report) -> str:
    """Headline, outcomes, agreement by kind, scores, cost: the tables of the page without its pictures."""
    settings = report.summary.settings
    title = f"# {plain(t.name_of(settings))}, judged by {plain(settings.judge)}, {plain(settings.model)}"
    return "\n\n".join([title, *(table_text(table) for table in _tables(report))]) + "\n"


def _tables(report: Report) -> Iterator[Table]:
    summary = report.summary
    yield t.headline(summary, report.comparison)
    yield t.outcomes(summary, report.before)
    yield from (t.kind_table(figures) for figures in summary.verdicts if figures.sub is None and figures.labelled)
    yield from t.part_tables(summary)
    yield t.scores_table(summary.scores)
    if summary.stability:
        yield t.stability_table(summary.stability)
    if summary.fairness:
        yield t.fairness_table(summary.fairness)
    yield t.cost_table(summary, report.before)
    yield t.settings_table(summary, report.before)


def table_text(table: Table) -> str:
    """One table under its title, its note below it."""
    lines = [
        f"## {plain(table.title)}",
        "",
        _row(plain(head) for head in table.head),
        _row("---" for _ in table.head),
        *(_row(_cell(cell) for cell in row) for row in table.rows),
    ]
    return "\n".join([*lines, *(["", plain(table.note)] if table.note else [])])


def plain(text: str) -> str:
    """Text that no character of is read as markup, on one line."""
    return " ".join(text.split()).translate(_SPECIAL)


def _cell(cell: Cell) -> str:
    return plain(cell.text) + (f" ({plain(cell.detail)})" if cell.detail else "")


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
