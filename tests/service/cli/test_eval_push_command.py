"""`grader eval push`: to a real Pushgateway, into a file, and what is said where neither can be."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import parse_headers
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from typer.testing import Result

from evals.records import RECORDS, Record, Run
from tests.evals.made_runs import failed_of, golden_file, golden_of, record_of, rubric_of, settings_for, written
from tests.processes import free_port
from tests.prometheus_programs import complaints, pushgateway, samples
from tests.service.cli.command_line import grader

RUBRIC = rubric_of("p1", "p2", f1="commission")
GOLDEN = tuple(
    golden_of(f"g{n}", RUBRIC, p1="met" if n % 2 else "missed", p2="met" if n % 4 else "partial", f1=n % 3 == 0)
    for n in range(6)
)
KAPPA = {"kind": "points", "measure": "kappa"}
NAME, PASSWORD = "gardener", "leaf mould"
# Of that password, by bcrypt with 2^4 rounds.
USERS = f"basic_auth_users:\n  {NAME}: $2b$04$abcdefghijklmnopqrstuu8DIfWUWLKWMJoZTYsQklRPcDm4mFT/y\n"


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """One for all tests of this module: each pushes runs under a judge of its own."""
    with pushgateway() as url:
        yield url


def run_in(folder: Path, name: str = "run", *records: Record, **settings: Any) -> Path:
    """A run over the six answers: these records, and for the rest a judge that agrees with the human."""
    golden = golden_file(folder / "garden.jsonl", *GOLDEN)
    given = {record.golden_id: record for record in records}
    whole = tuple(given.get(answer.id) or record_of(answer) for answer in GOLDEN)
    return written(folder / name, Run(settings_for(golden, **settings), whole))


def wrong(count: int) -> list[Record]:
    return [record_of(answer, {"p1": "missed", "p2": "missed", "f1": "avoided"}) for answer in GOLDEN[:count]]


def push(folder: Path, *words: str | Path, **env: str) -> Result:
    return grader(folder, "eval", "push", *words, "--draws", "20", **env)


def held(gateway: str, name: str, **labels: str) -> list[float]:
    """The values that the gateway holds of this metric, under these labels."""
    every = samples(httpx.get(f"{gateway}/metrics").text)
    return [one.value for one in every if one.name == name and one.labels.items() >= labels.items()]


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """A server that answers one request so, whatever was asked; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as asked:
                asked.readline()
                asked.read(int(parse_headers(asked)["Content-Length"]))
                connection.sendall(reply)

        thread = Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_a_newer_run_takes_the_place_of_the_older_one(tmp_path: Path, gateway: str) -> None:
    run_in(tmp_path, "old", judge="replaced")
    run_in(tmp_path, "new", *wrong(6), judge="replaced")
    assert push(tmp_path, "old", "--gateway", gateway).exit_code == 0
    assert held(gateway, "grader_eval_agreement", judge="replaced", **KAPPA) == [1.0]
    result = push(tmp_path, "new", "--gateway", gateway)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "pushed: golden garden, judge replaced, model scripted\n"
    assert held(gateway, "grader_eval_agreement", judge="replaced", **KAPPA) == [0.0]


def test_what_a_newer_run_does_not_know_is_gone(tmp_path: Path, gateway: str) -> None:
    run_in(tmp_path, "priced", judge="unpriced")
    run_in(tmp_path, "unpriced", record_of(GOLDEN[0], cost_usd=None), judge="unpriced")
    push(tmp_path, "priced", "--gateway", gateway)
    assert held(gateway, "grader_eval_cost_usd", judge="unpriced") == [pytest.approx(0.06)]
    push(tmp_path, "unpriced", "--gateway", gateway)
    assert held(gateway, "grader_eval_cost_usd", judge="unpriced") == []


def test_two_judges_and_two_models_stand_side_by_side(tmp_path: Path, gateway: str) -> None:
    run_in(tmp_path, "a", judge="beside_a", model="openai/gpt 5")
    run_in(tmp_path, "b", *wrong(6), judge="beside_b", model="openai/gpt 5")
    run_in(tmp_path, "c", *wrong(6), judge="beside_a", model="local:small")
    for name in "abc":
        assert push(tmp_path, name, "--gateway", gateway).exit_code == 0
    kappa = "grader_eval_agreement"
    assert held(gateway, kappa, judge="beside_a", model="openai/gpt 5", job="evals", golden="garden", **KAPPA) == [1.0]
    assert held(gateway, kappa, judge="beside_b", model="openai/gpt 5", job="evals", golden="garden", **KAPPA) == [0.0]
    assert held(gateway, kappa, judge="beside_a", model="local:small", job="evals", golden="garden", **KAPPA) == [0.0]
    # The gateway's own, under the same labels: when the push came, and when one last failed.
    assert held(gateway, "push_time_seconds", job="evals", golden="garden", judge="beside_b", model="openai/gpt 5")


