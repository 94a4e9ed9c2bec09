"""The journey of one answer. Read this first.

An answer arrives with a rubric. Code decides whether there is anything to grade; what an earlier visit decided is
remembered; what somebody else is having decided at this moment is shared; a judge is asked about the criteria still
outstanding, until none is left, its rounds are used up or the deadline passes; code scores what is known. What is still
outstanding then is unassessed, never a zero. Whoever wants each verdict as soon as it is known is told meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from service import metrics, tracing
from service.accounts import counted, report_of
from service.cache import VerdictStore, slot_of
from service.core.answer import Answer
from service.core.errors import (
    AnswerTooLong,
    GradingError,
    ImpossibleOption,
    JudgeFailed,
    JudgeRefused,
    JudgeTimedOut,
    UnreadableVerdict,
)
from service.core.gates import Flag, flags_of, nothing_to_grade, unheard
from service.core.grade import Grade, JudgeReport, ToldVerdict, grade_of, told_of, verdicts_on_nothing
from service.core.prompt import fence_mark
from service.core.rubric import Criterion, Rubric, RubricSet
from service.core.verdict import Verdict, outstanding, settle
from service.flights import Flights, SecondsLeft
from service.judges import Case, Judge, asked
from service.leases import Leases, NoLeases, Turn
from service.memory import Findings, Memory, Told
from service.turnstile import Turnstile

Chain = tuple[Judge, ...]
"""Judges in the order in which they are asked: each takes over what those before it left."""


_GRACE_SECONDS = 0.05
"""Between the end of a judge's time and the end of patience with it: a model that keeps time names itself as late."""


@dataclass(frozen=True)
class Wish:
    """What a caller asks for beside the answer; the service's own defaults where it is None.

    `samples`: how often the judge reads the answer; more than once is put to a panel. `question_set`: as metrics name
    where the rubric comes from.
    """

    judge: str | None = None
    samples: int = 1
    deadline_seconds: float | None = None
    owner: str = "open"
    request_id: str = ""
    question_set: str = metrics.REQUEST_SET


