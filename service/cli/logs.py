"""How the service logs: JSON for machines, plain lines on a terminal, the request's id in each, no answer in any.

An answer can get into a log in two ways that no care of ours prevents: a library says what it was working on, and an
exception says what it could not read. So of libraries' records only those that tell of our own sockets and exporters
are let through as they are; and of an exception its type and its place are told, never its message.
"""

import logging
import re
import sys
from types import TracebackType
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

from service.settings import Settings
from service.tracing import REQUEST_ID, trace_id

_TRUSTED = ("service", "uvicorn", "opentelemetry")
_OURS = ("service",)
_WARNED = re.compile(r".*?:\d+: \w+")  # the place and the kind of a warning; its words follow
_ALWAYS = frozenset(("timestamp", "level", "logger", "message", "request_id", "trace_id"))


class Discreet(logging.Filter):
    """Adds the request's id, and takes out what might quote an answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id, record.trace_id = REQUEST_ID.get(), trace_id()
        if record.name.partition(".")[0] not in _TRUSTED:
            warned = _WARNED.match(record.getMessage()) if record.name == "py.warnings" else None
            place = warned[0] if warned else f"{record.filename}:{record.lineno}"
            record.msg, record.args, record.stack_info = f"withheld, said at {place}", (), None
        if record.exc_info:
            record.exc_info = _without_words(record.exc_info)
            record.exc_text = None
        return True


class Plain(logging.Formatter):
    """A line for a reader: when, how grave, who, what, and whatever else the record has to say."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._usual = set(vars(logging.makeLogRecord({}))) | _ALWAYS | {"asctime"}

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        said = {name: value for name, value in vars(record).items() if name not in self._usual}
        said |= {name: vars(record)[name] for name in ("request_id", "trace_id") if vars(record).get(name)}
        return " ".join((super().formatMessage(record), *(f"{name}={value}" for name, value in said.items())))


def formatter(log_format: str, out: TextIO) -> logging.Formatter:
    """For `json`, `text`, or `auto`: for reading where `out` is a terminal."""
    if log_format == "text" or (log_format == "auto" and out.isatty()):
        return Plain()
    fields = ["levelname", "name", "message", "request_id", "trace_id"]
    return JsonFormatter(fields, rename_fields={"levelname": "level", "name": "logger"}, timestamp=True)


def set_up(settings: Settings, out: TextIO | None = None) -> None:
    """From now on, on standard error. Below `warning` we alone are heard: libraries there tell whole requests."""
    handler = logging.StreamHandler(out or sys.stderr)
    handler.setFormatter(formatter(settings.log_format, handler.stream))
    handler.addFilter(Discreet())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)  # they would go out by themselves, and some quote a value
    for ours in _OURS:
        logging.getLogger(ours).setLevel(settings.log_level.upper())


def _without_words(told: object) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """The same exception by type and place; neither its message nor those of the ones behind it."""
    assert isinstance(told, tuple)
    kind, _, frames = told
    wordless = type(kind.__name__, (Exception,), {"__module__": kind.__module__}) if kind else Exception
    return wordless, wordless(), frames
