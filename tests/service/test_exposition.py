"""What a scrape is given, by what it accepts and by whether one process serves or several."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.metrics import exposition

_ACCEPTS_OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4"

# A process that counts and ends. Its arguments: whether it tells the page afterwards.
_COUNTS = """
import json, sys
from service import metrics
metrics.REQUESTS.labels("/grade", "200").inc(2, exemplar={"trace_id": "0af7651916cd43dd"})
metrics.labelled(metrics.REQUEST_SECONDS, "/grade").observe(0.003, exemplar={"trace_id": "0af7651916cd43dd"})
metrics.REPAIRS.inc()
print(json.dumps([metrics.exposition(accept)[0].decode() for accept in json.loads(sys.argv[1])]))
"""


def counting(folder: Path, *accepts: str) -> list[str]:
    """The pages as one more process tells them that has counted."""
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", _COUNTS, json.dumps(accepts)]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    pages: list[str] = json.loads(result.stdout)
    return pages


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("", "text/plain; version=0.0.4", ""),
        ("*/*", "text/plain; version=0.0.4", ""),
        (_ACCEPTS_OPENMETRICS, "application/openmetrics-text; version=1.0.0", "# EOF\n"),
    ],
)
def test_a_scrape_gets_the_format_that_it_accepts(accept: str, content_type: str, end: str) -> None:
    page, given = exposition(accept)
    assert given.startswith(content_type)
    assert page.decode().endswith(end)
    assert page.decode().endswith("# EOF\n") == bool(end)
    assert b"# TYPE grader_repairs" in page


def test_processes_that_have_ended_count_in_both_formats_and_an_exemplar_does_no_harm(tmp_path: Path) -> None:
    counting(tmp_path)
    text, openmetrics = counting(tmp_path, "", _ACCEPTS_OPENMETRICS)
    for page in (text, openmetrics):
        assert 'grader_requests_total{route="/grade",status="200"} 4.0\n' in page
        assert 'grader_request_seconds_bucket{le="0.005",route="/grade"} 2.0\n' in page
        assert 'grader_request_seconds_count{route="/grade"} 2.0\n' in page
        assert "grader_repairs_total 2.0\n" in page
