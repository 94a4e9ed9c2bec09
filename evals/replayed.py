"""What a recorded run of a judge per criterion holds for a calibration: labels beside signals, odds to read again."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from evals.directions import Pair, Vectors, tokens_of, vector_of
from evals.golden import GoldenAnswer, guise_of
from evals.pairs import LEVELS
from evals.records import Record
from service.catalog import Catalog, read_prompts
from service.core.answer import Answer
from service.core.calibration import Calibration
from service.core.gates import Flag, unheard
from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion, Pitfall, Point, Rubric
from service.judges.known import KNOWN, KnownOdds, key_of, known_answers
from service.judges.per_criterion import Passage, marked, passages_of
from service.judges.signals import Asked, Told, kind_of, log_odds, signals_of, told_by


class Row(NamedTuple):
    """One labelled criterion as a run met it. `human` is a number into the levels of its kind; `vectors` are None where
    replies told few odds.
    """

    golden_id: str
    question: str
    criterion_id: str
    kind: str
    human: int
    signals: Mapping[str, float]
    vectors: Vectors | None = None


class Rows(NamedTuple):
    """`tokens` are those that the rows' vectors are of; `pairs` tell how two guises of one answer differ."""

    rows: tuple[Row, ...]
    tokens: tuple[str, ...]
    pairs: tuple[Pair, ...] = ()

    def without(self, questions: Collection[str]) -> "Rows":
        """What is of other questions."""
        return self._replace(
            rows=tuple(row for row in self.rows if row.question not in questions),
            pairs=tuple(pair for pair in self.pairs if pair.question not in questions),
        )


def rows_of(
    golden: Sequence[GoldenAnswer],
    records: Sequence[Record],
    catalog: Catalog,
    wording: Mapping[str, str],
    known: KnownOdds | None = None,
    tokens: Sequence[str] | None = None,
) -> Rows:
    """All labelled criteria of which the records hold the odds; `wording` names the template of each kind.

    Of several readings the first counts. `known` is what was asked ahead about the known answers. `tokens` are those
    to look at; None: all that nearly every reply tells.
    """
    by_id = {answer.id: answer for answer in golden}
    told = Known.of(golden, records, catalog, wording, known)
    first = [(by_id[record.golden_id], Replayed.of(record, wording)) for record in records if not record.reading]
    told_often = tokens_of(odds for answer, one in first for odds in one.asked_odds(answer.rubric_in(catalog)))
    tokens = tuple(tokens) if tokens and told_often else told_often
    rows: list[Row] = []
    for answer, replayed in first:
        text, rubric = Answer.of(answer.answer), answer.rubric_in(catalog)
        passages = replayed.passages(text)
        for criterion in rubric.judged:
            human = height_of(answer, criterion)
            asked = replayed.asked(criterion, passages)._replace(known=told.told(rubric, criterion, None))
            signals = signals_of(criterion, text, asked)
            if human is not None and signals:
                before = told.odds(rubric, criterion)
                vectors = None
                if tokens and before:
                    known_vectors = {name: vector_of(odds, tokens) for name, odds in before.items()}
                    vectors = Vectors(vector_of(asked.odds, tokens), known_vectors)
                kind = kind_of(criterion)
                rows.append(Row(answer.id, question_of(answer), criterion.id, kind, human, signals, vectors))
    return Rows(tuple(rows), tokens, tuple(_pairs(first, catalog, wording, tokens)))


def _pairs(
    replayed: Sequence[tuple[GoldenAnswer, "Replayed"]],
    catalog: Catalog,
    wording: Mapping[str, str],
    tokens: Sequence[str],
) -> Iterator[Pair]:
    """Of each two answers that bear the tags of a pair, every criterion; none where replies told few odds."""
    sides = {guise: one for one in replayed if (guise := guise_of(one[0])) and guise.side}
    for guise, (answer, one) in sides.items() if tokens else ():
        other = sides.get(guise._replace(side="b"))
        if guise.side == "b" or other is None:
            continue
        for criterion in answer.rubric_in(catalog).judged:
            kind = kind_of(criterion)
            first, second = (heard.odds.get((wording[kind], criterion.id)) for heard in (one, other[1]))
            if first and second:
                yield Pair(question_of(answer), kind, vector_of(first, tokens) - vector_of(second, tokens))


def question_of(answer: GoldenAnswer) -> str:
    """What is held out together: all answers to one question."""
    return answer.question_id or (answer.rubric.question if answer.rubric else "")