def test_one_run_pushed_twice_is_one_run(tmp_path: Path, gateway: str) -> None:
    run = run_in(tmp_path, judge="twice")
    os.utime(run / RECORDS, (1_790_000_000, 1_790_000_000))
    for _ in range(2):
        push(tmp_path, "run", "--gateway", gateway)
        assert held(gateway, "grader_eval_finished_timestamp_seconds", judge="twice") == [1_790_000_000.0]


def test_the_gateway_may_be_a_setting_and_an_option_goes_before_it(tmp_path: Path, gateway: str) -> None:
    run_in(tmp_path, judge="set")
    assert push(tmp_path, "run", GRADER_PUSHGATEWAY_URL=gateway).exit_code == 0
    assert held(gateway, "grader_eval_answers", judge="set", outcome="graded") == [6.0]
    nobody = f"http://127.0.0.1:{free_port()}"
    assert push(tmp_path, "run", "--gateway", gateway, GRADER_PUSHGATEWAY_URL=nobody).exit_code == 0


def test_a_gateway_that_wants_a_password_is_given_it_and_it_is_never_printed(tmp_path: Path) -> None:
    run_in(tmp_path)
    users = tmp_path / "web.yml"
    users.write_text(USERS, encoding="utf-8")
    with pushgateway(f"--web.config.file={users}", ready=401) as url:
        host = url.removeprefix("http://")
        known = push(tmp_path, "run", "--gateway", f"http://{NAME}:{PASSWORD.replace(' ', '%20')}@{host}")
        assert known.exit_code == 0, known.stderr
        stranger = push(tmp_path, "run", "--gateway", f"http://{NAME}:peat@{host}")
    assert stranger.exit_code == 2
    assert f"{url}/ answered 401 Unauthorized" in stranger.stderr
    assert "peat" not in stranger.output


def test_into_a_file_go_the_same_figures_as_to_a_gateway(tmp_path: Path, gateway: str) -> None:
    run_in(tmp_path, "run", *wrong(2), judge="file")
    result = push(tmp_path, "run", "--textfile", "grader.prom", GRADER_PUSHGATEWAY_URL=gateway)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "written: grader.prom\n"
    text = (tmp_path / "grader.prom").read_text(encoding="utf-8")
    assert complaints(text) == ""
    assert held(gateway, "grader_eval_agreement", judge="file") == []  # a file, and nothing else
    push(tmp_path, "run", "--gateway", gateway)
    pushed = samples(httpx.get(f"{gateway}/metrics").text, "grader_eval_")
    ours = {(one.name, *sorted(one.labels.items())): one.value for one in samples(text)}
    theirs = {
        (one.name, *sorted((k, v) for k, v in one.labels.items() if k not in ("job", "instance"))): one.value
        for one in pushed
        if one.labels["judge"] == "file"
    }
    assert ours == theirs
    assert len(ours) > 20


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    run_in(tmp_path)
    (tmp_path / "out").mkdir()
    for _ in range(2):
        push(tmp_path, "run", "--textfile", "out/grader.prom")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["grader.prom"]


def test_a_serving_processs_own_metrics_stay_free_of_the_runs(tmp_path: Path) -> None:
    run_in(tmp_path)
    (tmp_path / "metrics").mkdir()
    command = [sys.executable, "-m", "service.cli", "eval", "push", str(tmp_path / "run"), "--draws", "20"]
    subprocess.run(
        [*command, "--textfile", str(tmp_path / "grader.prom")],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")},
        check=True,
        capture_output=True,
    )
    assert b"grader_eval_answers" in (tmp_path / "grader.prom").read_bytes()
    assert not any(b"grader_eval" in path.read_bytes() for path in (tmp_path / "metrics").iterdir())


