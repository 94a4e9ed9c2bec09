"""Pictures for the page: inline SVG whose colours are the page's own, so that they follow light and dark."""

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from evals.pairs import Kind, Reading
from evals.report.tables import NAMES
from evals.summary import VerdictFigures

# Colours that stand for the page's variables until the picture is drawn.
INKS = {"#010203": "var(--ink)", "#040506": "var(--faint)", "#070809": "var(--rule)"}
KIND_INKS: Mapping[Kind, str] = {"points": "#0a0b0c", "pitfalls": "#0d0e0f", "star": "#101112"}
_COLOURS = INKS | {KIND_INKS[kind]: f"var(--{kind})" for kind in KIND_INKS}
_INK, _FAINT, _RULE = INKS
_STYLE = {
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own font
    "svg.hashsalt": "report",
    "font.size": 10,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
}


def reliability(kinds: Sequence[VerdictFigures]) -> str:
    """How often what the judge called so probable was so by the human; "" where it gave no probabilities."""
    drawn = [figures for figures in kinds if figures.sub is None and figures.calibration]
    if not drawn:
        return ""
    with rc_context(_STYLE):
        picture, axes = _square("the judge's probability", "share that the human says is so", 1.0)
        for figures in drawn:
            bins, ink = figures.calibration, KIND_INKS[figures.kind]
            forecast, observed = [b.mean_probability for b in bins], [b.observed for b in bins]
            axes.plot(forecast, observed, color=ink, linewidth=1.5, label=NAMES[figures.kind])
            axes.scatter(
                forecast, observed, s=[8 + 60 * (b.count / figures.compared) for b in bins], color=ink, zorder=3
            )
        axes.legend(frameon=False, loc="upper left")
        return svg_of(picture, "reliability")


def scores(readings: Sequence[Reading]) -> str:
    """Each answer's score by the human and by the judge; "" where none has both."""
    both = [(r.human, r.judge) for r in readings if r.human is not None and r.judge is not None]
    if not both:
        return ""
    with rc_context(_STYLE):
        picture, axes = _square("the human's score", "the judge's score", 100.0)
        axes.scatter(*zip(*both, strict=True), s=26, color=KIND_INKS["points"], alpha=0.55, linewidths=0)
        return svg_of(picture, "scores")


def svg_of(picture: Figure, name: str) -> str:
    """The picture as an `<svg>` element that needs nothing from elsewhere; `name` keeps its ids apart from others'."""
    stream = StringIO()
    picture.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" role="img">', svg, count=1)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg.strip()


def _square(across: str, up: str, top: float) -> tuple[Figure, Any]:
    """Axes from 0 to `top` both ways, with the diagonal on which the two would agree."""
    picture = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = picture.add_subplot()
    axes.plot([0, top], [0, top], color=_RULE, linewidth=1, linestyle=(0, (4, 4)))
    axes.set(xlabel=across, ylabel=up, xlim=(-0.02 * top, 1.02 * top), ylim=(-0.02 * top, 1.02 * top), aspect="equal")
    return picture, axes