class Grader:
    """Grades answers with the judges it was given. Keeps nothing between answers but what its store remembers.

    `chains` names the judges there are, `panels` those of several readings, by judge and number; one that is impossible
    with the model in use is the error that says why. `leases` say what other processes are at; without them, unknown.
    """

    def __init__(
        self,
        chains: Mapping[str, Chain | ImpossibleOption],
        default_judge: str,
        store: VerdictStore,
        secret: bytes,
        deadline_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        panels: Mapping[tuple[str, int], Chain | ImpossibleOption] | None = None,
        leases: Leases | None = None,
    ) -> None:
        self._chains = chains
        self._panels = panels or {}
        self._default_judge = default_judge
        self._store = store
        self._secret = secret
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._leases = leases or NoLeases()
        self._flights: Flights[Told] = Flights()
        self._door = Turnstile()

    @property
    def store(self) -> VerdictStore:
        """Where verdicts are remembered."""
        return self._store

    def slot(self, answer: Answer, owner: str) -> str:
        """The place in the store of all that is remembered of this answer."""
        return slot_of(self._secret, owner, answer.fingerprint)

    async def grade(self, rubric: Rubric, rules: RubricSet, text: str, wish: Wish) -> Grade:
        """Raises AnswerTooLong, ImpossibleOption; JudgeFailed or UnreadableVerdict where nothing was decided."""
        async with aclosing(self._journey(rubric, rules, Answer.of(text), wish)) as steps:
            async for step in steps:
                if isinstance(step, Grade):
                    return step
        raise AssertionError("a journey ends with a grade")

    async def stream(
        self, rubric: Rubric, rules: RubricSet, text: str, wish: Wish
    ) -> AsyncGenerator[ToldVerdict | Grade, None]:
        """Each verdict as soon as it is known, again where a better one replaces it, and the grade last.

        Raises as `grade` does. A caller that leaves stops the work, unless others wait for the same.
        """
        answer, said, shown = Answer.of(text), dict[str, Verdict](), dict[str, Verdict]()
        async with aclosing(self._journey(rubric, rules, answer, wish, early=True)) as steps:
            async for step in steps:
                if isinstance(step, Grade):
                    yield step
                    return
                said[step.criterion_id] = step
                for name, verdict in settle(rubric, said).items():
                    if shown.get(name) != verdict:
                        shown[name] = verdict
                        yield told_of(rubric, verdict, answer)

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()
        await self._leases.close()

    async def _journey(
        self, rubric: Rubric, rules: RubricSet, answer: Answer, wish: Wish, early: bool = False
    ) -> AsyncGenerator[Verdict | Grade, None]:
        started = self._clock()
        chain, left = self.chain_for(wish), self._seconds_left(wish)
        await self._door.through()
        with tracing.span("gate"):
            flags = flags_of(answer, rubric)
            tracing.note(flags=[flag.kind.value for flag in flags])
        if nothing_to_grade(flags):
            grade = self._abstain(rubric, rules, answer, flags, chain, wish)
            yield counted(grade, wish.question_set, self._clock() - started)
            return
        hidden = unheard(answer, flags)
        memory = Memory(self._store, self.slot(answer, wish.owner), chain, rubric, hidden)
        findings = Findings(rubric.judged, await memory.recall())
        for verdict in tuple(findings.verdicts.values()):
            yield verdict
        mark = fence_mark(self._secret, answer)
        case = Case(rubric.question, answer, mark, left, early=early, example=rubric.example_answer, unheard=hidden)
        asked = self._clock()
        try:
            async with aclosing(self._seek(chain, case, memory, findings, wish.question_set)) as verdicts:
                async for verdict in verdicts:
                    yield verdict
        except GradingError:
            metrics.labelled(metrics.GRADES, "failed", "none", wish.question_set).inc()
            raise
        grade = grade_of(
            rubric,
            rules,
            answer,
            flags,
            findings.verdicts,
            judge=report_of(chain, case, findings, self._clock() - asked),
            cache=findings.cache,
            request_id=wish.request_id,
        )
        yield counted(grade, wish.question_set, self._clock() - started)

    async def forget(self, text: str, owner: str) -> bool:
        """Whether there was something. Raises StoreUnavailable where it could not be confirmed."""
        return await self._store.forget(self.slot(Answer.of(text), owner))

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
        return grade_of(rubric, rules, answer, flags, verdicts, judge=judge, cache=None, request_id=wish.request_id)

    async def _seek(
        self, chain: Chain, case: Case, memory: Memory, findings: Findings, question_set: str
    ) -> AsyncGenerator[Verdict, None]:
        """Share in the flight that decides what is outstanding, or begin it. Where one begun by somebody else fails, it
        is tried again, by one at a time, if there is as much time left as that one took to fail. A failure is raised
        only where nothing at all is known.
        """
        failure: JudgeFailed | AnswerTooLong | None = None
        while wanted := findings.outstanding:

            def work(seconds_left: SecondsLeft, wanted: tuple[Criterion, ...] = wanted) -> AsyncGenerator[Told, None]:
                return self._decide(chain, replace(case, seconds_left=seconds_left), memory, wanted, question_set)

            async with self._flights.seat(memory.flight_of(wanted), case.seconds_left, work) as seat:
                if not seat.leads:
                    metrics.labelled(metrics.FLIGHTS, "joined").inc()
                try:
                    async with aclosing(seat.told()) as tellings:
                        async for told in tellings:
                            for judgement in memory.own(told):
                                yield findings.add(judgement, paid=seat.leads and not told.elsewhere)
                    break  # the judges have said all they can
                except TimeoutError:
                    failure = JudgeTimedOut("the deadline passed; a longer deadline_seconds or a shorter answer helps")
                    break
                except (JudgeFailed, AnswerTooLong) as error:
                    failure = error
                    hopeless = isinstance(error, JudgeRefused | AnswerTooLong) or case.seconds_left() < seat.age_seconds
                    if seat.leads or hopeless:
                        break
        if not findings.verdicts and findings.outstanding:
            raise failure or UnreadableVerdict(
                f"{chain[0].model.name!r} replied, but no verdict could be read from it; nothing is known of the answer"
            )

    async def _decide(
        self, chain: Chain, case: Case, memory: Memory, wanted: tuple[Criterion, ...], question_set: str
    ) -> AsyncGenerator[Told, None]:
        """A flight: another process's verdicts, where one is at the same, and the judges' on what it leaves."""
        metrics.QUESTION_SET.set(question_set)  # of this task, which is the flight's own
        known: dict[str, Verdict] = {}
        part = "lead"
        async with aclosing(self._leases.turns(memory.flight_of(wanted))) as turns:
            async for turn in turns:
                news = [] if turn is Turn.UNKNOWN else await memory.news(outstanding(wanted, known))
                for told in news:
                    known[told.judgement.verdict.criterion_id] = told.judgement.verdict
                    yield told
                if not outstanding(wanted, known):
                    metrics.labelled(metrics.FLIGHTS, "joined").inc()
                    return
                if turn is not Turn.ANOTHERS:
                    break
                part = "took_over"
            metrics.labelled(metrics.FLIGHTS, part).inc()
            async with aclosing(self._judge(chain, case, memory, wanted, known)) as judged:
                async for told in judged:
                    yield told

    async def _judge(
        self, chain: Chain, case: Case, memory: Memory, wanted: tuple[Criterion, ...], known: dict[str, Verdict]
    ) -> AsyncGenerator[Told, None]:
        """The loop over outstanding criteria, judge by judge, each for its share of the time.

        What one said before a failure stands, and is remembered. The last failure is raised if something is undecided.
        """
        failure: JudgeFailed | AnswerTooLong | None = None
        try:
            for number, judge in enumerate(chain):
                if number and outstanding(wanted, known):
                    metrics.labelled(metrics.FALLBACKS, judge.model.name).inc()
                share = case.share(len(chain) - number)
                try:
                    async with (
                        asyncio.timeout(share.seconds_left() + _GRACE_SECONDS),
                        aclosing(asked(judge, share, outstanding(wanted, known))) as judgements,
                    ):
                        async for judgement in judgements:
                            known[judgement.verdict.criterion_id] = judgement.verdict
                            yield memory.note(judge, judgement)
                except TimeoutError:
                    failure = JudgeTimedOut(f"{judge.model.name!r} used up its share of the deadline")
                except (JudgeFailed, AnswerTooLong) as error:
                    failure = error
        finally:
            await memory.keep()
        if failure and outstanding(wanted, known):
            raise failure
