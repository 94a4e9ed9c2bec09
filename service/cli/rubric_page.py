"""Rubrics and what was found in them, as tables and pages to read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.cli.console import shown
from service.core.rubric import Pitfall, Point, Rubric

_NO_ROLE = "No role"


def listing(rubrics: Iterable[Rubric]) -> Group:
    """A table for each role, in the order of the first question of each."""
    roles: dict[str, list[Rubric]] = {}
    for rubric in rubrics:
        roles.setdefault(rubric.role or _NO_ROLE, []).append(rubric)
    return Group(*(part for role, its in roles.items() for part in (shown(role, "bold"), _role(its))))


def _role(rubrics: Iterable[Rubric]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=5)
    table.add_column("title", min_width=28)
    table.add_column("format", no_wrap=True, min_width=11)
    table.add_column("STAR", justify="center")
    table.add_column("points", justify="right")
    table.add_column("pitfalls", justify="right")
    for rubric in rubrics:
        table.add_row(
            shown(rubric.id or ""),
            shown(rubric.title or rubric.question),
            rubric.format or "",
            "✓" if rubric.star else "",
            str(len(rubric.points)),
            str(len(rubric.pitfalls)),
        )
    return table


def page(rubric: Rubric) -> Group:
    """All that a rubric says; what it leaves out is left out."""
    about = [rubric.role, rubric.format, "told as STAR" if rubric.star else None, rubric.region]
    parts: list[RenderableType] = [
        shown(f"{rubric.id}  {rubric.title or ''}".rstrip(), "bold"),
        shown(rubric.question),
        shown(" · ".join(part for part in about if part), "dim"),
    ]
    if rubric.assesses:
        parts += [Text(), shown(f"Assesses: {rubric.assesses}")]
    parts += _section("A good answer", map(_point, rubric.points))
    parts += _section("Pitfalls", map(_pitfall, rubric.pitfalls))
    if rubric.example_answer:
        parts += [Text(), Text("Example answer", "bold"), Padding(shown(rubric.example_answer), (0, 0, 0, 2))]
    if rubric.source:
        number = f", {rubric.source.number}" if rubric.source.number else ""
        parts += [Text(), shown(f"Source: {rubric.source.document}{number}", "dim")]
    return Group(*parts)


def _section(title: str, rows: Iterable[tuple[str, Group]]) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, body in rows:
        table.add_row(shown(name, "cyan"), body)
    if table.row_count:
        yield from (Text(), Text(title, "bold"), Padding(table, (0, 0, 0, 2)))


def _point(point: Point) -> tuple[str, Group]:
    star = "decided by code from the four STAR parts" if point.decided_by == "star" else None
    said = {"met when": point.met_when, "partial when": point.partial_when, "": star, "weight": _weight(point.weight)}
    return point.id, _worded(point.text, said)


def _pitfall(pitfall: Pitfall) -> tuple[str, Group]:
    said = {
        "kind": pitfall.kind.value,
        "expected": pitfall.expected,
        "committed when": pitfall.committed_when,
        "weight": _weight(pitfall.weight),
    }
    return pitfall.id, _worded(pitfall.text, said)


def _weight(weight: float) -> str | None:
    return None if weight == 1 else f"{weight:g}"


def _worded(text: str, said: Mapping[str, str | None]) -> Group:
    lines = [f"{name}: {value}" if name else value for name, value in said.items() if value]
    return Group(shown(text), *(shown(line, "dim") for line in lines))


def findings_page(found: Mapping[Path, Sequence[tuple[str, str, str]]]) -> Group:
    """Findings (criterion, rule, message) under the file they are in."""
    return Group(*(part for path, findings in found.items() for part in _findings(path, findings)))


def _findings(path: Path, findings: Iterable[tuple[str, str, str]]) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for criterion, rule, message in findings:
        table.add_row(shown(criterion, "cyan"), shown(rule, "yellow"), shown(message))
    yield from (shown(str(path), "bold"), Padding(table, (0, 0, 1, 2)))
