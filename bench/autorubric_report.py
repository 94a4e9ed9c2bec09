"""The comparison with AutoRubric in figures: agreement with the labels, tokens and seconds, on the same answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.autorubric_items import Item, Reading
from evals.agreement import accuracy, auc, cohen_kappa, f1
from evals.intervals import Indices, Interval, Statistic, groups_of, interval, paired_difference

_console = Console(width=200)
_NOTES = """
[low, high]: 95% percentile bootstrap over answers, [..] where it cannot be told. STAR parts, and points derived from
them, are left out on both sides. A point labelled partial is not met. Accuracy, F1, kappa and AUC are over the criteria
that the judge assessed; "kappa of all" takes what it left unassessed as not met, not committed. AUC is of odds or of
levels (ours: met 1, partial 0.5, missed 0; AutoRubric: MET 1, UNMET 0), as its last column says."""


class Row(NamedTuple):
    """One criterion of one answer: what the label says, what the judge says (None: unassessed) and its score."""

    answer_id: str
    is_point: bool
    human: bool
    verdict: bool | None
    score: float | None


@dataclass(frozen=True)
class Columns:
    """Rows as arrays. Where `assessed` is false, `verdict` is false and `score` 0, and neither means a thing."""

    groups: tuple[Indices, ...]
    human: NDArray[np.bool_]
    assessed: NDArray[np.bool_]
    verdict: NDArray[np.bool_]
    score: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Columns":
        return cls(
            groups=groups_of([row.answer_id for row in rows]),
            human=np.array([row.human for row in rows], dtype=bool),
            assessed=np.array([row.verdict is not None for row in rows], dtype=bool),
            verdict=np.array([bool(row.verdict) for row in rows], dtype=bool),
            score=np.array([row.score or 0.0 for row in rows], dtype=float),
        )

    def _assessed(self, measure: Callable[[Any, Any], float | None], judged: NDArray[Any]) -> Statistic:
        def statistic(at: Indices) -> float | None:
            known = at[self.assessed[at]]
            return measure(self.human[known], judged[known])

        return statistic

    def measures(self) -> dict[str, Statistic]:
        """Each figure by its name, as a function of which rows to look at."""
        return {
            "unassessed": lambda at: float((~self.assessed[at]).mean()) if at.size else None,
            "accuracy": self._assessed(accuracy, self.verdict),
            "F1": self._assessed(lambda human, verdict: f1(human, verdict, True), self.verdict),
            "kappa": self._assessed(cohen_kappa, self.verdict),
            "kappa of all": lambda at: cohen_kappa(self.human[at], self.verdict[at]),
            "AUC": self._assessed(auc, self.score),
        }


def rows_of(items: Sequence[Item], readings: Mapping[str, Reading]) -> list[Row]:
    """In the order of items and criteria, so that two judges' rows stand side by side."""
    return [
        Row(
            item.golden.id,
            asked.kind == "point",
            asked.human,
            readings[item.golden.id].verdicts[asked.id],
            readings[item.golden.id].scores.get(asked.id),
        )
        for item in items
        for asked in item.criteria
    ]


def show(
    items: Sequence[Item], judges: Mapping[str, Mapping[str, Reading]], rng: np.random.Generator, draws: int
) -> None:
    """A set of tables for each mode of AutoRubric, with our judges on the answers that all of them have read."""
    theirs = [name for name in judges if name.startswith("AutoRubric")]
    ours = [name for name in judges if name not in theirs]
    for group in [[mode, *ours] for mode in theirs] or [ours]:
        shared = [item for item in items if all(item.golden.id in judges[name] for name in group)]
        if not group or not shared:
            _console.print(f"no answers yet that all of these have read: {', '.join(group) or 'no judge'}")
            continue
        _show_group(shared, {name: judges[name] for name in group}, rng, draws)
    _console.print(_NOTES, markup=False)


def _show_group(
    items: Sequence[Item], judges: Mapping[str, Mapping[str, Reading]], rng: np.random.Generator, draws: int
) -> None:
    _console.print(f"\n## {' | '.join(judges)}: the same {len(items)} answers\n", markup=False)
    for name, readings in judges.items():
        outages = sum(readings[item.golden.id].outage is not None for item in items)
        said = "; ".join(sorted({readings[item.golden.id].judge for item in items}))
        _console.print(f"{name}: {said}" + (f"; {outages} answers hit by outages" if outages else ""), markup=False)
    for kind, is_point in (("points, met", True), ("pitfalls, committed", False)):
        of_kind = {
            name: Columns.of([row for row in rows_of(items, readings) if row.is_point is is_point])
            for name, readings in judges.items()
        }
        odds = {name: any(readings[item.golden.id].has_odds for item in items) for name, readings in judges.items()}
        _console.print(_agreement_table(kind, of_kind, odds, rng, draws))
        if len(of_kind) > 1:
            _console.print(_difference_table(kind, of_kind, rng, draws))
    _console.print(_cost_table(items, judges, rng, draws))


def _agreement_table(
    kind: str, judges: Mapping[str, Columns], odds: Mapping[str, bool], rng: np.random.Generator, draws: int
) -> Table:
    human = next(iter(judges.values())).human
    names = ("unassessed", "accuracy", "F1", "kappa", "kappa of all", "AUC")
    table = _table(f"{kind} ({int(human.sum())} of {human.size} by the label)", *names, "AUC of")
    for name, columns in judges.items():
        measures = columns.measures()
        figures = [interval(columns.groups, measures[each], rng, draws) for each in names]
        table.add_row(name, *map(_figure, figures), "odds" if odds[name] else "levels")
    return table


def _difference_table(kind: str, judges: Mapping[str, Columns], rng: np.random.Generator, draws: int) -> Table:
    """Each later judge less the first, over the same drawn answers."""
    names = ("kappa", "kappa of all", "AUC")
    first, *others = judges
    table = _table(f"{kind}, less {first}", *names)
    for other in others:
        before, after = judges[first].measures(), judges[other].measures()
        groups = judges[first].groups
        differences = [paired_difference(groups, before[each], after[each], rng, draws) for each in names]
        table.add_row(other, *(_figure(difference, sign="+") for difference in differences))
    return table


def _cost_table(
    items: Sequence[Item], judges: Mapping[str, Mapping[str, Reading]], rng: np.random.Generator, draws: int
) -> Table:
    names = ("calls", "tokens in", "of them cached", "tokens out", "seconds")
    table = _table("means an answer", *names)
    for name, readings in judges.items():
        read = [readings[item.golden.id] for item in items]
        columns = (
            [reading.calls for reading in read],
            [reading.input_tokens for reading in read],
            [reading.cached_tokens for reading in read],
            [reading.output_tokens for reading in read],
            [reading.seconds for reading in read],
        )
        table.add_row(name, *(_figure(_mean(column, rng, draws), digits=1) for column in columns))
    return table


def _mean(values: Sequence[float], rng: np.random.Generator, draws: int) -> Interval | None:
    column = np.array(values, dtype=float)
    return interval(groups_of(range(len(values))), lambda at: float(column[at].mean()), rng, draws)


def _figure(value: Interval | None, sign: str = "", digits: int = 2) -> str:
    if value is None:
        return "undefined"
    if value.low is None or value.high is None:
        return f"{value.value:{sign},.{digits}f} [..]"
    return f"{value.value:{sign},.{digits}f} [{value.low:{sign},.{digits}f}, {value.high:{sign},.{digits}f}]"


def _table(*columns: str) -> Table:
    table = Table(box=MARKDOWN)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table
