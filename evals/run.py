"""Run a judge over golden answers: one record a reading, on disk as soon as it is known."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from evals.golden import GoldenAnswer, read_golden
from evals.recording import recorded, told
from evals.records import Journal, Record, Reply, Run, RunSettings, journal, read_run
from service.bootstrap import Service
from service.catalog import Catalog
from service.core.answer import Answer
from service.core.errors import GradingError, JudgeUnavailable
from service.core.grade import Grade
from service.core.prompt import fence_mark
from service.core.rubric import Rubric, RubricSet, digest_of, rubric_version
from service.grading import Chain, Wish
from service.judges import prompts_of
from service.judges.per_criterion import PerCriterion

_ENOUGH = 3  # answers that must fail for want of a judge before a run gives up
_NO_JUDGE = ("JudgeUnavailable", "JudgeRefused")

Tell = Callable[[Sequence[Record], int], None]
"""Told first of the records that are there already, perhaps none, then of each new one; and how many there will be."""


@dataclass(frozen=True)
class Source:
    """The golden answers of a run and whence they are: `digest` is the sha256 of the file's bytes.

    `limit` and `seed` say how they were drawn from the file, both None if all were taken; `attacks` is the digest of
    what was done to them.
    """

    path: Path
    digest: str
    answers: tuple[GoldenAnswer, ...]
    limit: int | None = None
    seed: int | None = None
    attacks: str | None = None


@dataclass(frozen=True)
class Plan:
    """How the answers are to be judged.

    `wish` names the judge and how many samples it takes. `shuffle` is the seed of the criteria's orders, None for their
    own order. `workers` is how many answers are under way at once. `all_odds` keeps whatever a calibration could be
    fitted to: all odds that are told, of the known answers too.
    """

    wish: Wish = field(default_factory=Wish)
    readings: int = 1
    shuffle: int | None = None
    workers: int = 1
    all_odds: bool = False

    def wish_for(self, name: str) -> Wish:
        """The wish for one reading, which is its own owner: so none is ever taken from what another left behind."""
        return replace(self.wish, owner=name, request_id=name)


class Item(NamedTuple):
    """One reading to be made. `rubric` is the answer's own, `asked` the same in the order in which it is asked."""

    golden: GoldenAnswer
    reading: int
    rubric: Rubric
    asked: Rubric

    @property
    def name(self) -> str:
        return f"{self.golden.id}#{self.reading}"


def source_of(path: Path, catalog: Catalog, *, limit: int | None = None, seed: int = 1) -> Source:
    """A golden file's answers, or so many of them drawn by the seed. Raises BadFile, naming each bad line."""
    answers = read_golden(path, catalog)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if limit is None or limit >= len(answers):
        return Source(path, digest, answers)
    return Source(path, digest, drawn(answers, limit, np.random.default_rng(seed)), limit, seed)


def drawn(answers: Sequence[GoldenAnswer], limit: int, rng: np.random.Generator) -> tuple[GoldenAnswer, ...]:
    """`limit` of the answers, drawn without replacement, in the order in which they stood."""
    return tuple(answers[place] for place in sorted(rng.choice(len(answers), limit, replace=False)))


def shuffled(rubric: Rubric, rng: np.random.Generator) -> Rubric:
    """The rubric with its points in another order, and its pitfalls: they are the same, and bear the same ids."""
    points = tuple(rubric.points[place] for place in rng.permutation(len(rubric.points)))
    pitfalls = tuple(rubric.pitfalls[place] for place in rng.permutation(len(rubric.pitfalls)))
    return rubric.model_copy(update={"points": points, "pitfalls": pitfalls})


def items_of(answers: Sequence[GoldenAnswer], catalog: Catalog, plan: Plan) -> Iterator[Item]:
    """All readings of one answer before the next answer's, so that a local model finds its prompt's prefix read."""
    for golden in answers:
        rubric = golden.rubric_in(catalog)
        for reading in range(plan.readings):
            yield Item(golden, reading, rubric, _ordered(rubric, plan.shuffle, reading))


def _ordered(rubric: Rubric, seed: int | None, reading: int) -> Rubric:
    """Seeded by rubric and reading too: an order hangs neither on the other answers nor on who was asked before."""
    if seed is None:
        return rubric
    own = int(digest_of(rubric.model_dump(mode="json"))[:8], 16)
    return shuffled(rubric, np.random.default_rng([seed, reading, own]))


