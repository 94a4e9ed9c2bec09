"""The report as one page that needs nothing else: no network, no script, in light and in dark."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from evals.measures import FLOORS, HEADLINE
from evals.pairs import LEVELS, Reading
from evals.report import Report, figures
from evals.report import tables as t
from evals.report.cells import Table, between, number, percent, signed
from evals.report.disagreements import disagreements, ranked
from evals.summary import HeadlineFigure, VerdictFigures

MOST_SCORES = 10  # answers listed whose scores are furthest apart
_LEAST, _MOST = -0.4, 1.0  # of the strips, in kappa and correlation; AUC 0.3 to 1 covers the same


class Strip(NamedTuple):
    """A headline figure as places on a line, in percent of its length; None is not drawn."""

    chance: float
    value: float | None
    low: float | None
    high: float | None
    before: float | None
    floors: tuple[float, ...]


class Headline(NamedTuple):
    """A headline figure as the page shows it. `standing` says in words where it is among the floors."""

    title: str
    value: str
    answers: str
    questions: str
    floors: str
    standing: str
    n: int
    change: str
    strip: Strip


class Matrix(NamedTuple):
    """A confusion matrix: rows by the human, columns by the judge, each cell's count and its share of the row."""

    title: str
    kind: str
    levels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, float], ...]], ...]


def html(report: Report) -> str:
    """The whole page. Whatever candidates, judges and rubrics say in it is escaped."""
    summary, wholes = report.summary, [f for f in report.summary.verdicts if f.sub is None and f.labelled]
    return _template().render(
        settings=summary.settings,
        golden=t.name_of(summary.settings),
        counts=summary.counts,
        headline=list(_headline(report)),
        compared_table=t.headline(summary, report.comparison) if report.comparison else None,
        outcomes=t.outcomes(summary, report.before),
        kinds=[t.kind_table(figures_) for figures_ in wholes],
        parts=list(t.part_tables(summary)),
        matrices=[_matrix(figures_) for figures_ in wholes],
        scores=t.scores_table(summary.scores),
        furthest=_furthest(report),
        # Drawn by us from numbers alone, so it needs no escaping.
        reliability=Markup(figures.reliability(summary.verdicts)),  # noqa: S704
        scatter=Markup(figures.scores(report.material.readings)),  # noqa: S704
        slices=list(_slices(report)),
        stability=t.stability_table(summary.stability) if summary.stability else None,
        fairness=t.fairness_table(summary.fairness) if summary.fairness else None,
        cost=t.cost_table(summary, report.before),
        settings_table=t.settings_table(summary, report.before),
        differing=len(ranked(report.material)),
        disagreements=disagreements(report),
        failures=[r for r in report.material.readings if r.status == "failed"],
        draws=summary.draws,
        percent=percent,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _headline(report: Report) -> Iterator[Headline]:
    changes = {d.name: d for d in report.comparison.differences} if report.comparison else {}
    for item in report.summary.headline:
        figure, change = item.figure, changes.get(item.name)
        told = ""
        if change:
            told = f"before {number(change.a)}, change {signed(change.difference)}"
            told += f" ({between(change.range)})" if change.range else ""
        yield Headline(
            title=item.title,
            value=number(figure.value),
            answers=between(figure.answers),
            questions=between(figure.questions),
            floors=", ".join(f"{FLOORS[name]} {number(value)}" for name, value in item.floors.items()),
            standing=standing(item),
            n=figure.n,
            change=told,
            strip=_strip(item, change.a if change else None),
        )


def standing(item: HeadlineFigure) -> str:
    """Where the judge's interval over answers lies among the floors that are known."""
    floors = {FLOORS[name]: value for name, value in item.floors.items() if value is not None}
    limits = item.figure.answers
    if limits is None or not floors:
        return ""
    if limits.low > max(floors.values()):
        return "above the floors"
    over = [name for name, value in floors.items() if value > limits.high]
    if over:
        return f"below what {' and '.join(over)} alone reach{'es' if len(over) == 1 else ''}"
    return f"not told apart from {' and '.join(name for name, value in floors.items() if value >= limits.low)}"


def _strip(item: HeadlineFigure, before: float | None) -> Strip:
    is_auc = next(figure.measure == "auc" for figure in HEADLINE if figure.name == item.name)

    def place(value: float | None) -> float | None:
        """AUC is put where 2·AUC − 1 lies, so that chance is in one place on all strips."""
        if value is None:
            return None
        scaled = 2 * value - 1 if is_auc else value
        return round(100 * min(1.0, max(0.0, (scaled - _LEAST) / (_MOST - _LEAST))), 2)

    limits = item.figure.answers
    return Strip(
        chance=round(100 * -_LEAST / (_MOST - _LEAST), 2),
        value=place(item.figure.value),
        low=place(limits.low) if limits else None,
        high=place(limits.high) if limits else None,
        before=place(before),
        floors=tuple(at for value in item.floors.values() if (at := place(value)) is not None),
    )


def _matrix(figures_: VerdictFigures) -> Matrix:
    levels = LEVELS[figures_.kind]
    rows = zip(levels, figures_.confusion, strict=True)
    return Matrix(
        title=t.NAMES[figures_.kind],
        kind=figures_.kind,
        levels=levels,
        rows=tuple((level, tuple((n, round(n / (sum(row) or 1), 3)) for n in row)) for level, row in rows),
    )


def _furthest(report: Report) -> list[tuple[Reading, float]]:
    """The readings whose scores are furthest apart, with the judge's less the human's."""
    apart = [(r, r.judge - r.human) for r in report.material.readings if r.judge is not None and r.human is not None]
    return sorted((each for each in apart if each[1]), key=lambda each: -abs(each[1]))[:MOST_SCORES]


def _slices(report: Report) -> Iterator[Table]:
    titles = {}
    for reading in report.material.readings:
        rubric = report.rubrics[reading.golden_id]
        titles[reading.question] = rubric.title or rubric.question
    for by in ("question", "quality", "language", "length"):
        table = t.slices_table(report.summary.slices, by)
        if table and by == "question":
            rows = ((row[0]._replace(detail=_short(titles[row[0].text])), *row[1:]) for row in table.rows)
            table = table._replace(rows=tuple(rows))
        if table:
            yield table


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
