"""The comparison with AutoRubric, but for AutoRubric itself: what is asked, how replies are read, what is summed."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.autorubric import add_reading, grade_by_autorubric, keep_golden, read_readings
from bench.autorubric_items import Asked, Item, Reading, items_of, reading_of_autorubric, reading_of_ours
from bench.autorubric_report import Columns, rows_of, show
from evals.golden import GoldenAnswer, Labels, read_golden
from evals.records import Record, Reply
from service.catalog import RUBRICS, Catalog, read_catalog
from service.core.answer import Answer
from service.core.grade import JudgeReport, grade_of
from service.core.rubric import Pitfall, PitfallKind, Point, Rubric, RubricSet
from service.core.verdict import Verdict
from tests.builders import answer_of, verdict_of

SCRIPT = Path(__file__).parents[2] / "bench" / "autorubric_grade.py"
RUBRIC = Rubric(
    question="Why hash a password?",
    star=True,
    points=(
        Point(id="p1", text="Says what a thief gets.", met_when="the theft is told"),
        Point(id="p2", text="Names a salt", weight=2),
        Point(id="p3", text="Tells it as STAR", decided_by="star"),
        Point(id="p4", text="Bears no label"),
    ),
    pitfalls=(Pitfall(id="f1", kind=PitfallKind.OMISSION, text="Forgets speed", committed_when="no cost is named"),),
)


def golden_of(name: str) -> GoldenAnswer:
    labels = Labels(
        points={"p1": "met", "p2": "partial", "p3": "met"}, pitfalls={"f1": True}, star={"situation": "present"}
    )
    return GoldenAnswer(id=name, rubric=RUBRIC, answer=answer_of().received, labels=labels, tags=("strong",))


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_catalog(RUBRICS)


@pytest.fixture
def item(catalog: Catalog) -> Item:
    return items_of([golden_of("a")], catalog, 1, np.random.default_rng(1))[0]


def test_autorubric_gets_text_and_rule_and_a_pitfall_as_a_negative_weight(item: Item) -> None:
    assert item.criteria == (
        Asked(
            id="p1",
            kind="point",
            requirement="Says what a thief gets. MET when the theft is told.",
            weight=1,
            human=True,
        ),
        Asked(id="p2", kind="point", requirement="Names a salt.", weight=2, human=False),  # partial is not met
        Asked(id="f1", kind="omission", requirement="Forgets speed. MET when no cost is named.", weight=-1, human=True),
    )


def test_autorubric_is_told_no_label(item: Item) -> None:
    told = json.loads(item.for_autorubric)
    assert set(told) == {"answer_id", "question", "answer", "criteria"}
    assert {key for criterion in told["criteria"] for key in criterion} == {"id", "requirement", "weight"}


def test_our_judges_get_the_same_criteria_and_no_star(item: Item, catalog: Catalog, tmp_path: Path) -> None:
    keep_golden(tmp_path / "golden.jsonl", [item])
    (golden,) = read_golden(tmp_path / "golden.jsonl", catalog)
    assert golden.rubric
    assert [c.id for c in golden.rubric.judged] == [c.id for c in item.criteria] == ["p1", "p2", "f1"]
    assert golden.labels == Labels(points={"p1": "met", "p2": "partial"}, pitfalls={"f1": True})


def test_fewer_answers_are_the_first_of_more_and_another_seed_draws_others(catalog: Catalog) -> None:
    answers = [golden_of(str(n)) for n in range(50)]

    def drawn(count: int, seed: int) -> list[str]:
        return [item.golden.id for item in items_of(answers, catalog, count, np.random.default_rng(seed))]

    assert drawn(8, 1) == drawn(24, 1)[:8]
    assert len(set(drawn(24, 1))) == 24
    assert drawn(24, 1) != drawn(24, 2)


@pytest.mark.parametrize("count", [0, -1, 3])
def test_as_many_answers_as_are_there_can_be_drawn(catalog: Catalog, count: int) -> None:
    unlabelled = golden_of("c").model_copy(update={"labels": Labels(points={"p3": "met"})})  # derived: nothing to ask
    with pytest.raises(ValueError, match="there are 2 with a labelled point or pitfall"):
        items_of([golden_of("a"), golden_of("b"), unlabelled], catalog, count, np.random.default_rng(1))


def test_a_folder_keeps_to_its_first_draw(catalog: Catalog, tmp_path: Path) -> None:
    items = items_of([golden_of(str(n)) for n in range(5)], catalog, 3, np.random.default_rng(1))
    path = tmp_path / "deep" / "golden.jsonl"
    keep_golden(path, items)
    first = path.read_text()
    keep_golden(path, items[:2])
    assert path.read_text() == first
    with pytest.raises(SystemExit, match="take another folder"):
        keep_golden(path, items[1:])


def told(*reports: tuple[str, str | None]) -> dict[str, Any]:
    call = {"text": "{}", "input_tokens": 100, "cached_tokens": 60, "output_tokens": 10}
    criteria = [
        {"id": name, "verdict": verdict, "error": error}
        for name, (verdict, error) in zip(("p1", "p2", "f1"), reports, strict=True)
    ]
    return {"answer_id": "a", "criteria": criteria, "calls": [call, call], "seconds": 2.5}


def test_met_is_met_or_committed_and_what_cannot_be_assessed_is_unassessed(item: Item) -> None:
    reading = reading_of_autorubric(item, "x", told(("UNMET", None), ("CANNOT_ASSESS", None), ("MET", None)))
    assert reading.verdicts == {"p1": False, "p2": None, "f1": True}
    assert reading.scores == {"p1": 0.0, "f1": 1.0}
    assert not reading.has_odds
    assert (reading.calls, reading.input_tokens, reading.cached_tokens, reading.output_tokens) == (2, 200, 120, 20)
    assert reading.outage is None


def test_the_worst_case_that_autorubric_puts_for_a_failure_is_no_verdict(item: Item) -> None:
    failed = told(("MET", None), ("UNMET", "unknown: broken"), ("CANNOT_ASSESS", "parse: no JSON"))
    reading = reading_of_autorubric(item, "x", failed)
    assert reading.verdicts == {"p1": True, "p2": None, "f1": None}
    assert reading.errors == ("unknown: broken", "parse: no JSON")
    assert reading.outage is None  # the same would come again


def test_a_server_that_is_away_is_an_outage(item: Item) -> None:
    away = told(("MET", None), ("CANNOT_ASSESS", "infrastructure: refused"), ("MET", None))
    assert reading_of_autorubric(item, "x", away).outage == "infrastructure: refused"


def record_of(item: Item, *verdicts: Verdict, error: str | None = None) -> Record:
    assert item.golden.rubric
    grade = grade_of(
        item.golden.rubric,
        RubricSet(),
        Answer.of(item.golden.answer),
        (),
        {verdict.criterion_id: verdict for verdict in verdicts},
        judge=JudgeReport(name="one_call"),
        cache="miss",
        request_id="",
    )
    replies = (Reply(text="{", model="m", input_tokens=7, cached_tokens=2, output_tokens=3),) * 2
    return Record(golden_id="a", grade=None if error else grade, error=error, replies=replies, seconds=4)


def test_our_partial_is_not_met_and_ranks_in_between(item: Item) -> None:
    reading = reading_of_ours(item, "x", record_of(item, verdict_of("p1", "met"), verdict_of("p2", "partial")))
    assert reading.verdicts == {"p1": True, "p2": False, "f1": None}
    assert reading.scores == {"p1": 1.0, "p2": 0.5}
    assert not reading.has_odds
    assert (reading.calls, reading.input_tokens, reading.cached_tokens, reading.output_tokens) == (2, 14, 4, 6)


def test_our_odds_are_the_scores_where_the_judge_has_them(item: Item) -> None:
    verdict = verdict_of("p1", "missed").model_copy(update={"probability": 0.3})
    reading = reading_of_ours(item, "x", record_of(item, verdict))
    assert reading.has_odds
    assert reading.scores == {"p1": 0.3}


def test_an_answer_that_failed_with_us_is_unassessed_and_its_tokens_count(item: Item) -> None:
    reading = reading_of_ours(item, "x", record_of(item, error="UnreadableVerdict: nothing"))
    assert reading.verdicts == {"p1": None, "p2": None, "f1": None}
    assert (reading.input_tokens, reading.errors) == (14, ("UnreadableVerdict: nothing",))


def test_a_line_that_was_cut_off_is_dropped_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    first, second = (Reading(answer_id=name, judge="x", verdicts={"p1": True}) for name in "ab")
    assert read_readings(path) == {}
    add_reading(path, first)
    with path.open("ab") as file:
        file.write(b'{"answer_id": "b", "jud')
    assert read_readings(path) == {"a": first}
    add_reading(path, second)
    assert read_readings(path) == {"a": first, "b": second}


def test_an_answer_read_again_has_its_last_reading(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    add_reading(path, Reading(answer_id="a", judge="x", verdicts={"p1": None}, outage="infrastructure: away"))
    add_reading(path, Reading(answer_id="a", judge="x", verdicts={"p1": True}))
    assert read_readings(path)["a"].verdicts == {"p1": True}


# What autorubric_grade.py uses of AutoRubric and litellm, in their place: it asks once a criterion, is told the
# weight, and says MET to a positive one. What it prints must not get among the results.
STAND_IN = {
    "litellm.py": """
