"""Tables as plain cells, and how figures are written in them."""

from typing import NamedTuple

from evals.measures import Range


class Cell(NamedTuple):
    """`detail` is said smaller, or in brackets. `share`, in [0, 1], can be drawn as a bar; None where it can't."""

    text: str
    detail: str = ""
    share: float | None = None


class Table(NamedTuple):
    """Rows of cells under their heads; `note` says how to read it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def number(value: float | None, places: int = 2) -> str:
    """`0.64`; "undefined" for None, and no minus before a zero."""
    if value is None:
        return "undefined"
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def signed(value: float | None, places: int = 2) -> str:
    """`+0.05`; no sign before a zero."""
    text = number(value, places)
    return text if value is None or text.startswith("-") or float(text) == 0 else f"+{text}"


def percent(part: float | None) -> str:
    """`12 %`."""
    return "undefined" if part is None else f"{100 * part:.0f} %"


def between(limits: Range | None, places: int = 2) -> str:
    """`0.58 to 0.70`; nothing where it can't be told."""
    return f"{number(limits.low, places)} to {number(limits.high, places)}" if limits else ""


def usd(amount: float | None) -> str:
    """`$0.0042`."""
    return "unknown" if amount is None else f"${amount:,.4f}"


def ratio(value: float | None) -> str:
    """`1.3 times`."""
    return "unknown" if value is None else f"{value:.2f} times"
