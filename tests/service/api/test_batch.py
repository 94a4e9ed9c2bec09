"""Many answers in one request: a line each as it is done, and one that fails concerns itself alone."""

import asyncio
import json
import logging
from typing import Any

import pytest

from service.api.batch import AT_ONCE, LARGEST_BATCH, MOST_ITEMS, Item, lines
from service.api.examples import BATCH_REQUESTS
from service.api.requests import GradeRequest
from service.core.errors import JudgeUnavailable
from service.core.grade import Grade
from tests.service.api.test_app import BODY, REPLY, RUBRIC, TEXT, client
from tests.service.test_grading import WHOLE, Bench, reply


def told(text: str) -> dict[int, dict[str, Any]]:
    """The lines by index; each index once."""
    read = [json.loads(line) for line in text.splitlines()]
    assert len({line["index"] for line in read}) == len(read)
    return {line["index"]: line for line in read}


def other(number: int) -> dict[str, object]:
    return {**BODY, "answer": f"{TEXT} And that is reason number {number}."}


async def test_each_item_is_a_line_with_its_place_its_id_and_its_grade() -> None:
    async with client() as c:
        batch = await c.post("/grade/batch", json={"items": [{**BODY, "id": "anna"}, other(2)]})
        alone = (await c.post("/grade", json=BODY)).json()
    assert batch.headers["content-type"] == "application/x-ndjson"
    found = told(batch.text)
    assert [(found[n]["id"], found[n]["status"], found[n]["cache"]) for n in (0, 1)] == [
        ("anna", "graded", "miss"),
        (None, "graded", "miss"),
    ]
    assert set(found[0]) == {"index", "id", *alone}
    assert found[0]["points"] == alone["points"]


async def test_what_is_wrong_with_one_item_is_its_own_failure_and_not_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    wrong: list[Any] = [
        {"question_id": "9.9", "answer": TEXT},
        {"question_id": "2.2"},
        {**BODY, "options": {"judge": "oracle"}},
        {**BODY, "answer": "a" * 20_001},
        {**BODY, "id": 7},
        {**BODY, "id": "x" * 201},
        "no object",
        None,
        {**BODY, "id": "late", "speed": 9},
    ]
    with caplog.at_level(logging.DEBUG):
        async with client() as c:
            batch = await c.post("/grade/batch", json={"items": [*wrong, BODY]})
    found = told(batch.text)
    assert batch.status_code == 200
    assert [found[n]["problem"]["status"] for n in range(9)] == [404, 422, 422, 413, 422, 422, 422, 422, 422]
    assert {found[n]["status"] for n in range(9)} == {"failed"}
    assert found[4]["problem"]["errors"][0]["path"] == "id"
    assert found[8]["id"] == "late"
    assert found[9]["status"] == "graded"
    assert "failed" not in caplog.text


async def test_a_judge_that_fails_for_one_item_fails_it_alone() -> None:
    async with client(JudgeUnavailable("overloaded"), REPLY) as c:
        found = told((await c.post("/grade/batch", json={"items": [other(1), other(2)]})).text)
    assert sorted(line["status"] for line in found.values()) == ["failed", "graded"]
    [failure] = [line for line in found.values() if line["status"] == "failed"]
    assert (failure["problem"]["status"], failure["problem"]["title"]) == (503, "Judge unavailable")
    assert failure["request_id"] == failure["problem"]["request_id"]


async def test_a_fault_of_ours_is_one_items_500_and_quotes_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: GradeRequest) -> Grade:
        raise LookupError(TEXT)

    [line] = [line async for line in lines((Item(0, BODY),), broken, "r-1")]
    assert json.loads(line)["problem"]["status"] == 500
    assert TEXT not in line.decode() + caplog.text
    assert "r-1" in caplog.text


async def test_identical_items_cost_one_call() -> None:
    async with client() as c:
        found = told((await c.post("/grade/batch", json={"items": [BODY] * 5})).text)
    assert sum(line["judge"]["calls"] for line in found.values()) == 1


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"[]", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"items": {}}', "application/json", 422),
        (b'{"items": []}', "application/json", 422),
        (b'{"items": [1], "speed": 9}', "application/json", 422),
        (json.dumps({"items": [1] * (MOST_ITEMS + 1)}).encode(), "application/json", 422),
        (b'{"items": ["' + b"a" * LARGEST_BATCH + b'"]}', "application/json", 413),
    ],
)
async def test_what_is_wrong_with_the_whole_is_a_problem(content: bytes, content_type: str, status: int) -> None:
    async with client() as c:
        batch = await c.post("/grade/batch", content=content, headers={"content-type": content_type})
    assert (batch.status_code, batch.headers["content-type"]) == (status, "application/problem+json")


async def test_a_full_batch_is_over_the_limit_of_a_single_body_and_is_read() -> None:
    answer = "a" * 10_100  # nothing but one word: told apart from an answer without a model
    items = [{"rubric": RUBRIC, "answer": answer} for _ in range(MOST_ITEMS)]
    async with client() as c:
        found = told((await c.post("/grade/batch", json={"items": items})).text)
    assert len(found) == MOST_ITEMS
    assert {line["status"] for line in found.values()} <= {"graded", "abstained"}


async def test_items_are_told_as_they_are_done_and_few_are_graded_at_once() -> None:
    grade = await Bench([reply(**WHOLE)]).grade()
    now = most = 0
    slow = asyncio.Event()

    async def grade_one(wanted: GradeRequest) -> Grade:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await (slow.wait() if "number 0." in wanted.answer else asyncio.sleep(0))
        now -= 1
        return grade

    items = tuple(Item(n, other(n)) for n in range(30))
    order: list[int] = []
    async for line in lines(items, grade_one, "r"):
        order.append(json.loads(line)["index"])
        if len(order) == 29:
            slow.set()
    assert order[-1] == 0
    assert sorted(order) == list(range(30))
    assert most == AT_ONCE


async def test_the_example_in_the_docs_is_a_valid_batch() -> None:
    async with client() as c:
        schema = (await c.get("/openapi.json")).json()
        shown = schema["paths"]["/grade/batch"]["post"]["requestBody"]["content"]["application/json"]
        found = told((await c.post("/grade/batch", json=BATCH_REQUESTS["two"]["value"])).text)
    assert shown["examples"] == BATCH_REQUESTS
    assert (shown["schema"]["properties"]["items"]["maxItems"], LARGEST_BATCH) == (MOST_ITEMS, 8_000_000)
    assert [found[n]["id"] for n in (0, 1)] == ["anna", "ben"]
