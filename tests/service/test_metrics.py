"""What the instruments say: by question set, of what failed, and 0 before anything has happened."""

import json

import pytest
from prometheus_client import REGISTRY
from starlette.requests import ClientDisconnect

from service import metrics
from service.api.surroundings import Surroundings
from service.core.errors import JudgeUnavailable
from service.models.around import Metered
from service.models.scripted import ScriptedModel
from tests.service.api.doors import BODY, REPLY, RUBRIC, added, counted, door

DOCUMENT = "ai-specialist-interview-questions"


def test_what_may_be_counted_is_there_at_zero() -> None:
    metrics.begin_at_zero(["never/asked"], ["never read"])
    for name, labels in (
        ("grader_judge_calls_total", {"model": "never/asked", "outcome": "timed_out"}),
        ("grader_cost_usd_total", {"model": "never/asked", "question_set": "never read"}),
        ("grader_cost_usd_total", {"model": "never/asked", "question_set": "request"}),
        ("grader_unreadable_replies_total", {"model": "never/asked", "left": "all"}),
        ("grader_grades_total", {"status": "failed", "cache": "none", "question_set": "never read"}),
        ("grader_gate_flags_total", {"kind": "injection_suspected"}),
    ):
        assert REGISTRY.get_sample_value(name, labels) is not None, (name, labels)
    assert REGISTRY.get_sample_value("grader_judge_seconds_count", {"model": "never/asked"}) == 0


def test_without_a_budget_there_is_no_budget() -> None:
    assert "grader_daily_budget_usd" not in {family.name for family in REGISTRY.collect()}


async def test_a_grade_is_counted_for_its_question_set_with_time_and_score_whichever_way_it_came() -> None:
    async with door(Metered(ScriptedModel([REPLY], cost_usd=0.5))) as client:
        for cache, spent, saved in (("miss", 0.5, 0.0), ("hit", 0.0, 0.5), ("hit", 0.0, 0.5)):  # the last given whole
            before = counted()
            grade = (await client.post("/grade", json=BODY)).json()
            more = added(before)
            assert grade["cache"] == cache
            assert more["grader_grades_total", f"cache={cache}", "question_set=request", "status=graded"] == 1
            assert more["grader_grade_seconds_count", f"cache={cache}"] == 1
            assert more["grader_score_count", "question_set=request"] == 1
            assert more["grader_reviews_total", "question_set=request"] == 1  # it speaks to the grader
            assert more.get(("grader_cost_usd_total", "model=scripted", "question_set=request"), 0) == spent
            assert more.get(("grader_cost_saved_usd_total", "model=scripted", "question_set=request"), 0) == saved
            assert (grade["judge"]["cost_usd"] or 0.0, grade["judge"]["cost_saved_usd"]) == (spent, saved)


async def test_a_catalogs_question_belongs_to_its_document_and_a_requests_rubric_to_none_that_it_names() -> None:
    named = {**RUBRIC, "source": {"document": DOCUMENT}}
    async with door(ScriptedModel([REPLY])) as client:
        before = counted()
        await client.post("/grade", json={"question_id": "2.2", "answer": ""})
        await client.post("/grade", json={"rubric": named, "answer": ""})
    abstained = {key: number for key, number in added(before).items() if key[0] == "grader_grades_total"}
    assert abstained == {
        ("grader_grades_total", "cache=none", f"question_set={DOCUMENT}", "status=abstained"): 1,
        ("grader_grades_total", "cache=none", "question_set=request", "status=abstained"): 1,
    }


async def test_a_grade_that_failed_is_counted_in_a_batch_too() -> None:
    async with door(ScriptedModel([JudgeUnavailable("gone")])) as client:
        before = counted()
        replies = [await client.post("/grade", json=BODY), await client.post("/grade/batch", json={"items": [BODY]})]
    assert [reply.status_code for reply in replies] == [503, 200]
    assert added(before)["grader_grades_total", "cache=none", "question_set=request", "status=failed"] == 2


@pytest.mark.parametrize(
    ("reply", "left", "repairs"), [("nothing", "all", 2), (json.dumps({"p1": json.loads(REPLY)["p1"]}), "some", 1)]
)
async def test_a_reply_that_cannot_be_read_is_counted_by_what_it_left(reply: str, left: str, repairs: int) -> None:
    async with door(ScriptedModel([reply])) as client:
        before = counted()
        await client.post("/grade", json=BODY)
    assert added(before)["grader_unreadable_replies_total", f"left={left}", "model=scripted"] == repairs


async def test_who_breaks_off_while_sending_is_no_fault_of_ours() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        raise ClientDisconnect

    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    before = counted()
    await Surroundings(app)({"type": "http", "method": "POST", "headers": []}, None, send)  # type: ignore[arg-type]
    assert (sent, added(before)["grader_requests_total", "route=unknown", "status=499"]) == ([], 1)
