"""What a run of an eval leaves behind: its settings in run.json, and one JSON object a line in records.jsonl."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Self

from pydantic import ValidationError

from service.core.errors import BadFile
from service.core.frozen import Frozen
from service.core.grade import Grade
from service.models import Completion

SETTINGS, RECORDS = "run.json", "records.jsonl"
MOST_ODDS = 40
"""The likeliest first tokens of a reply that are kept, unless a run keeps all."""


class Reply(Frozen):
    """One completion as it came: the raw text, the odds of its first token if they were asked for, what it took.

    `about` is what the prompt said of itself: of a judge per criterion, template and criterion.
    """

    about: str = ""
    text: str
    model: str
    first_token_odds: Mapping[str, float] | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    cut_off: bool = False
    seconds: float = 0.0
    calls: int = 1

    @classmethod
    def of(cls, completion: Completion, about: str = "", *, all_odds: bool = False) -> Self:
        """Half a surrogate pair, which some servers send where a reply was cut off, becomes a question mark."""
        odds = completion.first_token_odds
        if odds is not None:
            odds = {_encodable(token): p for token, p in _likeliest(odds, None if all_odds else MOST_ODDS)}
            if all_odds:  # of thousands, as many digits as a model's own sums are steady to
                odds = {token: float(f"{p:.4g}") for token, p in odds.items()}
        whole = {"about": about, "text": _encodable(completion.text), "first_token_odds": odds}
        return cls.model_validate(asdict(replace(completion, first_token_odds=None)) | whole)

    def brief(self) -> Self:
        """The same with no more odds than an ordinary run keeps."""
        odds = self.first_token_odds
        return self if odds is None else self.model_copy(update={"first_token_odds": dict(_likeliest(odds, MOST_ODDS))})


class Record(Frozen):
    """One reading of one golden answer.

    `grade` is None where the answer failed, and then `error` says why: a failure is never a verdict. `reading` counts
    from 0 where a run reads each answer several times. `failed_calls` says, as `Type: message`, which calls brought no
    reply: a grade may be partial for their sake. `seconds` is the wall time, waits for other answers included.
    """

    golden_id: str
    reading: int = 0
    grade: Grade | None
    error: str | None = None
    replies: tuple[Reply, ...] = ()
    failed_calls: tuple[str, ...] = ()
    seconds: float

    @property
    def status(self) -> Literal["graded", "partial", "abstained", "failed"]:
        return self.grade.status if self.grade else "failed"


class RunSettings(Frozen):
    """All that shapes a run's verdicts, so that two runs can be told apart and no two are mixed in one folder.

    `golden` is the golden file as it was named and `golden_digest` the sha256 of its bytes; `rubrics_digest` covers the
    rubrics that its answers are graded by; `identity` is what the judges call themselves (model, weights, thresholds);
    `prompts` are name@digest; `shuffle` is the seed by which criteria were reordered, None for their own order. `fence`
    is four hex digits of the mark that the secret gives: enough to tell two secrets apart, too few to guess one by.
    `attacks` is the digest of the attacks made, None for none; `all_odds`: each reply's odds are kept, as many as were
    told, and nothing was known ahead of the known answers.
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
    fence: str | None = None
    attacks: str | None = None
    all_odds: bool = False

    def differences(self, other: Self) -> dict[str, tuple[object, object]]:
        """What is set otherwise in `other`, by name: here, there. What the golden file is called makes none."""
        here, there = (settings.model_dump(exclude={"golden"}) for settings in (self, other))
        return {name: (here[name], there[name]) for name in here if here[name] != there[name]}


class Run(NamedTuple):
    """A run as read from its folder; of records for the same answer and reading, the last that did not fail."""

    settings: RunSettings
    records: tuple[Record, ...]


def read_run(folder: Path) -> Run:
    """Raises BadFile, naming the line. A last line that was cut off in the middle of its writing is passed over."""
    return Run(read_settings(folder), read_records(folder / RECORDS))


def read_settings(folder: Path) -> RunSettings:
    """Raises BadFile."""
    path = folder / SETTINGS
    try:
        return RunSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadFile(path, [(None, f"cannot be read: {error.strerror}; is this a run's folder?")]) from None
    except ValidationError as error:
        problems = [(None, f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}") for e in error.errors()]
        raise BadFile(path, problems) from None


def read_records(path: Path) -> tuple[Record, ...]:
    """Records in the order of their first lines; none if there is no file yet. Raises BadFile."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadFile(path, [(None, f"cannot be read: {error.strerror}")]) from None
    lines.pop()  # what follows the last line's end: empty, unless the writing was cut off
    latest: dict[tuple[str, int], Record] = {}
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = Record.model_validate(json.loads(line))
        except ValueError as error:
            raise BadFile(path, [(number, f"not a record: {str(error).splitlines()[0]}; remove the line")]) from None
        key = (record.golden_id, record.reading)
        if record.grade or key not in latest:
            latest[key] = record
    return tuple(latest.values())


class Journal:
    """The records of a run that is under way. `done` are those that were there when it began, failed ones left out."""

    def __init__(self, file: BinaryIO, done: tuple[Record, ...]) -> None:
        self.done = done
        self._file = file

    def add(self, record: Record) -> None:
        """Write it so that it outlives this process."""
        self._file.write(record.model_dump_json().encode() + b"\n")
        self._file.flush()


@contextmanager
def journal(folder: Path, settings: RunSettings, *, resume: bool) -> Iterator[Journal]:
    """Begin a run in this folder, or resume the one that is there. Its settings are on disk before any record is.

    Raises BadFile where another run's records are in the way, or the one to be resumed was run otherwise.
    """
    if resume and (folder / RECORDS).exists():
        refuse_other(folder, settings)
    else:
        refuse_used(folder)
    records = folder / RECORDS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / SETTINGS, settings.model_dump_json(indent=2) + "\n")
        _drop_cut_off_line(records)
        done = tuple(record for record in read_records(records) if record.grade)
        file = records.open("ab")
    except OSError as error:
        raise BadFile(folder, [(None, f"cannot be written: {error.strerror}; take another folder")]) from error
    with file:
        yield Journal(file, done)


def refuse_used(folder: Path) -> None:
    """Raises BadFile where the folder holds records."""
    path = folder / RECORDS
    if path.exists() and path.stat().st_size:
        raise BadFile(path, [(None, "is there already; resume that run (--resume), or take another folder (--out)")])


def refuse_other(folder: Path, settings: RunSettings) -> None:
    """Raises BadFile, naming each setting in which the run in this folder differs."""
    differences = read_settings(folder).differences(settings)
    if differences:
        lines = [(None, f"{name} was {then!r} and is now {now!r}") for name, (then, now) in differences.items()]
        mend = (None, "records made in different ways are not mixed: set it as it was, or take another folder (--out)")
        raise BadFile(folder / SETTINGS, [*lines, mend])


def _write_whole(path: Path, text: str) -> None:
    """All of it or nothing."""
    beside = path.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _drop_cut_off_line(path: Path) -> None:
    """What follows the last line's end, if anything does: a process was stopped while it wrote it."""
    if path.exists():
        written = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(written.rfind(b"\n") + 1)


def _likeliest(odds: Mapping[str, float], most: int | None) -> list[tuple[str, float]]:
    return sorted(odds.items(), key=lambda pair: -pair[1])[:most]


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()