from types import SimpleNamespace as N
async def acompletion(**request):
    return N(choices=[N(message=N(content=str(request["weight"])), finish_reason="stop")],
             usage=N(prompt_tokens=9, completion_tokens=2, prompt_tokens_details=None))
""",
    "autorubric/__init__.py": """
import litellm
class LLMConfig:
    def __init__(self, **settings): self.settings = settings
class Rubric:
    @classmethod
    def from_dict(cls, criteria): made = cls(); made.criteria = criteria; return made
    async def grade(self, to_grade, grader, query): return await grader.grade(self.criteria)
""",
    "autorubric/graders.py": """
from types import SimpleNamespace as N
import litellm
class CriterionGrader:
    def __init__(self, judge_model_config, llm_calls, seed):
        assert llm_calls == "per_criterion" and not judge_model_config.settings["cache_enabled"]
    async def grade(self, criteria):
        print("a library's chatter")
        return N(report=[await self.one(criterion) for criterion in criteria])
    async def one(self, criterion):
        reply = await litellm.acompletion(weight=criterion["weight"])
        said = "MET" if float(reply.choices[0].message.content) > 0 else "UNMET"
        return N(final_verdict=N(value=said), error=None)
""",
}


def stand_in(folder: Path) -> list[str]:
    for name, source in STAND_IN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(source)
    run = (
        f"import sys, runpy; sys.path.insert(0, {str(folder)!r}); runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    return [sys.executable, "-P", "-c", run, "default", "a-model", "http://127.0.0.1:1/v1"]


def test_items_go_to_autorubrics_process_and_readings_come_back_one_by_one(catalog: Catalog, tmp_path: Path) -> None:
    items = items_of([golden_of(name) for name in "abc"], catalog, 3, np.random.default_rng(1))
    readings = list(grade_by_autorubric(items, stand_in(tmp_path), "a-key", "stand-in", tmp_path))
    assert [reading.answer_id for reading in readings] == [item.golden.id for item in items]
    for reading in readings:
        assert reading.verdicts == {"p1": True, "p2": True, "f1": False}
        assert (reading.calls, reading.input_tokens, reading.output_tokens) == (
            3,
            27,
            6,
        )  # 3 criteria: 9 in, 2 out each
        assert reading.replies == ("1.0", "2.0", "-1.0")
    assert "a library's chatter" in (tmp_path / "autorubric.log").read_text()


def test_a_process_that_stops_is_said_with_its_log(item: Item, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such library')"]
    with pytest.raises(SystemExit, match=r"autorubric\.log has its last words"):
        list(grade_by_autorubric([item], command, "a-key", "x", tmp_path))
    assert "no such library" in (tmp_path / "autorubric.log").read_text()


def reading_of(name: str, p1: bool | None, p2: bool | None, f1: bool | None, **more: Any) -> Reading:
    verdicts = {"p1": p1, "p2": p2, "f1": f1}
    scores = {key: float(verdict) for key, verdict in verdicts.items() if verdict is not None}
    return Reading(answer_id=name, judge="x", verdicts=verdicts, scores=scores, seconds=1, **more)


def test_measures_leave_out_what_is_unassessed_and_kappa_of_all_counts_it_as_no(catalog: Catalog) -> None:
    items = items_of([golden_of(name) for name in "ab"], catalog, 2, np.random.default_rng(1))
    readings = {"a": reading_of("a", True, False, True), "b": reading_of("b", None, True, None)}
    points = Columns.of([row for row in rows_of(items, readings) if row.is_point])
    everywhere = np.arange(4)
    figures = {name: measure(everywhere) for name, measure in points.measures().items()}
    # Labels: p1 met, p2 not, in both answers. Said: met, not | unassessed, met.
    assert figures["unassessed"] == 1 / 4
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["F1"] == pytest.approx(2 / 3)  # 1 hit, 1 false alarm, no miss: 2 / (2 + 1)
    # Of three: chance is (1 * 2 + 2 * 1) / 9 = 4/9, so (2/3 - 4/9) / (5/9) = 0.4.
    assert figures["kappa"] == pytest.approx(0.4)
    # Of four, the unassessed a no: 2 agree, and chance is (2 * 2 + 2 * 2) / 16 = 1/2.
    assert figures["kappa of all"] == pytest.approx(0.0)
    # The met one, at 1, against those not met, at 0 and 1: one won, one tied.
    assert figures["AUC"] == pytest.approx(0.75)


def test_measures_of_nothing_assessed_are_undefined(item: Item) -> None:
    columns = Columns.of(rows_of([item], {"a": reading_of("a", None, None, None)}))
    figures = {name: measure(np.arange(3)) for name, measure in columns.measures().items()}
    assert figures["unassessed"] == 1
    assert [figures[name] for name in ("accuracy", "F1", "kappa", "AUC")] == [None] * 4


def test_the_report_compares_on_the_answers_that_all_have_read(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    items = items_of([golden_of(name) for name in "abcd"], catalog, 4, np.random.default_rng(1))
    right = {name: reading_of(name, True, False, True) for name in "abcd"}
    theirs = {name: reading_of(name, False, False, None, outage="infrastructure: away") for name in "abc"}
    show(items, {"AutoRubric per_item": theirs, "one_call": right}, np.random.default_rng(1), 20)
    said = capsys.readouterr().out
    assert "AutoRubric per_item | one_call: the same 3 answers" in said
    assert "3 answers hit by outages" in said
    assert "points, met (3 of 6 by the label)" in said
    assert "+1.00 [+1.00, +1.00]" in said  # kappa 1 less kappa 0
    assert "undefined" in said


def test_a_report_without_a_shared_answer_says_so(catalog: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    items = items_of([golden_of(name) for name in "ab"], catalog, 2, np.random.default_rng(1))
    judges = {"AutoRubric default": {"a": reading_of("a", True, True, True)}, "one_call": {}}
    show(items, judges, np.random.default_rng(1), 20)
    show(items, {}, np.random.default_rng(1), 20)
    assert capsys.readouterr().out.count("no answers yet that all of these have read") == 2
