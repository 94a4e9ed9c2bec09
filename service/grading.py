"""The journey of one answer. Read this first.

An answer arrives with a rubric. Code decides whether there is anything to grade; what an earlier visit decided is
remembered; a judge is asked about the criteria still outstanding, until none is left, its rounds are used up or the
deadline passes; code scores what is known. What is still outstanding then is unassessed, never a zero.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from service import metrics
from service.cache import Remembered, VerdictStore, slot_of, verdict_key
from service.core.answer import Answer
from service.core.errors import ImpossibleOption, JudgeFailed, JudgeTimedOut, UnreadableVerdict
from service.core.gates import Flag, flags_of, nothing_to_grade
from service.core.grade import CacheResult, Grade, JudgeReport, grade_of, verdicts_on_nothing
from service.core.prompt import fence_mark
from service.core.rubric import Criterion, Rubric, RubricSet, StarPart
from service.core.verdict import Verdict, outstanding
from service.judges import Case, Judge, asked, prompts_of, total_usd

Chain = tuple[Judge, ...]
"""Judges in the order in which they are asked: each takes over what those before it left."""


@dataclass(frozen=True)
class Wish:
    """What a caller asks for beside the answer; the service's own defaults where it is None.

    `samples`: how often the judge reads the answer; more than once is put to a panel.
    """

    judge: str | None = None
    samples: int = 1
    deadline_seconds: float | None = None
    owner: str = "open"
    request_id: str = ""


class Grader:
    """Grades answers with the judges it was given. Keeps nothing between answers but what its store remembers.

    `chains` names the judges there are, `panels` those of several readings, by judge and number; one that is impossible
    with the model in use is the error that says why.
    """

    def __init__(
        self,
        chains: Mapping[str, Chain | ImpossibleOption],
        default_judge: str,
        store: VerdictStore,
        secret: bytes,
        deadline_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        panels: Mapping[tuple[str, int], Chain | ImpossibleOption] | None = None,
    ) -> None:
        self._chains = chains
        self._panels = panels or {}
        self._default_judge = default_judge
        self._store = store
        self._secret = secret
        self._deadline_seconds = deadline_seconds
        self._clock = clock

    async def grade(self, rubric: Rubric, rules: RubricSet, text: str, wish: Wish) -> Grade:
        """Raises AnswerTooLong, ImpossibleOption; JudgeFailed or UnreadableVerdict where nothing was decided."""
        chain = self.chain_for(wish)
        answer = Answer.of(text)
        flags = flags_of(answer, rubric)
        if nothing_to_grade(flags):
            return self._abstain(rubric, rules, answer, flags, chain, wish)
        memory = _Memory(self._store, slot_of(self._secret, wish.owner, answer.fingerprint), chain, rubric)
        remembered = await memory.recall()
        case = Case(rubric.question, answer, fence_mark(self._secret, answer), self._seconds_left(wish))
        started = self._clock()
        verdicts = await self._judge(chain, case, rubric, remembered, memory)
        report = _report(chain, case, verdicts, remembered, self._clock() - started)
        return _counted(
            grade_of(
                rubric,
                rules,
                answer,
                flags,
                verdicts,
                judge=report,
                cache=_cache_result(rubric, remembered),
                request_id=wish.request_id,
            )
        )

    def chain_for(self, wish: Wish) -> Chain:
        """The judges that this wish is put to, in the order in which they are asked. Raises ImpossibleOption."""
        name = wish.judge or self._default_judge
        chain = self._chains[name] if wish.samples == 1 else self._panels.get((name, wish.samples))
        if chain is None:
            raise ImpossibleOption("samples", f"{name} cannot read an answer {wish.samples} times here; send 1")
        if isinstance(chain, ImpossibleOption):
            raise chain
        return chain

    def _seconds_left(self, wish: Wish) -> Callable[[], float]:
        ends = self._clock() + (wish.deadline_seconds or self._deadline_seconds)
        return lambda: ends - self._clock()

    def _abstain(
        self, rubric: Rubric, rules: RubricSet, answer: Answer, flags: tuple[Flag, ...], chain: Chain, wish: Wish
    ) -> Grade:
        verdicts = verdicts_on_nothing(rubric)
        judge = JudgeReport(name=chain[0].name)
        grade = grade_of(rubric, rules, answer, flags, verdicts, judge=judge, cache=None, request_id=wish.request_id)
        return _counted(grade)

    async def _judge(
        self,
        chain: Chain,
        case: Case,
        rubric: Rubric,
        remembered: Mapping[str, Remembered],
        memory: "_Memory",
    ) -> dict[str, Verdict]:
        """The loop over outstanding criteria. A failure is raised only where nothing at all is known."""
        verdicts = {name: known.verdict for name, known in remembered.items()}
        failure: JudgeFailed | None = None
        try:
            async with asyncio.timeout(case.seconds_left()):
                for judge in chain:
                    failure = await self._ask(judge, case, rubric.judged, verdicts, memory) or failure
        except TimeoutError:
            failure = JudgeTimedOut("the deadline passed; a longer deadline_seconds or a shorter answer helps")
        await memory.keep()
        if not verdicts and rubric.judged:
            raise failure or UnreadableVerdict(
                f"{chain[0].model.name!r} replied, but no verdict could be read from it; nothing is known of the answer"
            )
        return verdicts

    async def _ask(
        self,
        judge: Judge,
        case: Case,
        criteria: tuple[Criterion, ...],
        verdicts: dict[str, Verdict],
        memory: "_Memory",
    ) -> JudgeFailed | None:
        """Ask one judge about what is outstanding. What it said before a failure stands."""
        try:
            async with aclosing(asked(judge, case, outstanding(criteria, verdicts))) as judgements:
                async for verdict, cost_usd, final in judgements:
                    verdicts[verdict.criterion_id] = verdict
                    if final:
                        memory.note(judge, verdict, cost_usd)
        except JudgeFailed as error:
            return error
        return None


class _Memory:
    """What is remembered of one answer: read at the start and written at the end, in one round trip each."""

    def __init__(self, store: VerdictStore, slot: str, chain: Chain, rubric: Rubric) -> None:
        self._store = store
        self._slot = slot
        self._criteria = rubric.judged
        self._keys = {
            (identity, criterion.id): verdict_key(
                identity, "+".join(p.digest for p in prompts_of(judge, criterion)), rubric.question, criterion
            )
            for judge, identity in ((judge, judge.identity) for judge in chain)
            for criterion in self._criteria
        }
        self._new: dict[str, Remembered] = {}

    async def recall(self) -> dict[str, Remembered]:
        """By criterion id; of several judges' verdicts, that of the first in the chain."""
        found = await self._store.read(self._slot, list(self._keys.values()))
        known: dict[str, Remembered] = {}
        for (_, criterion_id), key in self._keys.items():
            if key in found and criterion_id not in known:
                verdict = found[key].verdict.model_copy(update={"criterion_id": criterion_id})
                known[criterion_id] = found[key].model_copy(update={"verdict": verdict})
        metrics.REMEMBERED.labels("hit").inc(len(known))
        metrics.REMEMBERED.labels("miss").inc(len(self._criteria) - len(known))
        return known

    def note(self, judge: Judge, verdict: Verdict, cost_usd: float | None) -> None:
        key = self._keys[judge.identity, verdict.criterion_id]
        self._new[key] = Remembered(verdict=verdict, cost_usd=cost_usd)

    async def keep(self) -> None:
        if self._new:
            await self._store.write(self._slot, self._new)


