"""What replayed runs say of a cascade, as a table and as one line."""

from collections.abc import Mapping

from evals.pairs import Kind
from evals.replay import Outcome, Replay
from evals.report.cells import Cell, Table, number, percent, ratio


def replays(found: Mapping[Kind, Replay]) -> Table:
    """The chosen threshold of each kind, and what it gives."""
    return Table(
        "A cascade of the two",
        ("kind", "n", "cheap", "strong", "from", "kappa", "goes on", "cost", "expected"),
        tuple(
            (
                Cell(kind),
                Cell(f"{one.criteria:,}"),
                _kappa(one.cheap),
                _kappa(one.strong),
                *((_kept(one.chosen.keep), *_given(one.chosen.outcome, one.strong)) if one.chosen else _UNDEFINED),
                Cell(_expected(one.held_out)),
            )
            for kind, one in found.items()
        ),
        "Kappa of met (present, committed) or not: of each judge alone, and of the cascade that keeps from this "
        "confidence on; the share of the criteria put to the strong judge; the cost beside the strong judge's alone. "
        "Expected: each question judged by thresholds chosen on all others.",
    )


def expected(found: Mapping[Kind, Replay]) -> str:
    """`points 0.61, 20 %`: kappa held out, and the share that goes to the strong judge."""
    return "; ".join(f"{kind} {_expected(one.held_out)}" for kind, one in found.items())


_UNDEFINED = (Cell("undefined"), Cell(""), Cell(""), Cell(""))


def _kept(keep: float | None) -> Cell:
    return Cell("nothing" if keep is None else "all" if keep == 0 else number(keep))


def _given(outcome: Outcome, strong: Outcome) -> tuple[Cell, Cell, Cell]:
    share = outcome.cost_usd / strong.cost_usd if outcome.cost_usd is not None and strong.cost_usd else None
    return _kappa(outcome), Cell(percent(outcome.escalated)), Cell(ratio(share))


def _kappa(outcome: Outcome) -> Cell:
    return Cell(number(outcome.kappa), f"{outcome.undecided} undecided" if outcome.undecided else "")


def _expected(outcome: Outcome | None) -> str:
    return f"{number(outcome.kappa)}, {percent(outcome.escalated)}" if outcome else "undefined"
