"""Logs: JSON or lines for reading, the request's id in each, and no word that a library or an exception might quote."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from service.cli import logs
from service.settings import Settings
from service.tracing import REQUEST_ID

ANSWER = "I planted tulips"


def quote(text: str) -> None:
    """Fails as libraries do, naming what it was given, twice."""
    try:
        dict[str, str]()[text]
    except KeyError as error:
        raise ValueError(text) from error


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging is the process's: each test leaves it as it was."""
    root, ours = logging.getLogger(), logging.getLogger("service")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def heard(out: io.StringIO, **settings: str) -> io.StringIO:
    logs.set_up(Settings(_env_file=None, **settings), out)  # type: ignore[arg-type]
    return out


def test_a_line_of_json_has_the_requests_id_and_whatever_is_told_beside_the_message() -> None:
    out = heard(io.StringIO(), log_level="info")
    token = REQUEST_ID.set("r-1")
    logging.getLogger("service.x").info("request answered", extra={"route": "/grade", "seconds": 0.5})
    REQUEST_ID.reset(token)
    line = json.loads(out.getvalue())
    assert {name: line[name] for name in ("level", "logger", "message", "request_id", "route", "seconds")} == {
        "level": "INFO",
        "logger": "service.x",
        "message": "request answered",
        "request_id": "r-1",
        "route": "/grade",
        "seconds": 0.5,
    }
    assert line["timestamp"].endswith("+00:00")


@pytest.mark.parametrize(
    ("out", "log_format", "is_json"),
    [
        (Terminal(), "auto", False),
        (io.StringIO(), "auto", True),
        (Terminal(), "json", True),
        (io.StringIO(), "text", False),
    ],
)
def test_on_a_terminal_lines_are_for_reading_unless_told_otherwise(
    out: io.StringIO, log_format: str, is_json: bool
) -> None:
    heard(out, log_format=log_format)
    logging.getLogger("service").warning("late by %s", "5 s", extra={"route": "/grade"})
    assert out.getvalue().startswith("{") is is_json
    if not is_json:
        assert out.getvalue().endswith("WARNING service: late by 5 s route=/grade\n")


def test_what_is_below_the_level_is_not_heard_and_of_libraries_nothing_below_warning() -> None:
    out = heard(io.StringIO(), log_level="debug")
    logging.getLogger("openai").debug("request body")
    logging.getLogger("openai").info("request body")
    assert out.getvalue() == ""
    logging.getLogger("service").debug("here")
    assert "here" in out.getvalue()
    assert heard(io.StringIO(), log_level="error").getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_librarys_words_and_no_exceptions_message_are_told(log_format: str) -> None:
    out = heard(io.StringIO(), log_format=log_format)
    try:
        quote(ANSWER)
    except ValueError:
        logging.getLogger("service.x").exception("it failed")
        logging.getLogger("asyncio").exception("never retrieved: %s", ANSWER, stack_info=True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(ANSWER, UserWarning, stacklevel=1)
    told = out.getvalue()
    assert "tulips" not in told
    assert "ValueError" in told
    assert "it failed" in told
    assert told.count("withheld, said at ") == 2
    assert f"{__file__}:" in told
    assert "UserWarning" in told


@pytest.mark.parametrize("name", ["uvicorn.error", "opentelemetry.exporter"])
def test_those_who_tell_of_our_own_sockets_are_let_through(name: str) -> None:
    out = heard(io.StringIO())
    logging.getLogger(name).warning("cannot connect")
    assert "cannot connect" in out.getvalue()


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="log_level"):
        Settings(_env_file=None, log_level="loud")
