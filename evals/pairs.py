"""Human and judge side by side: one Pair a labelled criterion and reading, one Reading an answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from evals.golden import GoldenAnswer
from evals.records import Record
from service.catalog import Catalog
from service.core.answer import Answer
from service.core.grade import CriterionGrade, Evidence, Grade, PartGrade
from service.core.overlap import word_overlap
from service.core.rubric import Pitfall, PitfallKind, Point, Rubric, RubricSet, StarPart, digest_of, rubric_version
from service.core.scoring import score
from service.core.verdict import Verdict

Kind = Literal["points", "pitfalls", "star"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Quality = Literal["strong", "middling", "weak"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
Status = Literal["graded", "partial", "abstained", "failed"]

LEVELS: Mapping[Kind, tuple[str, ...]] = {
    "points": ("missed", "partial", "met"),
    "pitfalls": ("avoided", "committed"),
    "star": ("absent", "partial", "present"),
}
"""Each kind's levels from lowest to highest: a level's number is its place here."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What a human and the judge said of one criterion of one answer, in one reading.

    `human` and `judge` are numbers into LEVELS; `judge` is None where it did not say (unassessed). `probability` is the
    judge's own, that the criterion is met, committed or present: None without odds or samples, and 0 where code
    abstained, since it then decided that nothing is there. `derived`: code derived it from STAR, no judge was asked.
    `sub` is "point", the pitfall's kind or the STAR part. `words` is the answer's length; `overlap` the share of the
    wanted words found in it, None where the criterion has no wording in the rubric. `question` is the question's id,
    or a digest of the question where the golden answer brings its own rubric. `language` and `quality` are None where
    unknown.
    """

    golden_id: str
    reading: int
    question: str
    kind: Kind
    sub: str
    criterion_id: str
    human: int
    judge: int | None
    probability: float | None
    derived: bool
    status: Status
    language: str | None
    quality: Quality | None
    words: int
    overlap: float | None
    reason: str | None
    evidence: tuple[Evidence, ...]

    @property
    def top(self) -> int:
        """The highest level's number."""
        return len(LEVELS[self.kind]) - 1

    @property
    def rank(self) -> float | None:
        """By what verdicts are ranked, in [0, 1]: the probability, and without one the level's share of the highest."""
        if self.judge is None:
            return None
        return self.judge / self.top if self.probability is None else self.probability

    @property
    def clear(self) -> bool:
        """Whether the human called it neither way half: not partial."""
        return self.human in (0, self.top)

    @property
    def stated(self) -> bool:
        """Whether the judge itself gave the probability, not code that abstained."""
        return self.probability is not None and self.status != "abstained"


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, graded or not: the human's score and the judge's in [0, 100], either None where there is none.

    `overlap` is the mean over the labelled points; None without any. `stale`: graded by a rubric that has changed.
    """

    golden_id: str
    reading: int
    question: str
    status: Status
    human: float | None
    judge: float | None
    language: str | None
    quality: Quality | None
    words: int
    overlap: float | None
    stale: bool
    record: Record


class Material(NamedTuple):
    """A run laid beside its golden answers: all that figures are made of."""

    pairs: tuple[Pair, ...]
    readings: tuple[Reading, ...]


def material_of(golden: Sequence[GoldenAnswer], records: Iterable[Record], catalog: Catalog) -> Material:
    """Records in the order of their answers in the golden file; those of other answers are passed over."""
    by_id: dict[str, list[Record]] = {}
    for record in records:
        by_id.setdefault(record.golden_id, []).append(record)
    pairs: list[Pair] = []
    readings: list[Reading] = []
    for answer in golden:
        side = _Side.of(answer, catalog)
        for record in sorted(by_id.get(answer.id, ()), key=lambda record: record.reading):
            found = tuple(side.pairs(record))
            pairs += found
            readings.append(side.reading(record))
    return Material(tuple(pairs), tuple(readings))


def pairs_of(golden: Sequence[GoldenAnswer], records: Iterable[Record], catalog: Catalog) -> tuple[Pair, ...]:
    """The pairs of all readings. A failed record gives none: a failure says nothing about the candidate."""
    return material_of(golden, records, catalog).pairs


def question_of(answer: GoldenAnswer, rubric: Rubric) -> str:
    """What groups the answers to one question, and is short enough to be shown."""
    return answer.question_id or digest_of(rubric.question)[:12]


def quality_of(answer: GoldenAnswer) -> Quality | None:
    """Which quality the answer's tags give it; None where they name none, or several."""
    named = [quality for quality in QUALITIES if quality in answer.tags]
    return named[0] if len(named) == 1 else None


