"""A dashboard of every kind of panel is drawn, to its own measure, with what it was told."""

from pathlib import Path

import pytest
from PIL import Image

from bench.backfill import Series
from bench.dashboard_picture import picture
from bench.panel_data import Answer
from bench.panels import Dashboard, Look, Panel, Place, State, Target, Threshold

_KINDS = ("stat", "gauge", "bargauge", "barchart", "piechart", "table", "timeseries", "state-timeline", "heatmap")
_LOOKS = (Look("s", logarithmic=True, limits=True, thresholds=(Threshold(None, "green"), Threshold(2, "red"))),
          Look("percentunit", stacking="percent"), Look("currencyUSD", bars=True),
          Look(states=((1.0, State("half-open", "orange")),)))  # fmt: skip
_SERIES = [
    Series({"le": end, "model": "$openai_/\\x"}, [(1e9 + 2 * at, str(at % 3 + n)) for at in range(30)])
    for n, end in enumerate(("0.5", "1", "+Inf"))
]


def _panel(kind: str, look: Look, number: int) -> Panel:
    target = Target("A", "x", legend="{{le}}", buckets=kind in ("heatmap", "bargauge"))
    return Panel(f"{kind}?", kind, Place(6 * (number % 4), 1 + 8 * (number // 4), 6, 8), (target,), look)


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.fixture
def dashboard() -> Dashboard:
    shapes = [(kind, look) for kind in _KINDS for look in _LOOKS]
    panels = [_panel(kind, look, number) for number, (kind, look) in enumerate(shapes)]
    below = 1 + 8 * len(_KINDS)
    row, text = (
        Panel("Row", "row", Place(0, 0, 24, 1)),
        Panel("Read", "text", Place(0, below, 24, 2), text="words " * 40),
    )
    return Dashboard("board", "Board", (row, *panels, text))


def test_each_kind_is_drawn_with_data_and_without(dashboard: Dashboard, tmp_path: Path) -> None:
    answers = {panel: [Answer(target, _SERIES) for target in panel.targets] for panel in dashboard.panels}
    for name, told in (("with", answers), ("without", {})):
        picture(dashboard, told, ("one", "two"), tmp_path / f"{name}.png")
    sizes = {_size(tmp_path / f"{name}.png") for name in ("with", "without")}
    # 75 rows of the grid and 0.36 inch each, the head and the foot: 28.05 inches, and 100 dots an inch.
    assert sizes == {(1300, 2805)}
    with_data, without = ((tmp_path / f"{name}.png").read_bytes() for name in ("with", "without"))
    assert len(without) < len(with_data) < 300_000
