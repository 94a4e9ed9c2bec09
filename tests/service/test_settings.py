"""Settings that do not fit together are refused with the reason, and the secret is never shown."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import LOOPBACK, Settings

SECRET = "hunter2-and-thirty-more-characters"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No GRADER_ variable, and no .env, but those of the test."""
    for name in [name for name in os.environ if name.upper().startswith("GRADER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"GRADER_{name.upper()}", value)
    return Settings()


def why_refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(monkeypatch, **variables)
    return str(refused.value)


def test_without_any_variable_the_service_is_local_in_process_and_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = settings(monkeypatch)

    assert (bare.model, bare.is_local, bare.fallback_models, bare.judge) == ("local", True, (), None)
    assert (bare.redis_url, bare.secret, bare.host, bare.port) == (None, None, "127.0.0.1", 8000)


def test_redis_without_a_secret_is_refused_saying_why(monkeypatch: pytest.MonkeyPatch) -> None:
    told = why_refused(monkeypatch, redis_url="redis://127.0.0.1:6379/0")

    assert "GRADER_REDIS_URL needs GRADER_SECRET" in told
    assert "without it no process could read what another has remembered" in told
    assert settings(monkeypatch, secret=SECRET).redis_url == "redis://127.0.0.1:6379/0"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "grader.example", "127.0.0.1.example"])
def test_a_host_beyond_loopback_is_refused_by_name_unless_it_is_meant(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    told = why_refused(monkeypatch, host=host)

    assert repr(host) in told
    assert "GRADER_OPEN_NETWORK=true" in told
    assert settings(monkeypatch, open_network="true").host == host


def test_with_api_keys_any_host_may_be_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GRADER_API_KEYS_FILE" in why_refused(monkeypatch, host="0.0.0.0")
    known = settings(monkeypatch, api_keys_file="keys.jsonl")
    assert (known.host, known.api_keys_file) == ("0.0.0.0", Path("keys.jsonl"))


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_loopback_host_needs_no_more(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert settings(monkeypatch, host=host).host == host


@pytest.mark.parametrize(
    ("written", "models"),
    [
        ("openai/a", ("openai/a",)),
        ("openai/a,anthropic/b", ("openai/a", "anthropic/b")),
        (" openai/a , local:m.gguf ,, ", ("openai/a", "local:m.gguf")),
        (" , ", ()),
        ("", ()),
    ],
)
def test_fallback_models_are_parted_by_commas(
    monkeypatch: pytest.MonkeyPatch, written: str, models: tuple[str, ...]
) -> None:
    assert settings(monkeypatch, fallback_models=written).fallback_models == models


def test_a_cascade_as_the_default_needs_a_strong_model_that_is_not_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GRADER_STRONG_MODEL" in why_refused(monkeypatch, judge="cascade")
    monkeypatch.delenv("GRADER_JUDGE")
    assert "name a stronger one" in why_refused(monkeypatch, model="openai/a", strong_model="openai/a")
    assert settings(monkeypatch, judge="cascade", strong_model="openai/b").strong_model == "openai/b"


def test_the_strong_model_is_the_last_of_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, model="openai/a", fallback_models="openai/b").models == ("openai/a", "openai/b")
    assert settings(monkeypatch, strong_model="openai/c").models == ("openai/a", "openai/b", "openai/c")


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in Settings.model_fields if name != "host"]

    assert settings(monkeypatch, **dict.fromkeys(names, "")) == Settings.model_construct()


def test_an_unknown_variable_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, wisdom="much") == Settings.model_construct()


def test_a_dotenv_file_is_read_and_the_environment_goes_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("GRADER_MODEL=openai/a\nGRADER_PORT=9000\nOPENAI_API_KEY=x\nGRADER_WISDOM=much\n")
    read = settings(monkeypatch, port="9001")

    assert (read.model, read.port) == ("openai/a", 9001)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "http"),
        ("judge", "jury"),
        ("cache_ttl_seconds", "0"),
        ("cache_ttl_seconds", "inf"),
        ("cache_answers", "0"),
        ("deadline_seconds", "0"),
        ("deadline_seconds", "nan"),
        ("deadline_seconds", "inf"),
        ("max_concurrent_calls", "0"),
        ("threads", "0"),
        ("open_network", "perhaps"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert re.search(rf"^{name}$", why_refused(monkeypatch, **{name: value}), re.MULTILINE)


def test_the_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = "http://gardener:pass-word@127.0.0.1"
    known = settings(monkeypatch, secret=SECRET, redis_url="redis://:pass-word@127.0.0.1", pushgateway_url=gateway)
    assert known.secret_bytes == SECRET.encode()

    for shown in (repr(known), str(known), known.model_dump_json(include={"secret"})):
        assert SECRET not in shown
        assert "pass-word" not in shown


@pytest.mark.parametrize("wrong", [{"host": "0.0.0.0"}, {"port": "http"}, {"judge": "jury"}])
def test_the_secret_is_not_shown_by_what_is_said_of_another_variable(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    assert "hunter2" not in why_refused(monkeypatch, secret=SECRET, **wrong)


def test_without_a_secret_there_is_a_random_one_for_the_life_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = settings(monkeypatch), settings(monkeypatch)

    assert len(one.secret_bytes) == 32
    assert one.secret_bytes == one.secret_bytes
    assert one.secret_bytes != other.secret_bytes


def test_settings_do_not_change_once_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings(monkeypatch), "port", 9000)  # noqa: B010 - mypy knows it, too


@pytest.mark.parametrize(
    ("model", "local"),
    [
        ("local", True),
        ("local:/models/m.gguf", True),
        ("scripted:replies.json", True),
        ("openai/local", False),
        ("ollama/m:1b", False),
        ("localhost/m", False),
    ],
)
def test_a_model_is_local_where_it_runs_in_this_process(
    monkeypatch: pytest.MonkeyPatch, model: str, local: bool
) -> None:
    assert settings(monkeypatch, model=model).is_local is local
