"""Whole replies, remembered beside the verdicts they were made of, and given again without a look at each.

What is kept is the reply of a hit as it was sent, so that a hit is the same by either way: see
docs/decisions/warm-grades.md.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from service import metrics
from service.api.requests import GradeRequest, decoded, request_of
from service.catalog import Catalog
from service.core.answer import Answer
from service.core.frozen import Frozen
from service.core.rubric import Rubric, StarPart, digest_of, rubric_version
from service.grading import Chain, Grader
from service.judges import prompts_of

FORM = 3
"""Raised whenever the reply's form changes, or what code makes of the same verdicts; a test holds us to it."""

_MOST_PLACES = 10_000  # about 400 bytes each, and no word of an answer

Counts = tuple[tuple[Callable[[float], None], float], ...]
"""What each instrument is to be told."""

# What differs from hit to hit stands at the end.
_END = re.compile(rb'"seconds":[0-9.e-]+\},"cache":"hit","request_id":"[A-Za-z0-9._-]{1,64}"\}')


class Tally(Frozen):
    """What a reply adds to the metrics, beside its time."""

    verdicts: tuple[tuple[str, str, int], ...]
    flags: tuple[str, ...]
    remembered: int
    saved_usd: float | None
    model: str
    score: float | None
    needs_review: bool
    question_set: str

    @property
    def counts(self) -> Counts:
        """As of a hit whose criteria were looked at."""
        counts: list[tuple[Callable[[float], None], float]] = [
            (metrics.GRADES.labels("graded", "hit", self.question_set).inc, 1),
            *((metrics.VERDICTS.labels(kind, level).inc, number) for kind, level, number in self.verdicts),
            *((metrics.GATES.labels(flag).inc, 1) for flag in self.flags),
            (metrics.REMEMBERED.labels("hit").inc, self.remembered),
            (metrics.REPLIES.inc, 1),
        ]
        if self.score is not None:
            counts.append((metrics.SCORES.labels(self.question_set).observe, self.score))
        if self.needs_review:
            counts.append((metrics.REVIEWS.labels(self.question_set).inc, 1))
        if self.saved_usd:
            counts.append((metrics.COST_SAVED_USD.labels(self.model, self.question_set).inc, self.saved_usd))
        return tuple(counts)


@lru_cache(maxsize=1024)  # many replies have the same tally, and reading one costs more than counting it
def _counts(tally: bytes) -> Counts:
    return Tally.model_validate_json(tally).counts


class Place(NamedTuple):
    """Where a reply would be kept; `fallbacks` are the models whose verdicts may still give way to another's."""

    slot: str
    field: str
    judged: int
    fallbacks: frozenset[str]
    question_set: str


class Kept(NamedTuple):
    """A remembered reply, short of its end."""

    counts: Counts
    start: bytes

    def add_up(self, seconds: float) -> None:
        """Add it to the metrics, as given in so long."""
        for tell, number in self.counts:
            tell(number)
        metrics.observe(metrics.labelled(metrics.GRADE_SECONDS, "hit"), seconds)

    def body(self, request_id: str) -> bytes:
        """The reply to this request."""
        return b'%b"seconds":0.0},"cache":"hit","request_id":"%b"}' % (self.start, request_id.encode())


class _Shape(NamedTuple):
    """All that shapes a grade of any answer."""

    digest: str
    judged: int
    fallbacks: frozenset[str]


class Replies:
    """Finds and keeps whole replies. Its store never raises, so nor does it."""

    def __init__(self, grader: Grader, catalog: Catalog) -> None:
        self._grader = grader
        self._catalog = catalog
        # Of the catalog's questions; both they and the judges stay what they are while the service runs.
        self._shapes: dict[tuple[str, str | None, int], _Shape] = {}
        # By the body's digest: of what is asked again and again, the place is known without reading it.
        self._places: dict[tuple[bytes, str], Place] = {}

    def place_of(self, body: bytes, owner: str) -> Place:
        """Where the reply to this body would be. Raises BadRequest and GradingErrors for what is no good request."""
        asked = hashlib.sha256(body).digest(), owner
        if known := self._places.get(asked):
            return known
        place = self._place(request_of(decoded(body)), owner)
        if len(self._places) >= _MOST_PLACES:
            del self._places[next(iter(self._places))]  # the oldest; cachetools would take longer than it saves
        self._places[asked] = place
        return place

    def _place(self, wanted: GradeRequest, owner: str) -> Place:
        answer = Answer.of(wanted.answer)
        shape = self._shape(wanted)
        # The answer as received: evidence is told in its offsets, and the slot's answers differ in what is invisible.
        field = hashlib.sha256(f"{shape.digest}\n{answer.received}".encode()).hexdigest()
        question_set = self._catalog.set_of(wanted.question_id)
        return Place(self._grader.slot(answer, owner), f"reply:{field}", shape.judged, shape.fallbacks, question_set)

    async def kept(self, place: Place) -> Kept | None:
        """The reply, if there is one that can be read."""
        value = await self._grader.store.read_reply(place.slot, place.field)
        if value is None:
            return None
        tally, _, start = value.partition(b"\n")
        try:
            return Kept(_counts(tally), start)
        except ValidationError:  # another program's value
            metrics.STORE_FAILURES.labels("decode").inc()
            return None

    async def keep(self, place: Place, body: bytes) -> None:
        """Keep the reply of a hit, if it is whole and would be the same tomorrow."""
        end = _END.search(body)
        grade = from_json(body)
        if not end or end.end() != len(body) or grade["status"] != "graded" or place.fallbacks & _models(grade):
            return
        tally = _tally(grade, place).model_dump_json().encode()
        await self._grader.store.keep_reply(place.slot, place.field, b"%b\n%b" % (tally, body[: end.start()]))

    def _shape(self, wanted: GradeRequest) -> _Shape:
        wish = wanted.wish(request_id="", owner="")
        chain = self._grader.chain_for(wish)
        if wanted.rubric:
            return _shape(wanted.rubric, self._catalog, chain)
        asked = (wanted.question_id or "", wish.judge, wish.samples)
        if asked not in self._shapes:
            self._shapes[asked] = _shape(self._catalog.rubric_for(asked[0]), self._catalog, chain)
        return self._shapes[asked]


def _shape(rubric: Rubric, catalog: Catalog, chain: Chain) -> _Shape:
    judges = [
        [judge.name, judge.identity, [[prompt.digest for prompt in prompts_of(judge, c)] for c in rubric.judged]]
        for judge in chain
    ]
    digest = digest_of([FORM, rubric_version(rubric, catalog.rules), judges])
    return _Shape(digest, len(rubric.judged), frozenset(judge.model.name for judge in chain[1:]))


def _criteria(grade: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    star = grade["star"] or {}
    return [
        *(("point", point) for point in grade["points"]),
        *(("pitfall", pitfall) for pitfall in grade["pitfalls"]),
        *(("star", star[part]) for part in StarPart if star),
    ]


def _models(grade: dict[str, Any]) -> set[str]:
    return {criterion["model"] for _, criterion in _criteria(grade)}


def _tally(grade: dict[str, Any], place: Place) -> Tally:
    verdicts = Counter((kind, criterion["verdict"]) for kind, criterion in _criteria(grade))
    return Tally(
        verdicts=tuple((kind, level, number) for (kind, level), number in verdicts.items()),
        flags=tuple(flag["kind"] for flag in grade["flags"]),
        remembered=place.judged,
        saved_usd=grade["judge"]["cost_saved_usd"],
        model=grade["judge"]["model"],
        score=grade["score"],
        needs_review=grade["needs_review"],
        question_set=place.question_set,
    )