def _cache_result(rubric: Rubric, remembered: Mapping[str, Remembered]) -> CacheResult:
    if not outstanding(rubric.judged, {name: known.verdict for name, known in remembered.items()}):
        return "hit"
    return "mixed" if remembered else "miss"


def _report(
    chain: Chain, case: Case, verdicts: Mapping[str, Verdict], remembered: Mapping[str, Remembered], seconds: float
) -> JudgeReport:
    calls = case.completions
    first = next(iter(verdicts.values()), None)
    return JudgeReport(
        name=chain[0].name,
        model=calls[0].model if calls else first.model if first else None,
        prompt=first.prompt if first else None,
        calls=len(calls),
        input_tokens=sum(call.input_tokens for call in calls),
        cached_input_tokens=sum(call.cached_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
        cost_usd=_total([call.cost_usd for call in calls]),
        cost_saved_usd=_total([known.cost_usd for known in remembered.values()]),
        seconds=round(seconds, 3),
    )


def _total(costs: list[float | None]) -> float | None:
    """None if one of them is unknown."""
    total = total_usd(costs)
    return None if total is None else round(total, 8)


def _counted(grade: Grade) -> Grade:
    metrics.GRADES.labels(grade.status, grade.cache or "none").inc()
    parts = [getattr(grade.star, part) for part in StarPart] if grade.star else []
    for kind, graded in (("point", grade.points), ("pitfall", grade.pitfalls), ("star", parts)):
        for criterion in graded:
            metrics.VERDICTS.labels(kind, criterion.verdict).inc()
    for flag in grade.flags:
        metrics.GATES.labels(flag.kind).inc()
    metrics.COST_SAVED_USD.inc(grade.judge.cost_saved_usd or 0.0)
    return grade
