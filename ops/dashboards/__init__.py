"""The Grafana dashboards as code: `python -m ops.dashboards` writes ops/grafana/dashboards/."""

import json
from collections.abc import Callable, Mapping

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from ops.dashboards import cost, evals, grading, latency

DASHBOARDS: Mapping[str, Callable[[], Dashboard]] = {
    "latency": latency.dashboard,
    "cost": cost.dashboard,
    "grading": grading.dashboard,
    "evals": evals.dashboard,
}
"""The file's name, and what builds it."""


def text_of(dashboard: Dashboard) -> str:
    """As JSON that differs only where the dashboard does."""
    return json.dumps(dashboard, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
