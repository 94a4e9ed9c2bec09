"""A run judges every answer once, whatever happens on the way, and keeps what came of each."""

import asyncio
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.golden import GoldenAnswer, Labels
from evals.recording import Recording
from evals.records import RECORDS, Record, Reply, Run, read_records
from evals.run import Plan, Source, Totals, drawn, items_of, run, settings_of, shuffled, source_of
from service.bootstrap import Service, assemble
from service.catalog import read_catalog
from service.core.errors import GradingError, ImpossibleOption, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.core.rubric import Rubric, rubric_version
from service.grading import Wish
from service.models import Completion, OnText
from service.models.scripted import Line, ScriptedModel
from service.settings import Settings
from tests.builders import COMMISSION, OMISSION, rubric_of

BEDS = Path(__file__).parents[1] / "fixtures" / "beds"
CATALOG = read_catalog(BEDS)
RUBRIC = rubric_of(3, COMMISSION, COMMISSION)
ANSWER = "I would take leaf mould for bed number {}. Shade keeps the soil cold and damp."


def golden_of(number: int, answer: str | None = None, rubric: Rubric = RUBRIC) -> GoldenAnswer:
    text = ANSWER.format(number) if answer is None else answer
    return GoldenAnswer(id=f"a{number}", rubric=rubric, answer=text, labels=Labels())


def source(*answers: GoldenAnswer, limit: int | None = None) -> Source:
    return Source(Path("g.jsonl"), "0" * 64, answers, limit)


TEN = source(*(golden_of(n) for n in range(10)))


def verdicts(prompt: Prompt) -> str:
    """What a judge might say: hangs on nothing but the prompt."""
    chance = zlib.crc32(prompt.user.encode())
    points = {
        f"p{n}": {"at": [1], "why": "so", "level": ("met", "partial", "missed")[(chance >> n) % 3]} for n in (1, 2, 3)
    }
    return json.dumps(points | {f"f{n}": {"at": [], "as": "none", "why": "", "level": "absent"} for n in (1, 2)})


def service_of(script: Callable[[Prompt], Line] | Sequence[Line] = verdicts, **given: Any) -> Service:
    model = ScriptedModel(script, cost_usd=0.002)
    return serving(model, **given)


def serving(model: ScriptedModel, **given: Any) -> Service:
    settings = {"model": "scripted:-", "judge": "one_call", "secret": "evals", "rubrics_dir": BEDS, **given}
    return assemble(Settings(_env_file=None, **settings), (Recording(model),))


async def run_of(folder: Path, service: Service, golden: Source = TEN, *, resume: bool = False, **plan: Any) -> Run:
    return await run(service, golden, Plan(**plan), folder, resume=resume)


def said(run: Run) -> list[dict[str, Any]]:
    """The records by answer and reading, without what the clock says."""
    records = sorted(run.records, key=lambda record: (record.golden_id, record.reading))
    bare = [record.model_dump(mode="json") for record in records]
    for record in bare:
        del record["seconds"]
        for reply in record["replies"]:
            del reply["seconds"]
        if record["grade"]:
            del record["grade"]["judge"]["seconds"]
            del record["grade"]["request_id"]
    return bare


class Cut(Exception):
    """What stands in for a kill in the middle of a run."""


def cut_after(count: int) -> Callable[[Sequence[Record], int], None]:
    left = count

    def tell(records: Sequence[Record], _total: int) -> None:
        nonlocal left
        left -= len(records)
        if left <= 0 and records:
            raise Cut

    return tell


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("lost", [0, 1, 500])
async def test_a_run_killed_in_the_middle_and_resumed_is_as_one_that_was_not(
    tmp_path: Path, workers: int, lost: int
) -> None:
    plan = Plan(readings=2, shuffle=7, workers=workers)
    whole = await run(service_of(), TEN, plan, tmp_path / "whole")
    for cut in (4, 5):  # twice
        with pytest.raises(Cut):
            await run(service_of(), TEN, plan, tmp_path / "cut", resume=cut == 5, tell=cut_after(cut))
        file = tmp_path / "cut" / RECORDS
        file.write_bytes(file.read_bytes()[: -lost or None])
    model = ScriptedModel(verdicts, cost_usd=0.002)
    resumed = await run(serving(model), TEN, plan, tmp_path / "cut", resume=True)
    assert len(whole.records) == 20
    assert 0 < len(model.prompts) < 20
    assert said(resumed) == said(whole)
    assert resumed.settings == whole.settings


