"""Values as a reader of a dashboard wants them, by Grafana's names for units."""

import math
from collections.abc import Callable

_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((86_400, " d"), (3600, " h"), (60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs")),
    "short": ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")),
    "bytes": ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")),
}
_SCALE_OF = {"s": "s", "ms": "s", "dtdurations": "s", "bytes": "bytes", "decbytes": "bytes", "short": "short",
             "none": "short", "": "short"}  # fmt: skip
_SUFFIXES = {"reqps": " req/s", "opm": " /min", "ops": " ops/s", "cps": " /s", "percent": " %", "percentunit": " %"}


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """A value in its unit, to three digits unless `decimals` are wanted; an unknown unit stands behind it as it is."""
    if not math.isfinite(value):
        return "–"
    if unit == "currencyUSD":
        return f"{'-' if value < 0 else ''}${_money(abs(value), decimals)}"
    if unit in _SCALE_OF:
        return _scaled(value / 1000 if unit == "ms" else value, _SCALE_OF[unit], decimals)
    return f"{_digits(100 * value if unit == 'percentunit' else value, decimals)}{_SUFFIXES.get(unit, f' {unit}')}"


def formatter(unit: str, decimals: int | None = None) -> Callable[[float, object], str]:
    """For the ticks of an axis."""
    return lambda value, _: shown(value, unit, decimals)


def _scaled(value: float, scale: str, decimals: int | None) -> str:
    if not value or (scale == "short" and abs(value) < 1):
        return _digits(value, decimals)
    steps = _SCALES[scale]
    factor, name = next((step for step in steps if abs(value) >= step[0] * 0.9995), steps[-1])
    return f"{_digits(value / factor, decimals)}{name}"


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _money(value: float, decimals: int | None) -> str:
    """What is less than a cent is not shown as nothing."""
    if value and value < 10 ** -(2 if decimals is None else decimals):
        return f"{value:.2g}" if value >= 1e-4 else f"{value:.8f}".rstrip("0")
    return f"{value:,.{2 if decimals is None else decimals}f}"
