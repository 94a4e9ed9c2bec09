"""Grade a run's recorded odds anew by other calibrations, as if the judge had had them; no model is asked."""

from collections.abc import Mapping, Sequence

from evals.golden import GoldenAnswer
from evals.records import Record, Run
from evals.replayed import Known, Replayed, question_of
from service.catalog import Catalog
from service.core.answer import Answer
from service.core.calibration import Calibration
from service.core.gates import flags_of
from service.core.grade import Grade, grade_of
from service.core.verdict import Verdict
from service.judges.per_criterion import looks_at, verdict_from
from service.judges.signals import kind_of, signals_of


def regraded(
    golden: Sequence[GoldenAnswer],
    run: Run,
    catalog: Catalog,
    wording: Mapping[str, str],
    by_question: Mapping[str, Calibration],
    told: Known | None = None,
) -> Run:
    """The run as it would have been. `by_question` says by which calibration each question's answers are graded,
    `told` what the known answers got; None: what the run itself was told.

    What was abstained from or failed stays as it is; so do tokens and seconds. Of each reply's odds as many are kept as
    an ordinary run keeps. The run's identity says what was done. Raises ValueError where a scale looks at what a known
    answer got, and that is not at hand.
    """
    answers = {answer.id: answer for answer in golden}
    digests = sorted({calibration.digest for calibration in by_question.values()})
    identity = f"{run.settings.identity} | graded anew by {len(digests)} calibrations: {', '.join(digests)}"
    told = told or Known.of(golden, run.records, catalog, wording, None)
    records = tuple(
        _regraded(record, answers[record.golden_id], catalog, wording, by_question, told) for record in run.records
    )
    return Run(run.settings.model_copy(update={"identity": identity}), records)


def _regraded(
    record: Record,
    golden: GoldenAnswer,
    catalog: Catalog,
    wording: Mapping[str, str],
    by_question: Mapping[str, Calibration],
    known: Known,
) -> Record:
    if record.grade is None or record.grade.status == "abstained":
        return record
    calibration = by_question[question_of(golden)]
    grade = _grade(record, record.grade, golden, catalog, wording, calibration, known)
    return record.model_copy(update={"grade": grade, "replies": tuple(reply.brief() for reply in record.replies)})


def _grade(
    record: Record,
    before: Grade,
    golden: GoldenAnswer,
    catalog: Catalog,
    wording: Mapping[str, str],
    calibration: Calibration,
    known: Known,
) -> Grade:
    rubric, answer = golden.rubric_in(catalog), Answer.of(golden.answer)
    has_example = rubric.example_answer is not None
    replayed = Replayed.of(record, wording)
    passages = replayed.passages(answer)
    verdicts: dict[str, Verdict] = {}
    for criterion in rubric.judged:
        told = known.told(rubric, criterion, calibration)
        scale = calibration.scale_of(kind_of(criterion), has_example)
        for name, _ in known.keys_of(rubric, criterion):
            if name not in told and looks_at(scale, name):
                raise ValueError(f"{record.golden_id}: what {criterion.id} got before the {name} answer is not at hand")
        asked = replayed.asked(criterion, passages)._replace(known=told)
        if signals := signals_of(criterion, answer, asked, calibration.direction_of(kind_of(criterion), has_example)):
            verdict = verdict_from(signals, asked.marks, criterion, passages, replayed.usual(passages), scale)
            by = {"model": before.judge.model or "", "prompt": replayed.labels[wording[kind_of(criterion)]]}
            verdicts[criterion.id] = verdict.model_copy(update=by)
    return grade_of(
        rubric,
        catalog.rules,
        answer,
        flags_of(answer, rubric),
        verdicts,
        judge=before.judge,
        cache=before.cache,
        request_id=before.request_id,
    )