def test_a_run_by_other_rubrics_is_pushed_with_a_word_on_it(tmp_path: Path) -> None:
    answer = golden_of("own", "1.1", p1="met")
    golden = golden_file(tmp_path / "own.jsonl", answer)
    written(tmp_path / "run", Run(settings_for(golden), (record_of(golden_of("own", rubric_of("p1"), p1="met")),)))
    result = push(tmp_path, "run", "--textfile", "grader.prom")
    assert result.exit_code == 0, result.stderr
    assert "1 reading graded by rubrics that have changed since" in result.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run"], "no place to push to; set --gateway URL or GRADER_PUSHGATEWAY_URL, or take --textfile FILE"),
        (["run", "--gateway", "localhost:9091"], "GRADER_PUSHGATEWAY_URL: URL scheme should be 'http' or 'https'"),
        (["run", "--gateway", "http://"], "GRADER_PUSHGATEWAY_URL: Input should be a valid URL"),
        (["run", "--gateway", "http://localhost:9091", "--textfile", "a.prom"], "one run goes to one place"),
        (["run", "--textfile", "figures.txt"], "reads only files that end in .prom"),
        (["run", "--textfile", "no/where.prom"], "no/where.prom: cannot be written: No such file or directory"),
        (["nowhere", "--textfile", "a.prom"], "nowhere/run.json: cannot be read: No such file or directory"),
        (["unbegun", "--textfile", "a.prom"], "unbegun/records.jsonl: no records yet; go on with the run"),
        (["unfinished", "--textfile", "a.prom"], "5 of 6 readings have no record yet, and only a finished run"),
        (["failed", "--textfile", "a.prom"], "failed/records.jsonl: no answer was graded (JudgeTimedOut: the deadline"),
        (["attacked", "--textfile", "a.prom"], "attacked/run.json: is of attacks"),
        (["run", "--golden", "no.jsonl", "--textfile", "a.prom"], "its golden file is not at no.jsonl"),
    ],
)
def test_wrong_use_is_told_by_name_with_exit_code_2(tmp_path: Path, words: list[str], complaint: str) -> None:
    run_in(tmp_path)
    run_in(tmp_path, "failed", *map(failed_of, GOLDEN))
    run_in(tmp_path, "attacked", attacks="abc")
    golden = tmp_path / "garden.jsonl"
    written(tmp_path / "unbegun", Run(settings_for(golden), ()))
    written(tmp_path / "unfinished", Run(settings_for(golden), (record_of(GOLDEN[0]),)))
    result = push(tmp_path, *words)
    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.split())
    assert not (tmp_path / "a.prom").exists()


def test_what_is_no_pushgateway_is_told_by_its_answer_with_exit_code_2(tmp_path: Path, gateway: str) -> None:
    run_in(tmp_path)
    result = push(tmp_path, "run", "--gateway", f"{gateway}/elsewhere")
    assert result.exit_code == 2
    assert f"not taken: {gateway}/elsewhere answered 404 Not Found" in result.stderr
    assert "is that a Pushgateway" in result.stderr


def test_where_nobody_listens_the_exit_code_is_3_and_the_address_is_named(tmp_path: Path) -> None:
    run_in(tmp_path)
    nobody = f"127.0.0.1:{free_port()}"
    result = push(tmp_path, "run", "--gateway", f"http://gardener:peat@{nobody}")
    assert result.exit_code == 3
    assert f"the Pushgateway cannot be reached: http://{nobody}/: " in result.stderr
    assert "Connection refused" in result.stderr
    assert "start it, or name another: --gateway URL" in result.stderr
    assert "peat" not in result.output


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy",
            "answered 503 Service Unavailable: busy",
        ),
        (b"-ERR unknown command\r\n", "-ERR unknown command"),
    ],
)
def test_a_gateway_that_is_down_or_speaks_no_http_cannot_be_reached(tmp_path: Path, reply: bytes, told: str) -> None:
    run_in(tmp_path)
    with answering(reply) as url:
        result = push(tmp_path, "run", "--gateway", url)
    assert result.exit_code == 3
    assert told in result.stderr
    assert url in result.stderr


def test_the_help_names_the_setting_and_shows_examples(tmp_path: Path) -> None:
    told = push(tmp_path, "--help").stdout
    assert "GRADER_PUSHGATEWAY_URL" in told
    assert "grader eval push evals/runs/mini --gateway http://localhost:9091" in told
