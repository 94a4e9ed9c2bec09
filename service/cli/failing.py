"""How a command fails: plain lines that name the thing and the mend, an exit code, and no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from service.cli.console import err, shown
from service.core.errors import BadFile, GradingError, JudgeFailed, UnreadableVerdict, WeightsUnavailable

if TYPE_CHECKING:
    from service.catalog import Catalog
    from service.core.rubric import Rubric
    from service.settings import Settings

ANYTHING_LIKE = 0.4  # ids are short: 1.9 and 1.1 are as near as two different ones can be


class Code(IntEnum):
    """What a script can tell from the exit code."""

    FELL_SHORT = 1
    WRONG_USE = 2
    NO_JUDGE = 3
    STOPPED = 130  # what a shell makes of a process that Ctrl-C ended


def code_of(error: Exception) -> Code:
    """NO_JUDGE where the judge, or the weights to make one, could not be had."""
    no_judge = isinstance(error, JudgeFailed | UnreadableVerdict | WeightsUnavailable)
    return Code.NO_JUDGE if no_judge else Code.WRONG_USE


def fail(message: str, code: Code = Code.WRONG_USE) -> NoReturn:
    """Say it and leave."""
    for line in message.splitlines():
        err().print(shown(line), soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def plainly() -> Iterator[None]:
    """Errors of ours as plain lines."""
    try:
        yield
    except GradingError as error:
        fail(str(error), code_of(error))


def read_settings(**given: Any) -> "Settings":
    """The settings; what is given and not None goes before the environment."""
    from pydantic import ValidationError

    from service.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        # Without the values: one of them may be a secret.
        fail("\n".join(_told(e["loc"], e["msg"]) for e in error.errors(include_input=False, include_url=False)))
    except (OSError, UnicodeDecodeError) as error:
        fail(f".env: cannot be read: {error}; mend it, or start where there is none")


def read_text(path: Path) -> str:
    """A file's text with its line ends as they are. Raises BadFile."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadFile(path, [(None, f"cannot be read: {error.strerror}; check the path and its permissions")]) from None
    except UnicodeDecodeError as error:
        raise BadFile(path, [(None, f"is not UTF-8 text ({error.reason} at byte {error.start}); save it so")]) from None


def rubric_of(catalog: "Catalog", question_id: str) -> "Rubric":
    """The rubric, or a failure that lists ids like this one."""
    if question_id in catalog.rubrics:
        return catalog.rubrics[question_id]
    near = get_close_matches(question_id, catalog.rubrics, cutoff=ANYTHING_LIKE)
    like = f"; near it: {', '.join(near)}" if near else ""
    fail(f"no rubric for question {question_id!r}{like}; `grader rubrics list` shows all")


def _told(where: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"GRADER_{str(where[0]).upper()}: {message}; mend it, or unset it for the default" if where else message