class Known(NamedTuple):
    """What the model says before the known answers, of criteria as `wording` puts them: from a file, and from the
    replies of a run, which asked about what was in no file.
    """

    templates: Mapping[str, PromptTemplate]
    file: KnownOdds | None
    replies: dict[str, Mapping[str, float]]

    @classmethod
    def of(
        cls,
        golden: Sequence[GoldenAnswer],
        records: Sequence[Record],
        catalog: Catalog,
        wording: Mapping[str, str],
        file: KnownOdds | None,
    ) -> "Known":
        templates = read_prompts()
        known = cls({kind: templates[name] for kind, name in wording.items()}, file, {})
        by_id = {answer.id: answer for answer in golden}
        for record in records:
            told = {reply.about.partition(" ")[2]: reply.first_token_odds or {} for reply in record.replies}
            if any(about.endswith(KNOWN) for about in told):
                rubric = by_id[record.golden_id].rubric_in(catalog)
                for criterion in rubric.judged:
                    for name, key in known.keys_of(rubric, criterion):
                        if (odds := told.get(f"{criterion.id} {name}")) is not None:
                            known.replies[key] = odds
        return known

    def odds(self, rubric: Rubric, criterion: Criterion) -> dict[str, Mapping[str, float]]:
        """By name of the known answer, the odds as the run was told them; those that it asked about."""
        return {name: self.replies[key] for name, key in self.keys_of(rubric, criterion) if key in self.replies}

    def told(self, rubric: Rubric, criterion: Criterion, calibration: Calibration | None) -> dict[str, Told]:
        """By name of the known answer, what its odds say, measured by the calibration's directions; those that were
        asked, by the run or ahead.
        """
        found: dict[str, Told] = {}
        kind, has_example = kind_of(criterion), rubric.example_answer is not None
        direction = calibration.direction_of(kind, has_example) if calibration else None
        ahead = self.file if not (calibration and calibration.says_stated(kind, has_example)) else None
        for name, key in self.keys_of(rubric, criterion):
            if key in self.replies:
                found[name] = told_by(self.replies[key], direction) or Told(0.0)
            elif ahead and (told := ahead.told(key, calibration)):
                found[name] = told
        return found

    def keys_of(self, rubric: Rubric, criterion: Criterion) -> Iterator[tuple[str, str]]:
        """Of each known answer its name, and the key of what is said before it (see `known.key_of`)."""
        template = self.templates[kind_of(criterion)]
        for known in known_answers(self.templates["empty"].render("answer"), rubric.example_answer):
            yield known.name, key_of(template, rubric.question, known.answer, criterion)


class Replayed(NamedTuple):
    """A record's odds by template and criterion, as a judge per criterion asked for them.

    `wording` is as for `rows_of`; `labels` are the templates' name@digest by name; `flags` the grade's.
    """

    odds: Mapping[tuple[str, str], Mapping[str, float]]
    wording: Mapping[str, str]
    labels: Mapping[str, str]
    flags: tuple[Flag, ...] = ()

    @classmethod
    def of(cls, record: Record, wording: Mapping[str, str]) -> "Replayed":
        odds: dict[tuple[str, str], Mapping[str, float]] = {}
        labels: dict[str, str] = {}
        for reply in record.replies:
            label, _, about = reply.about.partition(" ")
            name = label.partition("@")[0]
            labels[name] = label
            odds.setdefault((name, about), reply.first_token_odds or {})
        return cls(odds, wording, labels, record.grade.flags if record.grade else ())

    def passages(self, answer: Answer) -> list[Passage]:
        """Those that the judge was shown."""
        return passages_of(answer.without(unheard(answer, self.flags)))

    def asked(self, criterion: Criterion, passages: Sequence[Passage]) -> Asked:
        """What came of asking about this criterion; no odds if it was not asked about."""
        template = self.wording[kind_of(criterion)]
        neutral = log_odds(self.odds.get((self.wording["neutral"], ""), {})) or 0.0
        marks = marked(self.odds.get((template, f"{criterion.id} evidence"), {}), passages)
        return Asked(self.odds.get((template, criterion.id), {}), marks, neutral)

    def asked_odds(self, rubric: Rubric) -> Iterator[Mapping[str, float]]:
        """Of each criterion that was asked about."""
        for criterion in rubric.judged:
            if odds := self.odds.get((self.wording[kind_of(criterion)], criterion.id)):
                yield odds

    def usual(self, passages: Sequence[Passage]) -> dict[str, float]:
        """The marks' odds for the question without content."""
        return marked(self.odds.get((self.wording["neutral"], "evidence"), {}), passages)


def height_of(answer: GoldenAnswer, criterion: Criterion) -> int | None:
    """The human's level as a number; None without a label."""
    labels = answer.labels
    match criterion:
        case Point():
            level = labels.points.get(criterion.id)
            return None if level is None else LEVELS["points"].index(level)
        case Pitfall():
            committed = labels.pitfalls.get(criterion.id)
            return None if committed is None else int(committed)
        case _:
            part = labels.star.get(criterion.part)
            return None if part is None else LEVELS["star"].index(part)
