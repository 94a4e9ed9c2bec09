"""Break what the service stands on, and show what its clients get: `python -m bench.faults`.

Exit code 1: something came out otherwise than it should. The same cases are tests (tests/faults).
"""

import sys
from collections import Counter

from rich.console import Console
from rich.table import Table

from bench.fault_cases import CASES
from bench.stand import Stand

_console = Console(width=170)
_ANSWERS = 6


def main() -> int:
    table = Table(title=f"faults, {_ANSWERS} answers at once each")
    for column in ("fault", "the clients got", "worst s", "calls", "remembered", "as it should be"):
        table.add_column(column, justify="right" if column == "worst s" else "left")
    short = 0
    with Stand() as stand:
        for case in CASES:
            outcome = case.tried(stand, _ANSWERS)
            wrong = case.falls_short(outcome, strict=True)
            short += bool(wrong)
            table.add_row(case.fault, _told(outcome.got), f"{outcome.worst_seconds:.2f}", _told(outcome.calls),
                          _told(outcome.remembered), "; ".join(wrong) or "yes")  # fmt: skip
    _console.print(table)
    return 1 if short else 0


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in sorted(counts.items())) or "-"


if __name__ == "__main__":
    sys.exit(main())
