"""A dashboard's data as a picture, each panel where the dashboard has it. Grafana has no part in it, and it says so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from bench.panel_data import Answer
from bench.panel_drawing import BARE, BARRED, draw, legend_lines
from bench.panels import Dashboard, Panel

_WIDTH_INCHES, _ROW_INCHES, _HEAD_INCHES, _FOOT_INCHES = 13.0, 0.36, 0.55, 0.5
_COLUMNS = 24
_DOTS_AN_INCH = 100
_PALETTE = 128  # colours are enough for lines and text, and a third of the bytes


def picture(dashboard: Dashboard, answers: Mapping[Panel, Sequence[Answer]], notes: Sequence[str], path: Path) -> None:
    """Draws what was answered to each panel; `notes` stand at the foot."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    rows = max(panel.place.y + panel.place.h for panel in dashboard.panels)
    height = _HEAD_INCHES + rows * _ROW_INCHES + _FOOT_INCHES
    with pyplot.rc_context({"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#9aa0a6",
                            "xtick.labelsize": 7, "ytick.labelsize": 7, "text.parse_math": False}):  # fmt: skip
        figure = pyplot.figure(figsize=(_WIDTH_INCHES, height), dpi=_DOTS_AN_INCH, facecolor="#f4f5f5")
        figure.text(0.012, 1 - 0.32 / height, dashboard.title, fontsize=14, fontweight="bold", va="center")
        figure.text(0.012, _FOOT_INCHES / 2 / height, "\n".join(notes), fontsize=7.5, color="#444", va="center")
        for panel in dashboard.panels:
            _panel(figure, panel, answers.get(panel, ()), height)
        _save(figure, path)
        pyplot.close(figure)


def _panel(figure: Any, panel: Panel, answers: Sequence[Answer], height: float) -> None:
    x, y, w, h = panel.place
    left, right = x / _COLUMNS, (x + w) / _COLUMNS
    top = 1 - (_HEAD_INCHES + y * _ROW_INCHES) / height
    bottom = top - h * _ROW_INCHES / height
    if panel.kind == "row":
        figure.text(
            0.012, (top + bottom) / 2, panel.title, fontsize=10, fontweight="bold", color="#3c4043", va="center"
        )
        return
    from matplotlib.patches import Rectangle

    gap_x, gap_y = 0.03 / _WIDTH_INCHES, 0.03 / height
    box = (left + gap_x, bottom + gap_y), right - left - 2 * gap_x, top - bottom - 2 * gap_y
    figure.patches.append(
        Rectangle(*box, transform=figure.transFigure, facecolor="white", edgecolor="#dcdfe3", linewidth=0.8, zorder=-1)
    )
    title = fill(panel.title, round(6.4 * w))
    figure.text(left + 0.1 / _WIDTH_INCHES, top - 0.1 / height, title, fontsize=8.5, fontweight="bold", va="top")
    lines = 1 + title.count("\n"), legend_lines(panel, answers)
    draw(figure.add_axes(_inside(panel, (left, bottom, right, top), lines, height)), panel, answers)


def _inside(panel: Panel, box: Sequence[float], lines: tuple[int, int], height: float) -> Sequence[float]:
    """Where the data go: the box short of room for the title, the legend and what stands beside the axes."""
    left, bottom, right, top = box
    bare, named = panel.kind in BARE, panel.kind in (*BARRED, "state-timeline")
    beside = 0.12 if bare else 1.4 if named else 0.66
    below = 0.1 if bare else 0.26 + 0.14 * lines[1]
    x, y = left + beside / _WIDTH_INCHES, bottom + below / height
    return x, y, right - x - 0.14 / _WIDTH_INCHES, top - y - (0.2 + 0.14 * lines[0]) / height


def _save(figure: Any, path: Path) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    Image.fromarray(np.ascontiguousarray(pixels)).quantize(_PALETTE).save(path, optimize=True)
