"""Fit what a judge per criterion makes of its odds, on the odds that a run recorded; no model is asked.

Each kind of criterion gets a proportional-odds model over few signals. What to expect of it on questions it has not
seen is told by holding each question out in turn: `held_out` grades every question by scales fitted on all others.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from evals.agreement import cohen_kappa, quadratic_kappa
from evals.golden import GoldenAnswer
from evals.pairs import LEVELS, Kind
from evals.records import Record
from service.catalog import Catalog, read_prompts
from service.core.answer import Answer
from service.core.calibration import Calibration, Scale
from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion, Pitfall, Point, Rubric
from service.judges.known import KNOWN, KnownOdds, key_of, known_answers
from service.judges.per_criterion import Passage, marked, passages_of
from service.judges.signals import KINDS, Asked, kind_of, log_odds, signals_of

SIGNALS: Mapping[str, tuple[str, ...]] = {
    "point": ("yes", *KNOWN),
    "commission": ("yes", *KNOWN),
    "omission": ("yes", *KNOWN),
    "only": ("yes", "neutral"),
    "star": ("yes", *KNOWN),
}
"""What each kind is judged by: docs/decisions/local-model.md tells what else was tried."""
PENALTY = 1.0
"""Of the squared weights of standardised signals; as one answer more on each side would weigh."""
_GRID = np.linspace(0.05, 0.95, 91)


class Row(NamedTuple):
    """One labelled criterion as a run met it. `human` is a number into the levels of its kind."""

    golden_id: str
    question: str
    criterion_id: str
    kind: str
    human: int
    signals: Mapping[str, float]


def rows_of(
    golden: Sequence[GoldenAnswer],
    records: Sequence[Record],
    catalog: Catalog,
    wording: Mapping[str, str],
    known: KnownOdds | None = None,
) -> list[Row]:
    """All labelled criteria of which the records hold the odds; `wording` names the template of each kind.

    Of several readings the first counts. `known` is what was asked ahead about the known answers.
    """
    by_id = {answer.id: answer for answer in golden}
    told = Known.of(golden, records, catalog, wording, known)
    rows: list[Row] = []
    for record in records:
        if record.reading:
            continue
        answer = by_id[record.golden_id]
        text, replayed = Answer.of(answer.answer), Replayed.of(record, wording)
        rubric = answer.rubric_in(catalog)
        for criterion in rubric.judged:
            human = height_of(answer, criterion)
            asked = replayed.asked(criterion, passages_of(text))._replace(known=told.odds(rubric, criterion))
            signals = signals_of(criterion, text, asked)
            if human is not None and signals:
                rows.append(Row(answer.id, question_of(answer), criterion.id, kind_of(criterion), human, signals))
    return rows


def question_of(answer: GoldenAnswer) -> str:
    """What is held out together: all answers to one question."""
    return answer.question_id or (answer.rubric.question if answer.rubric else "")


class Known(NamedTuple):
    """What the model says before the known answers, of criteria as `wording` puts them: from a file, and from the
    replies of a run, which asked about what was in no file.
    """

    templates: Mapping[str, PromptTemplate]
    log_odds: dict[str, float]

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
        known = cls({kind: templates[name] for kind, name in wording.items()}, dict(file.log_odds) if file else {})
        by_id = {answer.id: answer for answer in golden}
        for record in records:
            told = {reply.about.partition(" ")[2]: reply.first_token_odds or {} for reply in record.replies}
            if any(about.endswith(KNOWN) for about in told):
                rubric = by_id[record.golden_id].rubric_in(catalog)
                for criterion in rubric.judged:
                    for name, key in known._keys(rubric, criterion):
                        if (odds := told.get(f"{criterion.id} {name}")) is not None:
                            known.log_odds[key] = log_odds(odds) or 0.0
        return known

    def odds(self, rubric: Rubric, criterion: Criterion) -> dict[str, float]:
        """By name of the known answer; those that were asked."""
        return {name: self.log_odds[key] for name, key in self._keys(rubric, criterion) if key in self.log_odds}

    def _keys(self, rubric: Rubric, criterion: Criterion) -> Iterator[tuple[str, str]]:
        template = self.templates[kind_of(criterion)]
        for known in known_answers(self.templates["empty"].render("answer"), rubric.example_answer):
            yield known.name, key_of(template, rubric.question, known.answer, criterion)


class Replayed(NamedTuple):
    """A record's odds by template and criterion, as a judge per criterion asked for them.

    `wording` is as for `rows_of`; `labels` are the templates' name@digest by name.
    """

    odds: Mapping[tuple[str, str], Mapping[str, float]]
    wording: Mapping[str, str]
    labels: Mapping[str, str]

    @classmethod
    def of(cls, record: Record, wording: Mapping[str, str]) -> "Replayed":
        odds: dict[tuple[str, str], Mapping[str, float]] = {}
        labels: dict[str, str] = {}
        for reply in record.replies:
            label, _, about = reply.about.partition(" ")
            name = label.partition("@")[0]
            labels[name] = label
            odds.setdefault((name, about), reply.first_token_odds or {})
        return cls(odds, wording, labels)

    def asked(self, criterion: Criterion, passages: Sequence[Passage]) -> Asked:
        """What came of asking about this criterion; no odds if it was not asked about."""
        template = self.wording[kind_of(criterion)]
        neutral = log_odds(self.odds.get((self.wording["neutral"], ""), {})) or 0.0
        marks = marked(self.odds.get((template, f"{criterion.id} evidence"), {}), passages)
        return Asked(self.odds.get((template, criterion.id), {}), marks, neutral)

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


def calibrated(rows: Sequence[Row], made_by: str, note: str) -> Calibration:
    """A scale for each kind, and another for rubrics without an example answer where that is a signal; the same where
    no rubric has one.

    Raises ValueError for a kind of which some level bears no label, and where a signal is not at hand.
    """
    scales, bare = {}, {}
    for kind in KINDS:
        own = [row for row in rows if row.kind == kind]
        beside = [row for row in own if "example" in row.signals]
        if "example" not in SIGNALS[kind]:
            scales[kind] = fitted(own, kind)
            continue
        without = fitted(own, kind, tuple(name for name in SIGNALS[kind] if name != "example"))
        scales[kind] = fitted(beside, kind) if beside else without
        bare[kind] = without
    return Calibration(version=1, made_by=made_by, note=note, scales=scales, without_example=bare)


def held_out(rows: Sequence[Row]) -> dict[str, Calibration]:
    """By question: the calibration that has seen every question but this one."""
    return {
        question: calibrated([row for row in rows if row.question != question], "held out", question)
        for question in dict.fromkeys(row.question for row in rows)
    }


def fitted(rows: Sequence[Row], kind: str, signals: Sequence[str] | None = None) -> Scale:
    """The likeliest proportional-odds model of these signals (None: all of the kind's SIGNALS), its weights held small;
    and the `least` by which its kappa is best.

    Signals are standardised for the fit and the weights given back on the signals' own scale.
    """
    top = len(LEVELS[_family(kind)]) - 1
    human = np.array([row.human for row in rows])
    lacking = [level for height, level in enumerate(LEVELS[_family(kind)]) if height not in human]
    if lacking:
        raise ValueError(f"{len(rows)} labels of {kind!r}, and none of {', '.join(lacking)}")
    names = SIGNALS[kind] if signals is None else signals
    if unknown := sorted({name for row in rows for name in names if name not in row.signals}):
        raise ValueError(f"{kind!r} needs {', '.join(unknown)}, and the run does not hold it: record it anew")
    values = np.array([[row.signals[name] for name in names] for row in rows], dtype=float)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread == 0] = 1.0
    weights, cuts = _likeliest((values - mean) / spread, human, top)
    own = weights / spread
    cuts -= float(own @ mean)
    reached = expit(np.add.outer(values @ own, cuts))  # rows x levels above the lowest
    return Scale(
        weights={name: round(float(weight), 4) for name, weight in zip(names, own, strict=True)},
        cuts=tuple(round(float(cut), 4) for cut in cuts),
        least=_least(reached, human, top),
    )


def _likeliest(signals: np.ndarray, human: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights, and cuts that fall: the first, and how far each next lies below the one before, as its logarithm."""
    count = signals.shape[1]

    def parts(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x[:count], x[count] - np.concatenate(([0.0], np.cumsum(np.exp(x[count + 1 :]))))

    def loss(x: np.ndarray) -> float:
        weights, cuts = parts(x)
        reached = expit(np.add.outer(signals @ weights, cuts))
        edges = np.hstack((np.ones((len(human), 1)), reached, np.zeros((len(human), 1))))
        at = np.arange(len(human))
        likelihood = np.clip(edges[at, human] - edges[at, human + 1], 1e-12, 1)
        return float(-np.log(likelihood).sum() + PENALTY * (weights @ weights) / 2)

    first = float(logit(np.clip((human > 0).mean(), 0.01, 0.99)))
    start = np.concatenate((np.zeros(count), [first], np.zeros(top - 1)))
    return parts(minimize(loss, start, method="L-BFGS-B").x)


def _least(reached: np.ndarray, human: np.ndarray, top: int) -> tuple[float, ...]:
    """For the highest level the threshold with the best kappa of that level or not; for partial then the best QWK."""
    met = human == top
    highest = max(_GRID, key=lambda t: (cohen_kappa(met, reached[:, -1] >= t) or 0.0, -abs(t - 0.5)))
    if top == 1:
        return (round(float(highest), 2),)
    said = reached[:, -1] >= highest

    def agreement(t: float) -> tuple[float, float]:
        levels = np.where(said, 2, (reached[:, 0] >= t).astype(int))
        return quadratic_kappa(human, levels, range(top + 1)) or 0.0, -abs(t - 0.5)

    return round(float(max(_GRID, key=agreement)), 2), round(float(highest), 2)


def _family(kind: str) -> Kind:
    return "points" if kind == "point" else "star" if kind == "star" else "pitfalls"
