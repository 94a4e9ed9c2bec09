"""Exported samples are moved back in time, and nothing else about them changes."""

import subprocess
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bench.backfill import WEEK_SECONDS, Series, openmetrics
from tests.prometheus_tools import program

_NOW = 1_700_000_000.0
_SERIES = [
    Series({"__name__": "grader_cost_usd_total", "model": 'a "b"\\c\nd'}, [(_NOW, "0.25"), (_NOW + 1.5, "1e-07")]),
    Series({"__name__": "up"}, [(_NOW, "1")]),
]


def test_each_sample_is_a_line_so_many_seconds_earlier() -> None:
    lines = openmetrics(_SERIES, WEEK_SECONDS).splitlines()
    assert lines == [
        'grader_cost_usd_total{model="a \\"b\\"\\\\c\\nd"} 0.25 1699395200.000',  # 1.7e9 - 7 * 86400
        'grader_cost_usd_total{model="a \\"b\\"\\\\c\\nd"} 1e-07 1699395201.500',
        "up 1 1699395200.000",
        "# EOF",
    ]


def test_another_reader_reads_the_same_labels_and_values() -> None:
    families = list(text_string_to_metric_families(openmetrics(_SERIES, 0)))  # type: ignore[no-untyped-call]
    read = {(sample.name, sample.labels.get("model"), sample.value) for each in families for sample in each.samples}
    label = 'a "b"\\c\nd'
    assert read == {("grader_cost_usd_total", label, 0.25), ("grader_cost_usd_total", label, 1e-07), ("up", None, 1.0)}


def test_promtool_makes_blocks_of_it(tmp_path: Path) -> None:
    (tmp_path / "past.om").write_text(openmetrics(_SERIES, WEEK_SECONDS), "utf-8")
    command = [str(program("promtool")), "tsdb", "create-blocks-from", "openmetrics", "past.om", "data"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "data").glob("*/meta.json"))) == 1


def test_values_that_are_no_numbers_keep_their_names() -> None:
    odd = Series({"__name__": "x"}, [(0, "NaN"), (1, "+Inf"), (2, "-Inf")])
    assert openmetrics([odd], 0) == "x NaN 0.000\nx +Inf 1.000\nx -Inf 2.000\n# EOF\n"
