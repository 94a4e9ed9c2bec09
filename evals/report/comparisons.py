"""The tables of two runs beside each other."""

from evals.compare import Comparison
from evals.gate import Gate
from evals.report.cells import Cell, Table, between, number, percent, signed


def differences(comparison: Comparison, a: str = "A", b: str = "B") -> Table:
    """The headline figures of two runs on the same items; `a` and `b` are what the runs are called."""
    rows = tuple(
        (
            Cell(d.title), Cell(number(d.a)), Cell(number(d.b)), Cell(signed(d.difference)),
            Cell(between(d.range) or "undefined"), Cell(str(d.n)), Cell(str(d.answers)),
        )
        for d in comparison.differences
    )  # fmt: skip
    before, after = comparison.before, comparison.after
    note = (
        f"Of {a} {percent(before.failed)} of the readings failed and {percent(before.unassessed)} of the criteria are "
        f"unassessed, of {b} {percent(after.failed)} and {percent(after.unassessed)}."
    )
    return Table("What both decided", ("figure", a, b, f"{b} less {a}", "95 %", "n", "answers"), rows, note)


def flips(comparison: Comparison) -> Table:
    """Each verdict that differs."""
    rows = tuple(
        (
            Cell(f.golden_id, f"reading {f.reading}" if f.reading else ""),
            Cell(f.criterion_id),
            *map(Cell, (f.human, f.a, f.b)),
        )
        for f in comparison.flips
    )
    title = f"{len(rows)} of {comparison.verdicts} verdicts differ"
    return Table(title, ("answer", "criterion", "human", "A", "B"), rows)


def rulings(gate: Gate) -> Table:
    """What the gate looked at."""
    rows = tuple(
        (
            Cell(r.name), Cell("passed" if r.passed else "fell short"),
            Cell(number(r.before, 3)), Cell(number(r.after, 3)),
            Cell("" if r.low is None else f"{number(r.low, 3)} to {number(r.high, 3)}"), Cell(r.why),
        )
        for r in gate.rulings
    )  # fmt: skip
    return Table("Gate", ("figure", "ruling", "before", "now", "95 % of the change", "why"), rows)
