"""litellm is loaded before the first call, and leaves the process as it was."""

import gc
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest

from service.models.loading import load, rehearse, uncollected


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was_found(enabled: bool) -> None:
    if not enabled:
        gc.disable()
    try:
        with suppress(ImportError), uncollected():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_what_the_first_call_needs_is_loaded_and_nothing_is_said_or_sent() -> None:
    code = (
        "import socket, sys; from service.models.loading import load\n"
        "def never(*_): raise AssertionError('loading goes nowhere')\n"
        "socket.socket.connect = never\n"
        "load(); sys.exit('litellm._service_logger' not in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_tokenizer_is_loaded_when_it_is_asked_and_not_before() -> None:
    code = (
        "from service.models.loading import load\n"
        "main = load().main\n"
        "assert 'encoding' not in vars(main)\n"
        "assert main._get_encoding().encode('How?') == main.encoding.encode('How?')\n"
        "assert main._get_encoding() is main.encoding"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_rehearsal_is_a_whole_call_with_nobody_at_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    litellm = load()
    complete, replies = litellm.acompletion, []

    async def noting(**arguments: Any) -> Any:
        replies.append(await complete(**arguments))
        return replies[-1]

    monkeypatch.setattr(litellm, "acompletion", noting)
    await rehearse({"model": "openai/none", "messages": [{"role": "user", "content": ""}], "api_key": "none"})
    assert [reply.choices[0].message.content for reply in replies] == ["{}"]


async def test_a_rehearsal_that_fails_is_no_failure() -> None:
    assert await rehearse({"model": "no-such-model", "messages": []}) is None


def test_it_is_loaded_once() -> None:
    assert load() is load()
