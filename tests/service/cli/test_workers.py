"""`grader serve --workers 2`: real processes that count as one, are replaced as they die, and stop as one does."""

import os
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from bench.process_faults import load
from bench.stand import PLAIN, Reply, Stand, ask, fresh_answers
from service.cli.workers import alike
from service.settings import Settings
from tests.processes import PATIENCE_SECONDS, serving
from tests.service.api.doors import BODY
from tests.service.cli.command_line import VERDICTS, grader, judged
from tests.service.cli.crew import children_of, crew, lives, scripted, until

_GRADED = 'grader_requests_total{route="/grade",status="200"}'
_TIMED = 'grader_request_seconds_count{route="/grade"}'


def started(folder: Path, workers: int, **settings: str) -> tuple[int, str]:
    """Of a start that fails: the exit code, and what is said."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GRADER_", "OPENAI_"))}
    here = {"GRADER_PORT": "0", "GRADER_WORKERS": str(workers), "PYTHONPATH": str(Path.cwd())}
    result = subprocess.run(
        [sys.executable, "-m", "service.cli", "serve"],
        env=inherited | here | settings,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    return result.returncode, result.stderr


def test_whichever_worker_answers_it_tells_what_all_have_counted(tmp_path: Path) -> None:
    with crew(tmp_path, scripted(tmp_path)) as two, ThreadPoolExecutor(8) as callers:
        asked, pages = 0, []
        while asked < 40 or not all(two.counted_by(pid, "grader_requests_total", route="/grade") for pid in two.pids):
            replies = callers.map(lambda _: two.client.post("/grade", json=BODY), range(8))
            assert {reply.status_code for reply in replies} == {200}
            asked += 8
        until(lambda: two.metrics()[_GRADED] == asked)  # a request is counted once its reply is sent
        while not all(two.counted_by(pid, "grader_requests_total", route="/metrics") > 2 for pid in two.pids):
            pages.append(two.metrics())
    assert len(two.pids) == 0
    assert {(page[_GRADED], page[_TIMED]) for page in pages} == {(asked, asked)}


def test_a_killed_worker_is_replaced_its_counts_stay_and_what_it_had_in_hand_is_forgotten(tmp_path: Path) -> None:
    settings = {**PLAIN, "GRADER_DEADLINE_SECONDS": "300"}
    in_flight, most = "grader_calls_in_flight", "grader_calls_most"
    with Stand() as stand, crew(tmp_path, stand.settings(settings)) as two, ThreadPoolExecutor(60) as callers:
        waiting: list[Future[Reply]] = []

        def grade(answer: str) -> Reply:
            return ask(two.client, answer)

        def of_all(gauge: str) -> float:
            return sum(value for name, value in two.metrics().items() if name.startswith(gauge))

        assert {reply.said for reply in callers.map(grade, fresh_answers(8))} == {"200 graded"}
        until(lambda: two.metrics()[_GRADED] == 8)
        with stand.slow_upstream(600_000):
            while not all(two.counted_by(pid, in_flight) for pid in two.pids):
                waiting.extend(callers.submit(grade, answer) for answer in fresh_answers(2))
                until(lambda: of_all(in_flight) == len(waiting))
            killed = max(two.pids)
            had, before = two.counted_by(killed, in_flight), two.metrics()
            os.kill(killed, signal.SIGKILL)
            until(lambda: len(two.pids) == 2 and killed not in two.pids)
            until(lambda: of_all(in_flight) == len(waiting) - had)  # another may stand there before its gauges are gone
            after = two.metrics()
            fallen = {name.partition("{")[0] for name in before if after.get(name, 0.0) < before[name]}
            assert fallen <= {"grader_requests_in_flight", in_flight, most}
            until(lambda: of_all(most) == 64)  # 32 are each one's
        two.service.process.terminate()
        assert two.service.process.stderr
        assert any(line.startswith("Stopping once") for line in two.service.process.stderr)
        two.service.process.terminate()  # again: at once
        assert two.service.process.wait(PATIENCE_SECONDS) == 130
        assert [future.result().said for future in waiting if future.result().said.startswith("200")] == []


@pytest.mark.parametrize(
    ("number", "told_to_all"),
    [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, True)],
    ids=["SIGTERM", "SIGTERM to each process", "Ctrl-C"],
)
def test_told_to_stop_they_finish_what_they_have(number: signal.Signals, told_to_all: bool, tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    patient = {"GRADER_DEADLINE_SECONDS": "120"}  # a slow machine is no fault
    settings = {**PLAIN, **patient, "GRADER_WORKERS": "2", "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    with Stand() as stand, stand.slow_upstream(300), load(stand, 16, settings) as (service, replies):
        for file in folder.glob("counter_*.db") if told_to_all else ():
            with suppress(ProcessLookupError):
                os.kill(int(file.stem.rpartition("_")[2]), number)
        service.process.send_signal(number)
        assert service.process.wait(PATIENCE_SECONDS) == 0
    assert {reply.said for reply in replies.values()} == {"200 graded", "refused"}


def test_a_ctrl_c_while_they_start_is_no_fault(tmp_path: Path) -> None:
    env = {**os.environ, **scripted(tmp_path), "GRADER_WORKERS": "2", "GRADER_PORT": "0"}
    command = [sys.executable, "-m", "service.cli", "serve"]
    group = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until(lambda: len(children_of(group.pid)) == 3)  # two workers, and Python's own tracker of resources
    os.killpg(group.pid, signal.SIGINT)  # as a terminal does
    said = group.communicate(timeout=PATIENCE_SECONDS)[1]
    assert group.returncode == 0
    assert "Traceback" not in said


def test_the_greeting_comes_once_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with serving(scripted(tmp_path) | {"GRADER_WORKERS": "2"}) as service:
        process = service.process
        assert process.stderr
        said = [process.stderr.readline() for _ in range(3)]
        assert said[0] == "2 workers share the port. Without GRADER_REDIS_URL each remembers for itself.\n"
        assert said[1].startswith(f"Listening on {service.client.base_url} ")
        worlds = [Path(f"/proc/{child}/environ").read_text().split("\0") for child in children_of(process.pid)]
        (told,) = {each for world in worlds for each in world if each.startswith("PROMETHEUS_MULTIPROC_DIR=")}
        folder = told.partition("=")[2]
        assert len(list(Path(folder).glob("counter_*.db"))) == 2
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stderr.read() == ""
    assert not Path(folder).exists()


def test_workers_whose_leader_is_killed_end_too(tmp_path: Path) -> None:
    with crew(tmp_path, scripted(tmp_path)) as two:
        pids = two.pids
        two.service.process.kill()
        until(lambda: not any(lives(pid) for pid in pids))
        assert len(pids) == 2


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"GRADER_RUBRICS_DIR": "nowhere"}, 2),
        ({"GRADER_MODEL": "scripted:nowhere.json"}, 2),
        ({"GRADER_API_KEYS_FILE": "nowhere.jsonl"}, 2),
        ({"GRADER_MODEL": "local:/no/such.gguf"}, 3),
        ({"GRADER_MODEL": "openai/gpt-4o-mini"}, 3),
        ({"GRADER_HOST": "192.0.2.1", "GRADER_OPEN_NETWORK": "true"}, 2),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_start_that_fails_is_told_once_as_of_one_process(tmp_path: Path, env: dict[str, str], code: int) -> None:
    settings = judged(tmp_path, VERDICTS) | env
    one, two = (started(tmp_path, workers, **settings) for workers in (1, 2))
    assert one[0] == code
    assert two == one


def test_a_replacement_that_cannot_start_ends_all_of_it(tmp_path: Path) -> None:
    with crew(tmp_path, judged(tmp_path, VERDICTS)) as two:
        (tmp_path / "garden" / "1.1.yaml").write_text("title: without a question\n")
        os.kill(max(two.pids), signal.SIGKILL)
        code, said = two.service.process.wait(PATIENCE_SECONDS), two.service.process.communicate()[1]
    assert code == 2
    assert said.count("was ended by signal 9; another takes its place.\n") == 1
    assert said.count("1.1.yaml") == 1


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (["--workers", "0"], {}, "Usage: "),
        ([], {"GRADER_WORKERS": "0"}, "GRADER_WORKERS: Input should be greater than 0; mend it"),
        ([], {"GRADER_WORKERS": "many"}, "GRADER_WORKERS: Input should be a valid integer"),
        (
            ["--workers", "2"],
            {"PROMETHEUS_MULTIPROC_DIR": "nowhere"},
            "PROMETHEUS_MULTIPROC_DIR: 'nowhere' is no folder that can be written to; make it",
        ),
    ],
)
def test_wrong_workers_are_wrong_use(tmp_path: Path, words: list[str], env: dict[str, str], said: str) -> None:
    result = grader(tmp_path, "serve", *words, **judged(tmp_path, VERDICTS) | env)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)


def test_workers_share_a_secret_and_the_processors() -> None:
    settings = alike(Settings(model="local", workers=10_000, _env_file=None))
    assert settings.secret
    assert settings.secret_bytes == settings.model_copy().secret_bytes
    assert settings.threads == 1
    assert alike(settings) == settings
    hosted = Settings(model="openai/any", secret="set", workers=2, _env_file=None)
    assert alike(hosted) == hosted
