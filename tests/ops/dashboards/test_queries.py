"""What the forms of query give, as promtool computes it: above all where nothing happened."""

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from ops.dashboards.queries import (
    each_per,
    gauge,
    grown,
    mean,
    or_none_yet,
    or_zero,
    per,
    quantile,
    rate,
    share,
    share_or_zero,
)
from tests.prometheus_tools import program

M = "5m"


class Case(NamedTuple):
    """A query and what it must give at 10 minutes: labels and value of each series, in PromQL's notation."""

    query: str
    samples: tuple[tuple[str, float], ...] = ()


# 1 a second and 3 a second of one kind and the other; `idle` and `still` never move; `never` isn't there.
SERIES = {
    'busy{model="a"}': "0+60x10",
    'busy{model="b"}': "0+180x10",
    "idle{}": "7x10",
    'slow_bucket{le="1"}': "0+30x10",
    'slow_bucket{le="2"}': "0+60x10",
    'slow_bucket{le="+Inf"}': "0+60x10",
    "slow_sum{}": "0+90x10",
    "slow_count{}": "0+60x10",
    'still_bucket{le="1"}': "0x10",
    'still_bucket{le="+Inf"}': "0x10",
    "still_sum{}": "0x10",
    "still_count{}": "0x10",
    "taken{}": "4x10",
}
A, B, NONE = '{model="a"}', '{model="b"}', '{model="none yet"}'
BUSY, IDLE, NEVER = (rate(name, over=M) for name in ("busy", "idle", "never"))
BY_MODEL = rate("busy", by="model", over=M)

CASES = {
    "a rate is of a second": Case(BUSY, (("{}", 4.0),)),
    "by a label": Case(BY_MODEL, ((A, 1.0), (B, 3.0))),
    "growth over five minutes": Case(grown("busy", 'model="a"', over=M), (("{}", 300.0),)),
    "growth before": Case(grown("busy", 'model="a"', over="2m", ago="3m"), (("{}", 120.0),)),
    "a gauge": Case(gauge("taken"), (("{}", 4.0),)),
    "half took a second": Case(quantile(0.5, "slow", over=M), (("{}", 1.0),)),
    "a quantile of nothing is none": Case(quantile(0.5, "still", over=M)),
    "a mean: 90 a minute over 60": Case(mean("slow", over=M), (("{}", 1.5),)),
    "a mean of nothing is none": Case(mean("still", over=M)),
    "a quarter": Case(share(rate("busy", 'model="a"', over=M), BUSY), (("{}", 0.25),)),
    "a share by label": Case(share(BY_MODEL, BY_MODEL), ((A, 1.0), (B, 1.0))),
    "a part that never was is 0": Case(share(NEVER, BUSY), (("{}", 0.0),)),
    "a part of one label that never was is 0": Case(
        share(rate("busy", 'model="a"', by="model", over=M), BY_MODEL), ((A, 1.0), (B, 0.0))
    ),
    "a share of nothing is none": Case(share(IDLE, IDLE)),
    "what is bad is 0 of nothing": Case(share_or_zero(IDLE, IDLE), (("{}", 0.0),)),
    "what is bad is 0 where it never was": Case(share_or_zero(NEVER, BUSY), (("{}", 0.0),)),
    "what is bad is 0 where nothing ever was": Case(share_or_zero(NEVER, NEVER), (("{}", 0.0),)),
    "what is bad is its share": Case(share_or_zero(rate("busy", 'model="b"', over=M), BUSY), (("{}", 0.75),)),
    "an amount for each": Case(per(BUSY, gauge("taken")), (("{}", 1.0),)),
    "an amount for each of nothing is none": Case(per(BUSY, IDLE)),
    "amounts for each": Case(each_per(BY_MODEL, gauge("taken")), ((A, 0.25), (B, 0.75))),
    "what never was is 0": Case(or_zero(NEVER), (("{}", 0.0),)),
    "what was is not 0": Case(or_zero(BUSY), (("{}", 4.0),)),
    "none yet": Case(or_none_yet(rate("never", by="model", over=M), "model"), ((NONE, 0.0),)),
    "some by now": Case(or_none_yet(BY_MODEL, "model"), ((A, 1.0), (B, 3.0))),
}


def said_of(case: Case, folder: Path) -> str:
    """What promtool finds different; empty where it gives what it must."""
    promtool = program("promtool")
    samples = [{"labels": labels, "value": value} for labels, value in case.samples]
    tests = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
        "promql_expr_test": [{"expr": case.query, "eval_time": "10m", "exp_samples": samples}],
    }
    file = folder / "forms.json"  # JSON is YAML
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [tests]}), "utf-8")
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_form_gives_what_it_promises(case: Case, tmp_path: Path) -> None:
    assert said_of(case, tmp_path) == ""


def test_promtool_would_tell_if_it_gave_something_else(tmp_path: Path) -> None:
    assert "got" in said_of(Case(BUSY, (("{}", 5.0),)), tmp_path)
