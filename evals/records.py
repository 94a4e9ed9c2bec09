"""What a run of an eval leaves behind: its settings in run.json, and one JSON object a line in records.jsonl."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import ValidationError

from service.core.errors import BadFile
from service.core.frozen import Frozen
from service.core.grade import Grade
from service.models import Completion

SETTINGS, RECORDS = "run.json", "records.jsonl"


class Reply(Frozen):
    """One completion as it came: the raw text, the odds of its first token if they were asked for, what it took."""

    text: str
    model: str
    first_token_odds: Mapping[str, float] | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    cut_off: bool = False
    seconds: float = 0.0

    @classmethod
    def of(cls, completion: Completion) -> Self:
        return cls.model_validate(asdict(completion))


class Record(Frozen):
    """One reading of one golden answer.

    `grade` is None where the answer failed, and then `error` says why: a failure is never a verdict. `reading` counts
    from 0 where a run reads each answer several times. `seconds` is the wall time, waits for other answers included.
    """

    golden_id: str
    reading: int = 0
    grade: Grade | None
    error: str | None = None
    replies: tuple[Reply, ...] = ()
    seconds: float

    @property
    def status(self) -> Literal["graded", "partial", "abstained", "failed"]:
        return self.grade.status if self.grade else "failed"


class RunSettings(Frozen):
    """All that shapes a run's verdicts, so that two runs can be told apart and no two are mixed in one folder.

    `golden` is the file's name and `golden_digest` the sha256 of its bytes; `rubrics_digest` covers the rubrics that
    its answers are graded by; `identity` is what the judges call themselves (model, weights, thresholds); `prompts`
    are name@digest; `shuffle` is the seed by which criteria were reordered, None for their own order.
    """

    golden: str
    golden_digest: str
    rubrics_digest: str
    judge: str
    model: str
    identity: str
    prompts: tuple[str, ...]
    samples: int = 1
    readings: int = 1
    shuffle: int | None = None
    limit: int | None = None
    seed: int | None = None


class Run(NamedTuple):
    """A run as read from its folder; of records for the same answer and reading, the last that did not fail."""

    settings: RunSettings
    records: tuple[Record, ...]


def read_run(folder: Path) -> Run:
    """Raises BadFile, naming the line. A last line that was cut off in the middle of its writing is passed over."""
    try:
        settings = RunSettings.model_validate_json((folder / SETTINGS).read_bytes())
    except OSError as error:
        raise BadFile(folder / SETTINGS, [(None, f"cannot be read: {error.strerror}; is this a run's folder?")]) from None
    except ValidationError as error:
        raise BadFile(folder / SETTINGS, [(None, f"{e['loc']}: {e['msg']}") for e in error.errors()]) from None
    return Run(settings, read_records(folder / RECORDS))


def read_records(path: Path) -> tuple[Record, ...]:
    """Records in the order of their first lines; none if there is no file yet. Raises BadFile."""
    if not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8").split("\n")
    last = len(lines)  # what follows the last line's end: empty, unless the writing was cut off
    latest: dict[tuple[str, int], Record] = {}
    for number, line in enumerate(lines, 1):
        if not line or number == last:
            continue
        try:
            record = Record.model_validate(json.loads(line))
        except ValueError as error:
            raise BadFile(path, [(number, f"not a record: {str(error).splitlines()[0]}; remove the line")]) from None
        key = (record.golden_id, record.reading)
        if record.grade or key not in latest:
            latest[key] = record
    return tuple(latest.values())
