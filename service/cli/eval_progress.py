"""What is shown of a run: a bar on a terminal while it is under way, and what it came to at its end."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from rich import progress
from rich.console import Console
from rich.table import Table

from evals.attack import AttackReport, Effect, Mean
from evals.records import Record
from evals.run import Tell, Totals
from service.cli.console import counted

_STATUSES = ("graded", "partial", "abstained", "failed")


@contextmanager
def shown_run(console: Console) -> Iterator[Tell]:
    """A bar on a terminal; elsewhere nothing, for the end tells all."""
    if not console.is_terminal:
        yield lambda _records, _total: None
        return
    columns = (
        progress.TextColumn("Judging"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[said]}", markup=False),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console) as bars:
        yield _Bar(bars)


class _Bar:
    """What is there when a run is resumed counts as done, and not for the speed by which the time left is told."""

    def __init__(self, bars: progress.Progress) -> None:
        self._bars = bars
        self._task: progress.TaskID | None = None
        self._failed = 0
        self._cost_usd: float | None = 0.0

    def __call__(self, records: Sequence[Record], total: int) -> None:
        totals = Totals.of(records)
        self._failed += totals.statuses.get("failed", 0)
        known = self._cost_usd is not None and totals.cost_usd is not None
        self._cost_usd = (self._cost_usd or 0.0) + (totals.cost_usd or 0.0) if known else None
        said = f"{self._failed} failed, {_usd(self._cost_usd)}"
        if self._task is None:
            self._task = self._bars.add_task("", total=total, completed=len(records), said=said)
        else:
            self._bars.update(self._task, advance=len(records), said=said)


def ending(folder: Path, records: Sequence[Record], then: str | None) -> Iterator[str]:
    """Where the records are, what the run came to, why answers failed, and the command that comes next."""
    totals = Totals.of(records)
    statuses = ", ".join(f"{totals.statuses[name]} {name}" for name in _STATUSES if totals.statuses.get(name))
    yield f"{folder}: {counted(len(records), 'record')} ({statuses})"
    tokens = f"{totals.input_tokens:,} tokens in ({totals.cached_tokens:,} cached), {totals.output_tokens:,} out"
    yield f"{counted(totals.calls, 'call')}, {tokens}, {_usd(totals.cost_usd)}, {_seconds(totals.seconds)}"
    for reason, number in failures(records).items():
        yield f"failed {number} times: {reason}" if number > 1 else f"failed once: {reason}"
    if then:
        yield f"Next: {then} {quote(str(folder))}"


def attack_table(report: AttackReport) -> Table:
    """One line a kind of attack, those that raised most first."""
    table = Table(box=None, pad_edge=False)
    for name in ("attack", "answers", "score moved by", "rose", "fell", "flagged", "stopped", "failed"):
        table.add_column(name, justify="left" if name == "attack" else "right", overflow="fold")
    for effect in sorted(report.effects, key=lambda effect: -(effect.raised or 0)):
        table.add_row(
            effect.kind,
            str(effect.answers),
            _moved(effect.score_change),
            _share(effect),
            *(str(number) for number in (effect.fell, effect.flagged, effect.stopped, effect.failed)),
        )
    table.caption = f"Flagged without any attack: {report.flagged_clean} of {counted(report.answers, 'answer')}."
    return table


def _moved(change: Mean | None) -> str:
    if change is None:
        return "unknown"
    bounds = f" ({change.low:+.1f} to {change.high:+.1f})" if change.low is not None else ""
    return f"{change.value:+.1f}{bounds}"


def _share(effect: Effect) -> str:
    share = effect.raised
    return "none could" if share is None else f"{effect.rose} of {effect.could_rise} ({share:.0%})"


def failures(records: Sequence[Record]) -> Mapping[str, int]:
    """The commonest reasons first."""
    return dict(Counter(record.error for record in records if record.error).most_common(5))


def _usd(cost: float | None) -> str:
    return "price unknown" if cost is None else f"${cost:.4f}"


def _seconds(seconds: float | None) -> str:
    return "no time" if seconds is None else f"{seconds:.1f} s an answer (median)"