async def test_each_answer_is_told_once_and_those_that_were_there_first(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with pytest.raises(Cut):
        await run(service_of(), TEN, Plan(), tmp_path, tell=cut_after(3))
    await run(service_of(), TEN, Plan(), tmp_path, resume=True, tell=lambda r, total: told.append((len(r), total)))
    assert told == [(3, 10)] + [(1, 10)] * 7


async def test_nothing_is_taken_from_memory(tmp_path: Path) -> None:
    same = "Leaf mould it is, for it holds water."
    twins = source(golden_of(1, same), golden_of(2, same))
    model = ScriptedModel(verdicts)
    done = await run_of(tmp_path, serving(model), twins, readings=2)
    assert len(model.prompts) == 4
    assert [record.grade.cache for record in done.records if record.grade] == ["miss"] * 4


async def test_a_failure_is_an_outcome_of_its_own_and_is_asked_again_when_resumed(tmp_path: Path) -> None:
    def script(prompt: Prompt) -> Line:
        if "number 2." in prompt.user:
            return JudgeTimedOut("too slow")
        return "Well." if "number 3." in prompt.user else verdicts(prompt)

    broken = await run_of(tmp_path, service_of(script), source(*(golden_of(n) for n in range(1, 5))))
    by_name = {record.golden_id: record for record in broken.records}
    assert [by_name[f"a{n}"].status for n in (1, 2, 3, 4)] == ["graded", "failed", "failed", "graded"]
    assert by_name["a2"].error == "JudgeTimedOut: too slow"
    assert by_name["a2"].failed_calls == ("JudgeTimedOut: too slow",)
    assert (by_name["a3"].error or "").startswith("UnreadableVerdict: 'scripted' replied")
    assert [reply.text for reply in by_name["a3"].replies] == ["Well.", "Well."]  # asked again, once
    model = ScriptedModel(verdicts)
    mended = await run_of(tmp_path, serving(model), source(*(golden_of(n) for n in range(1, 5))), resume=True)
    assert len(model.prompts) == 2
    assert {record.status for record in mended.records} == {"graded"}


async def test_a_call_that_failed_is_told_where_the_grade_is_partial(tmp_path: Path) -> None:
    half = json.dumps({"p1": {"at": [1], "why": "so", "level": "met"}})
    done = await run_of(tmp_path, service_of([half, JudgeTimedOut("too slow")]), source(golden_of(1)))
    assert [(r.status, r.error, r.failed_calls) for r in done.records] == [
        ("partial", None, ("JudgeTimedOut: too slow",))
    ]


GONE, NO_KEY, SLOW = JudgeUnavailable("out of reach"), JudgeRefused("no such key"), JudgeTimedOut("too slow")
FINE = verdicts(Prompt("", "", 1))


@pytest.mark.parametrize("errors", [(GONE, GONE, GONE), (NO_KEY, GONE, NO_KEY)])
async def test_a_judge_that_cannot_be_had_ends_the_run_at_the_third_answer(
    tmp_path: Path, errors: Sequence[GradingError]
) -> None:
    model = ScriptedModel([*errors, FINE])
    blank_first = source(golden_of(99, " "), *TEN.answers)  # asks no judge, and so says nothing of it
    with pytest.raises(JudgeUnavailable, match=f"the first 3 answers all failed.* {errors[-1]}"):
        await run_of(tmp_path, serving(model), blank_first)
    assert len(model.prompts) == 3
    assert [record.status for record in read_records(tmp_path / RECORDS)] == ["abstained"] + ["failed"] * 3


@pytest.mark.parametrize("lines", [(GONE, GONE, FINE, GONE), (FINE, GONE, GONE, GONE), (SLOW, SLOW, SLOW, SLOW)])
async def test_other_failures_do_not_end_it(tmp_path: Path, lines: Sequence[Line]) -> None:
    done = await run_of(tmp_path, service_of([*lines, FINE]))
    assert len(done.records) == 10
    assert sum(record.status == "failed" for record in done.records) == sum(line is not FINE for line in lines)


class Counting(ScriptedModel):
    """Counts the calls in flight, and lets others come in meanwhile."""

    now = most = 0

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(100):  # rounds of the loop, in each of which another answer may come
            await asyncio.sleep(0)
        self.now -= 1
        return await super().complete(prompt, timeout_seconds, on_text)


@pytest.mark.parametrize(("workers", "most"), [(1, 1), (3, 3), (50, 10)])
async def test_so_many_answers_are_under_way_at_once_and_no_more(tmp_path: Path, workers: int, most: int) -> None:
    model = Counting(verdicts)
    done = await run_of(tmp_path, serving(model), workers=workers)
    assert model.most == most
    assert len(done.records) == 10


async def test_each_record_has_the_replies_on_its_own_answer(tmp_path: Path) -> None:
    def echo(prompt: Prompt) -> str:
        number = next(n for n in range(10) if f"number {n}." in prompt.user)
        return verdicts(prompt).replace('"so"', f'"bed {number}"')

    done = await run_of(tmp_path, serving(Counting(echo)), workers=5)
    for record in done.records:
        assert f"bed {record.golden_id[1:]}" in record.replies[0].text
        assert record.grade
        assert record.grade.judge.input_tokens == sum(reply.input_tokens for reply in record.replies)


@given(seed=st.integers(0, 2**32 - 1), points=st.integers(1, 9))
def test_a_shuffled_rubric_has_the_same_criteria_under_the_same_ids(seed: int, points: int) -> None:
    rubric = rubric_of(points, COMMISSION, OMISSION, star=True)
    other = shuffled(rubric, np.random.default_rng(seed))
    assert {p.id: p for p in other.points} == {p.id: p for p in rubric.points}
    assert {f.id: f for f in other.pitfalls} == {f.id: f for f in rubric.pitfalls}
    assert other.model_dump(exclude={"points", "pitfalls"}) == rubric.model_dump(exclude={"points", "pitfalls"})


def test_each_reading_has_an_order_of_its_own_that_hangs_on_the_seed_alone() -> None:
    rubric = rubric_of(8)
    one, two = (golden_of(n, rubric=rubric) for n in (1, 2))
    orders = [item.asked for item in items_of((one, two), CATALOG, Plan(readings=2, shuffle=5))]
    assert orders[0] == orders[2] == next(items_of((two,), CATALOG, Plan(shuffle=5))).asked
    assert orders[1] == orders[3]
    others = [next(items_of((one,), CATALOG, Plan(shuffle=seed))).asked for seed in (6, 7)]
    assert len({order.points for order in (rubric, orders[0], orders[1], *others)}) == 5
    assert [item.asked for item in items_of((one,), CATALOG, Plan(readings=2))] == [rubric, rubric]


async def test_a_shuffled_run_asks_in_another_order_and_records_in_the_rubrics_own(tmp_path: Path) -> None:
    model = ScriptedModel(verdicts)
    done = await run_of(tmp_path, serving(model), source(golden_of(1)), readings=5, shuffle=2)
    asked = {tuple(line[:2] for line in p.user.splitlines() if line[:2] in ("p1", "p2", "p3")) for p in model.prompts}
    assert len(asked) > 1
    for grade in [record.grade for record in done.records]:
        assert grade
        assert [point.id for point in grade.points] == ["p1", "p2", "p3"]
        assert [pitfall.id for pitfall in grade.pitfalls] == ["f1", "f2"]
        assert grade.rubric_version == rubric_version(RUBRIC, CATALOG.rules)


def test_a_draw_keeps_the_order_of_the_file_and_hangs_on_its_seed() -> None:
    names = [golden.id for golden in drawn(TEN.answers, 4, np.random.default_rng(1))]
    again, other = (drawn(TEN.answers, 4, np.random.default_rng(seed)) for seed in (1, 2))
    assert len(set(names)) == 4
    assert names == sorted(names) == [golden.id for golden in again]
    assert names != [golden.id for golden in other]


def test_a_source_says_how_it_was_drawn_and_from_what(tmp_path: Path) -> None:
    file = tmp_path / "g.jsonl"
    file.write_text("\n".join(golden.model_dump_json() for golden in TEN.answers))
    some, all_ = source_of(file, CATALOG, limit=4, seed=3), source_of(file, CATALOG, limit=10)
    assert (len(some.answers), some.limit, some.seed) == (4, 4, 3)
    assert (len(all_.answers), all_.limit, all_.seed) == (10, None, None)
    assert some.digest == all_.digest
    file.write_text(file.read_text() + "\n")
    assert source_of(file, CATALOG).digest != all_.digest


def test_settings_tell_what_shapes_the_verdicts() -> None:
    plain = settings_of(service_of(), TEN, Plan())
    assert (plain.judge, plain.model, plain.identity, plain.samples) == ("one_call", "scripted", "one_call scripted", 1)
    assert len(plain.prompts) == 1
    by_criterion = settings_of(service_of(), TEN, Plan(wish=Wish(judge="per_criterion")))
    # Points and commissions are asked about, each with a prompt of its own; omissions are not.
    assert [label.split("-")[0] for label in by_criterion.prompts] == ["commission", "point"]
    changed = {
        "a heavier point": source(golden_of(1, rubric=RUBRIC.model_copy(update={"title": "Beds"}))),
        "one answer fewer": source(*TEN.answers, limit=10),
    }
    assert set(plain.differences(settings_of(service_of(), changed["a heavier point"], Plan()))) == {"rubrics_digest"}
    assert set(plain.differences(settings_of(service_of(), changed["one answer fewer"], Plan()))) == {"limit"}
    assert set(plain.differences(settings_of(service_of(secret="another"), TEN, Plan(workers=9)))) == {"fence"}


def test_more_samples_than_there_can_be_are_refused_before_anything_is_asked() -> None:
    with pytest.raises(ImpossibleOption, match="samples"):
        settings_of(service_of(), TEN, Plan(wish=Wish(samples=40)))


def test_totals_are_sums_and_an_unknown_price_makes_the_whole_unknown() -> None:
    def record(seconds: float, *costs: float | None) -> Record:
        replies = tuple(
            Reply(text="", model="m", input_tokens=100, cached_tokens=60, output_tokens=7, cost_usd=cost)
            for cost in costs
        )
        return Record(golden_id="a", grade=None, error="x", replies=replies, seconds=seconds)

    totals = Totals.of([record(1, 0.25, 0.5), record(2), record(9, 0.25)])
    # Three calls: 0.25 + 0.5 + 0.25; of 1, 2 and 9 seconds 2 is the median.
    assert totals == ({"failed": 3}, 3, 300, 180, 21, 1.0, 2)
    assert Totals.of([record(1, 0.25), record(1, None)]).cost_usd is None
    assert Totals.of([]) == ({}, 0, 0, 0, 0, 0, None)
