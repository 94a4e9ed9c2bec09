"""Everything that can go wrong while grading, on one page.

    GradingError
    ├── UnknownQuestion       no rubric carries this question id
    ├── AnswerTooLong         over the limit of the service or of the model, which it names
    ├── ImpossibleOption      an option not built yet, or not possible with this model
    ├── BadFile               a rubric or prompt file that cannot be used: file, line, mend
    ├── WeightsUnavailable    the local model's file is nowhere to be had
    ├── StoreUnavailable      the store could not do what was promised: to forget
    ├── JudgeFailed           the judge gave no answer
    │   ├── JudgeUnavailable  unreachable or overloaded: worth another try
    │   ├── JudgeTimedOut     slower than the deadline
    │   └── JudgeRefused      bad key, bad request, content policy: trying again won't help
    └── UnreadableVerdict     the judge answered, but not in the rubric's terms

The core knows nothing of HTTP: `service.api.problems` holds the one table of statuses.
"""

from collections.abc import Sequence
from pathlib import Path


class GradingError(Exception):
    """Any failure this service can name. Its text is fit to be shown to the caller."""


class UnknownQuestion(GradingError):
    """No rubric carries this question id. Ask `GET /questions` for those there are."""

    def __init__(self, question_id: str) -> None:
        super().__init__(f"no rubric for question {question_id!r}; GET /questions lists those there are")


class AnswerTooLong(GradingError):
    """The answer is over a limit. Shorten it; the message names the limit."""


class ImpossibleOption(GradingError):
    """An option that is not built yet, or that this model cannot serve: never ignored in silence."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option}: {reason}")
        self.option = option
        self.reason = reason


class BadFile(GradingError):
    """A rubric or prompt file that cannot be used; says which, where and what to do."""

    def __init__(self, path: Path, problems: Sequence[tuple[int | None, str]]) -> None:
        lines = (f"{path}:{line}: {text}" if line else f"{path}: {text}" for line, text in problems)
        super().__init__("\n".join(lines))
        self.path = path
        self.problems = tuple(problems)


class WeightsUnavailable(GradingError):
    """No usable weights. The message names each place that was tried, why it failed, and what to do."""


class StoreUnavailable(GradingError):
    """The store did not confirm in time that it forgot. Ask again: forgetting twice does no harm."""


class JudgeFailed(GradingError):
    """The judge gave no answer. It says nothing about the candidate."""


class JudgeUnavailable(JudgeFailed):
    """Unreachable or overloaded: worth another try, after `retry_after_seconds` where the judge said so."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class JudgeTimedOut(JudgeFailed):
    """Slower than the deadline. A longer one, a shorter answer or a faster model helps."""


class JudgeRefused(JudgeFailed):
    """A bad key, a bad request or a content policy: trying again won't help."""


class UnreadableVerdict(GradingError):
    """The judge answered, twice, but in no terms of the rubric."""