def settings_of(service: Service, source: Source, plan: Plan) -> RunSettings:
    """What tells this run from any other. The models must be warm. Raises ImpossibleOption."""
    chain = service.grader.chain_for(plan.wish)
    rubrics = [golden.rubric_in(service.catalog) for golden in source.answers]
    templates = {
        template
        for judge in chain
        for rubric in rubrics
        for criterion in rubric.judged
        for template in prompts_of(judge, criterion)
    }
    return RunSettings(
        golden=str(source.path),
        golden_digest=source.digest,
        rubrics_digest=digest_of(sorted({rubric_version(rubric, service.catalog.rules) for rubric in rubrics})),
        judge=chain[0].name,
        model=", ".join(dict.fromkeys(judge.model.name for judge in chain)),
        identity=" | ".join(judge.identity for judge in chain),
        prompts=tuple(sorted({template.label for template in templates})),
        samples=plan.wish.samples,
        readings=plan.readings,
        shuffle=plan.shuffle,
        limit=source.limit,
        seed=source.seed,
        fence=fence_mark(service.settings.secret_bytes, Answer.of(""))[:4],
        attacks=source.attacks,
        all_odds=plan.all_odds,
    )


async def run(
    service: Service,
    source: Source,
    plan: Plan,
    folder: Path,
    *,
    resume: bool = False,
    tell: Tell = lambda _records, _total: None,
    clock: Callable[[], float] = time.monotonic,
) -> Run:
    """Make the readings that the folder lacks. The service's models must be put in `Recording`.

    An answer that fails is a record of its own and the run goes on. Raises BadFile where the folder holds another
    run, ImpossibleOption, and JudgeUnavailable where the first answers all fail for want of a judge.
    """
    items = tuple(items_of(source.answers, service.catalog, plan))
    if plan.all_odds:
        _ask_all_known(service.grader.chain_for(plan.wish))
    with journal(folder, settings_of(service, source, plan), resume=resume) as written:
        done = {(record.golden_id, record.reading) for record in written.done}
        missing = [item for item in items if (item.golden.id, item.reading) not in done]
        tell(written.done, len(items))
        await _fill(written, missing, service, plan, lambda record: tell((record,), len(items)), clock)
    return read_run(folder)


async def _fill(
    written: Journal,
    missing: Sequence[Item],
    service: Service,
    plan: Plan,
    tell: Callable[[Record], None],
    clock: Callable[[], float],
) -> None:
    queue, first = iter(missing), list[Record]()

    async def work() -> None:
        for item in queue:
            record = await reading_of(item, service, plan, clock)
            written.add(record)
            tell(record)
            if len(first) < _ENOUGH and record.status != "abstained":  # abstained: no judge was asked
                first.append(record)
                _give_up(first)

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(plan.workers):
                workers.create_task(work())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _ask_all_known(chain: Chain) -> None:
    for judge in chain:
        if isinstance(judge, PerCriterion):
            judge.ask_all_known()


def _give_up(first: Sequence[Record]) -> None:
    """Raises JudgeUnavailable once there are enough records and each of them failed for want of a judge."""
    errors = [record.error for record in first if record.error and record.error.partition(":")[0] in _NO_JUDGE]
    if len(errors) == _ENOUGH:
        raise JudgeUnavailable(f"the first {_ENOUGH} answers all failed, and so the run stopped. {errors[-1]}")


async def reading_of(item: Item, service: Service, plan: Plan, clock: Callable[[], float]) -> Record:
    """One reading, or why it failed."""
    rules, name = service.catalog.rules, item.name
    started, grade, error = clock(), None, None
    with recorded() as calls:
        try:
            grade = await service.grader.grade(item.asked, rules, item.golden.answer, plan.wish_for(name))
        except GradingError as failure:
            error = told(failure)
    return Record(
        golden_id=item.golden.id,
        reading=item.reading,
        grade=grade and in_own_order(grade, item.rubric, rules),
        error=error,
        replies=tuple(
            Reply.of(reply, about, all_odds=plan.all_odds)
            for reply, about in zip(calls.replies, calls.abouts, strict=True)
        ),
        failed_calls=tuple(calls.failures),
        seconds=round(clock() - started, 3),
    )


def in_own_order(grade: Grade, rubric: Rubric, rules: RubricSet) -> Grade:
    """A grade by a shuffled rubric as one by the rubric itself, of which it keeps version and order."""
    points = {point.id: point for point in grade.points}
    pitfalls = {pitfall.id: pitfall for pitfall in grade.pitfalls}
    own = {
        "rubric_version": rubric_version(rubric, rules),
        "points": tuple(points[point.id] for point in rubric.points),
        "pitfalls": tuple(pitfalls[pitfall.id] for pitfall in rubric.pitfalls),
    }
    return grade.model_copy(update=own)


class Totals(NamedTuple):
    """What records took together. `cost_usd` is None if a price is unknown; `seconds` is the median, None of none."""

    statuses: Mapping[str, int]
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float | None

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Totals":
        replies = [reply for record in records for reply in record.replies]
        costs = [reply.cost_usd for reply in replies]
        return cls(
            statuses=Counter(record.status for record in records),
            calls=sum(reply.calls for reply in replies),
            input_tokens=sum(reply.input_tokens for reply in replies),
            cached_tokens=sum(reply.cached_tokens for reply in replies),
            output_tokens=sum(reply.output_tokens for reply in replies),
            cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
            seconds=median(record.seconds for record in records) if records else None,
        )