def human_score(answer: GoldenAnswer, rubric: Rubric, rules: RubricSet) -> float | None:
    """The score a human gave, else the one that the human's labels earn; None unless all criteria have labels."""
    if answer.score is not None:
        return answer.score
    labels = answer.labels
    levels: dict[str, str] = {**labels.points, **{part.value: level for part, level in labels.star.items()}}
    levels |= {name: "committed" if committed else "avoided" for name, committed in labels.pitfalls.items()}
    if any(criterion.id not in levels for criterion in rubric.judged):
        return None
    verdicts = {name: Verdict.model_validate({"criterion_id": name, "level": level}) for name, level in levels.items()}
    return score(rubric, verdicts, rules).score


class _Wanted(NamedTuple):
    """One labelled criterion with what does not depend on the reading."""

    kind: Kind
    sub: str
    criterion_id: str
    human: int
    derived: bool
    overlap: float | None


class _Side(NamedTuple):
    """The human's side of one answer, worked out once for all its readings."""

    answer: GoldenAnswer
    rubric: Rubric
    version: str
    question: str
    quality: Quality | None
    words: int
    score: float | None
    wanted: tuple[_Wanted, ...]

    @classmethod
    def of(cls, answer: GoldenAnswer, catalog: Catalog) -> "_Side":
        rubric, text = answer.rubric_in(catalog), Answer.of(answer.answer)
        return cls(
            answer=answer,
            rubric=rubric,
            version=rubric_version(rubric, catalog.rules),
            question=question_of(answer, rubric),
            quality=quality_of(answer),
            words=len(text.words),
            score=human_score(answer, rubric, catalog.rules),
            wanted=tuple(_wanted(answer, rubric, text)),
        )

    def pairs(self, record: Record) -> Iterator[Pair]:
        if record.grade is None:
            return
        said = _said(record.grade)
        for wanted in self.wanted:
            decided = said.get(wanted.criterion_id)
            yield Pair(
                golden_id=self.answer.id,
                reading=record.reading,
                question=self.question,
                kind=wanted.kind,
                sub=wanted.sub,
                criterion_id=wanted.criterion_id,
                human=wanted.human,
                judge=_level(wanted.kind, decided.verdict) if decided else None,
                probability=0.0 if record.status == "abstained" else decided.probability if decided else None,
                derived=wanted.derived,
                status=record.status,
                language=self.answer.language,
                quality=self.quality,
                words=self.words,
                overlap=wanted.overlap,
                reason=decided.reason if decided else None,
                evidence=decided.evidence if decided else (),
            )

    def reading(self, record: Record) -> Reading:
        overlaps = [w.overlap for w in self.wanted if w.kind == "points" and w.overlap is not None and not w.derived]
        return Reading(
            golden_id=self.answer.id,
            reading=record.reading,
            question=self.question,
            status=record.status,
            human=self.score,
            judge=record.grade.score if record.grade else None,
            language=self.answer.language,
            quality=self.quality,
            words=self.words,
            overlap=sum(overlaps) / len(overlaps) if overlaps else None,
            stale=bool(record.grade and record.grade.rubric_version != self.version),
            record=record,
        )


def _wanted(answer: GoldenAnswer, rubric: Rubric, text: Answer) -> Iterator[_Wanted]:
    labels = answer.labels
    for point in rubric.points:
        if point.id in labels.points:
            human = LEVELS["points"].index(labels.points[point.id])
            yield _Wanted("points", "point", point.id, human, point.decided_by == "star", _overlap(point, text))
    for pitfall in rubric.pitfalls:
        if pitfall.id in labels.pitfalls:
            human = int(labels.pitfalls[pitfall.id])
            yield _Wanted("pitfalls", pitfall.kind.value, pitfall.id, human, False, _overlap(pitfall, text))
    for part in StarPart:
        if part in labels.star:
            yield _Wanted("star", part.value, part.value, LEVELS["star"].index(labels.star[part]), False, None)


def _overlap(criterion: Point | Pitfall, text: Answer) -> float | None:
    """Of an omission and an `only`, with what should be there: finding it speaks against the pitfall."""
    if isinstance(criterion, Pitfall) and criterion.kind is not PitfallKind.COMMISSION:
        return word_overlap(criterion.expected or criterion.text, text)
    return word_overlap(criterion.text, text)


def _said(grade: Grade) -> dict[str, CriterionGrade | PartGrade]:
    said: dict[str, CriterionGrade | PartGrade] = {c.id: c for c in (*grade.points, *grade.pitfalls)}
    return said | {part.value: getattr(grade.star, part.value) for part in StarPart if grade.star}


def _level(kind: Kind, verdict: str) -> int | None:
    return LEVELS[kind].index(verdict) if verdict in LEVELS[kind] else None
