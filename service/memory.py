"""What one request knows of an answer: what was remembered, what others decided meanwhile, what its own judges said."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from service import metrics, tracing
from service.cache import Remembered, VerdictStore, verdict_key
from service.core.grade import CacheResult
from service.core.rubric import Criterion, Rubric, digest_of
from service.core.verdict import Verdict, outstanding
from service.judges import Judge, Judgement, prompts_of, reads_example, total_usd


class Told(NamedTuple):
    """A judgement under its key in the store, whatever the criterion's id. `elsewhere`: another process had it made."""

    key: str
    judgement: Judgement
    elsewhere: bool = False


class Memory:
    """What is remembered of one answer, of which judges did not read the sentences `unheard`: read and written in one
    round trip each.
    """

    def __init__(
        self,
        store: VerdictStore,
        slot: str,
        chain: Sequence[Judge],
        rubric: Rubric,
        unheard: frozenset[int] = frozenset(),
    ) -> None:
        self._store = store
        self._slot = slot
        self._criteria = rubric.judged
        self._keys, self._names = _keys_of(tuple((judge, judge.identity) for judge in chain), rubric, unheard)
        self._new: dict[str, Remembered] = {}

    async def recall(self) -> dict[str, Remembered]:
        """By criterion id; of several judges' verdicts, that of the first in the chain."""
        known = {name: remembered for name, (_, remembered) in (await self._read(self._criteria)).items()}
        metrics.labelled(metrics.REMEMBERED, "hit").inc(len(known))
        metrics.labelled(metrics.REMEMBERED, "miss").inc(len(self._criteria) - len(known))
        return known

    async def news(self, criteria: Iterable[Criterion]) -> list[Told]:
        """What has come to be known of these criteria since they were looked up."""
        found = await self._read(criteria)
        return [Told(key, Judgement(known.verdict, known.cost_usd), elsewhere=True) for key, known in found.values()]

    def flight_of(self, criteria: Sequence[Criterion]) -> str:
        """The name under which these criteria of this answer are being decided, by whoever asks for the same."""
        names = {criterion.id for criterion in criteria}
        return digest_of([self._slot, sorted({key for (_, name), key in self._keys.items() if name in names})])[:32]

    def note(self, judge: Judge, judgement: Judgement) -> Told:
        """To be kept, if it is final."""
        verdict, cost_usd, final = judgement
        key = self._keys[judge.identity, verdict.criterion_id]
        if final:
            self._new[key] = Remembered(verdict=verdict, cost_usd=cost_usd)
        return Told(key, judgement)

    async def keep(self) -> None:
        """Write what was noted."""
        if self._new:
            with tracing.span("store write", {"grader.criteria": len(self._new)}):
                await self._store.write(self._slot, self._new)

    def own(self, told: Told) -> list[Judgement]:
        """What was told, of this request's criteria: the same content may bear another id here, or two of them."""
        judgement, names = told.judgement, self._names.get(told.key, ())
        if names == (judgement.verdict.criterion_id,):
            return [judgement]
        copies = (judgement.verdict.model_copy(update={"criterion_id": name}) for name in names)
        return [judgement._replace(verdict=copy) for copy in copies]

    async def _read(self, criteria: Iterable[Criterion]) -> dict[str, tuple[str, Remembered]]:
        """By criterion id, with the key under which it stands."""
        names = {criterion.id for criterion in criteria}
        keys = {pair: key for pair, key in self._keys.items() if pair[1] in names}
        with tracing.span("store read", {"grader.criteria": len(names)}) as span:
            found = await self._store.read(self._slot, list(keys.values()))
            tracing.noted_on(span, found=len(found))
        known: dict[str, tuple[str, Remembered]] = {}
        for (_, criterion_id), key in keys.items():
            if key in found and criterion_id not in known:
                verdict = found[key].verdict.model_copy(update={"criterion_id": criterion_id})
                known[criterion_id] = key, found[key].model_copy(update={"verdict": verdict})
        return known


class _Keys(NamedTuple):
    """In the store, by a judge's identity and a criterion's id; and the ids that share a key."""

    of: dict[tuple[str, str], str]
    names: dict[str, tuple[str, ...]]


@lru_cache(maxsize=256)  # the same for every answer to a question
def _keys_of(chain: tuple[tuple[Judge, str], ...], rubric: Rubric, unheard: frozenset[int]) -> _Keys:
    of: dict[tuple[str, str], str] = {}
    names: dict[str, tuple[str, ...]] = {}
    for judge, identity in chain:
        example = rubric.example_answer if reads_example(judge) else None
        for criterion in rubric.judged:
            digests = "+".join(template.digest for template in prompts_of(judge, criterion))
            key = verdict_key(identity, digests, rubric.question, criterion, example)
            if unheard:  # by which sentences those are, the rest of the rubric shapes the verdict too
                key = digest_of([key, sorted(unheard)])[:32]
            of[identity, criterion.id] = key
            if criterion.id not in names.get(key, ()):
                names[key] = (*names.get(key, ()), criterion.id)
    return _Keys(of, names)


class Findings:
    """The verdicts of one request so far, and by whose money."""

    def __init__(self, criteria: tuple[Criterion, ...], remembered: Mapping[str, Remembered]) -> None:
        self.verdicts = {name: known.verdict for name, known in remembered.items()}
        self._criteria = criteria
        self._saved = {name: known.cost_usd for name, known in remembered.items()}
        self._asked_for = bool(self.outstanding)
        self._shared = False
        self._judged = False

    @property
    def outstanding(self) -> tuple[Criterion, ...]:
        return outstanding(self._criteria, self.verdicts)

    @property
    def cost_saved_usd(self) -> float | None:
        """What verdicts had cost that somebody else paid for; None if a price is unknown."""
        return total_usd(self._saved.values())

    @property
    def cache(self) -> CacheResult:
        """How the cache and others helped."""
        if not self._asked_for:
            return "hit"
        if self._shared and not self._judged:
            return "coalesced"
        return "mixed" if self._saved else "miss"

    def add(self, judgement: Judgement, *, paid: bool) -> Verdict:
        """Take a judgement in; `paid`: by this request, and not by another that shares it."""
        verdict = judgement.verdict
        self.verdicts[verdict.criterion_id] = verdict
        if paid:
            self._judged = True
            self._saved.pop(verdict.criterion_id, None)
        else:
            self._shared = True
            self._saved[verdict.criterion_id] = judgement.cost_usd
        return verdict
