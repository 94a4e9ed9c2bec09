"""`grader serve` says in plain words why it cannot start, before it takes a call."""

import asyncio
import http.client
import socket
import threading
import time
from pathlib import Path

import pytest

from bench.stand import Stand, ask, fresh_answers
from service.bootstrap import assemble
from service.cli.listening import bound
from service.cli.server import greeting, let_in
from service.models.scripted import ScriptedModel
from service.settings import Settings
from tests.processes import serving
from tests.service.cli.command_line import VERDICTS, garden, grader, judged


@pytest.mark.parametrize(
    ("env", "code", "said"),
    [
        ({"GRADER_RUBRICS_DIR": "nowhere"}, 2, "nowhere: no rubrics"),
        ({"GRADER_MODEL": "scripted:nowhere.json"}, 2, "nowhere.json: "),
        ({"GRADER_API_KEYS_FILE": "nowhere.jsonl"}, 2, "nowhere.jsonl: the file of API keys cannot be read"),
        ({"GRADER_MODEL": "local:/no/such.gguf"}, 3, "no weights at '/no/such.gguf'"),
    ],
)
def test_a_start_that_fails_is_told_without_a_traceback(
    tmp_path: Path, env: dict[str, str], code: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    result = grader(tmp_path, "serve", "--port", "0", **judged(tmp_path, VERDICTS) | env)
    assert result.exit_code == code
    assert result.stderr.startswith(said)
    assert "Listening" not in result.stderr
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "without API keys this service listens on loopback only, not on '0.0.0.0'"),
        (["--port", "70000"], "Usage: "),
    ],
)
def test_an_address_that_is_not_allowed_is_wrong_use(tmp_path: Path, words: list[str], said: str) -> None:
    result = grader(tmp_path, "serve", *words, **judged(tmp_path, VERDICTS))
    assert result.exit_code == 2
    assert result.stderr.startswith(said)


def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = grader(tmp_path, "serve", GRADER_PORT=port, **judged(tmp_path, VERDICTS))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"cannot listen on 127.0.0.1 port {port}: ")
    assert "--port" in result.stderr


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
    ],
)
def test_the_greeting_names_address_and_model_and_a_question_there_is(tmp_path: Path, host: str, address: str) -> None:
    settings = Settings(rubrics_dir=garden(tmp_path))
    first, curl = greeting(assemble(settings, (ScriptedModel([""]),)), host, 8000)
    assert address in first
    assert "grading with scripted" in first
    assert curl.startswith(f"  curl -s {address}/grade ")
    assert '"question_id": "1.1"' in curl


def test_where_all_questions_are_hidden_the_greeting_still_names_one(tmp_path: Path) -> None:
    rubrics = garden(tmp_path)
    (rubrics / "_set.yaml").write_text('hidden: ["1.1"]\n')
    service = assemble(Settings(rubrics_dir=rubrics), (ScriptedModel([""]),))
    assert '"question_id": "1.1"' in greeting(service, "127.0.0.1", 8000)[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_port_says_that_it_is_tcp_so_that_small_replies_are_not_held_back(host: str) -> None:
    with bound(host, 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


async def test_whom_the_kernel_has_let_in_is_answered_though_the_port_closes() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()

    with bound("127.0.0.1", 0) as listener:
        server = await asyncio.start_server(answer, sock=listener)
        callers = [socket.create_connection(listener.getsockname()) for _ in range(20)]  # the loop has had no turn yet
        for caller in callers:
            caller.settimeout(30)
        await let_in([listener])
        server.close()
        replies = [await asyncio.to_thread(caller.recv, 4) for caller in callers]
        for caller in callers:
            caller.close()
    assert replies == [b"here"] * 20


def test_told_twice_to_stop_it_does_not_wait_for_who_is_under_way() -> None:
    long = {"GRADER_DEADLINE_SECONDS": "120"}
    with Stand() as stand, stand.slow_upstream(60_000), serving(stand.settings(long)) as service:
        waiting = threading.Thread(target=ask, args=(service.client, fresh_answers(1)[0]))
        waiting.start()
        stand.until(lambda: stand.upstream.stats.in_flight == 1)
        service.process.terminate()
        assert service.process.stderr
        assert any(line.startswith("Stopping once 1 under way") for line in service.process.stderr)
        service.process.terminate()
        assert service.process.wait(60) == 130
        waiting.join()


def test_a_connection_is_kept_longer_than_clients_keep_it(tmp_path: Path) -> None:
    script = tmp_path / "model.json"
    script.write_text('["{}"]')
    with serving({"GRADER_MODEL": f"scripted:{script}"}) as service:
        address = service.client.base_url
        kept = http.client.HTTPConnection(address.host, address.port)
        for _ in range(2):
            kept.request("GET", "/healthz")
            with kept.getresponse() as reply:
                assert (reply.status, bool(reply.read())) == (200, True)
            kept.auto_open = 0  # a second connection would not do
            time.sleep(5.5)  # httpx and node give a connection up after 5
        kept.close()
