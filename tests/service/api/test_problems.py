"""Whatever is wrong with a request, or goes wrong while it is served, is a problem with a status of its own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from service.api.app import Parts, create_app
from service.api.problems import STATUS_OF
from service.bootstrap import assemble
from service.core import errors
from service.core.errors import AnswerTooLong, GradingError, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.models.scripted import Line, ScriptedModel
from service.settings import Settings
from tests.service.api.test_app import BODY, RUBRIC, TEXT, client


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"answer": TEXT}, "body"),
        ({"question_id": "2.2", "rubric": RUBRIC, "answer": TEXT}, "body"),
        ({"question_id": "2.2"}, "answer"),
        ({"question_id": "2.2", "answer": 5}, "answer"),
        ({"question_id": "2.2", "answer": None}, "answer"),
        ({"question_id": 2.2, "answer": TEXT}, "question_id"),
        ({"question_id": "2.2", "answer": TEXT, "speed": 9}, "speed"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"speed": 9}}, "options.speed"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"samples": 6}}, "options.samples"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"samples": 2.5}}, "options.samples"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"samples": None}}, "options.samples"),
        # As many wordings of per_criterion's questions as this there are not.
        (
            {"question_id": "2.2", "answer": TEXT, "options": {"judge": "per_criterion", "samples": 5}},
            "options.samples",
        ),
        ({"question_id": "2.2", "answer": TEXT, "options": {"samples": 0}}, "options.samples"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"feedback_language": "es"}}, "options.feedback_language"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"max_cost_usd": 0.01}}, "options.max_cost_usd"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"judge": "oracle"}}, "options.judge"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"judge": "panel"}}, "options.samples"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"judge": "cascade"}}, "options.judge"),
        ({"question_id": "2.2", "answer": TEXT, "options": {"deadline_seconds": 0}}, "options.deadline_seconds"),
        ({"rubric": {"question": "Why?"}, "answer": TEXT}, "rubric"),
        (
            {"rubric": {**RUBRIC, "points": [{"id": "p1", "text": "x", "weight": 0}]}, "answer": TEXT},
            "rubric.points.0.weight",
        ),
        ({"rubric": {**RUBRIC, "pitfalls": [{"id": "p1", "text": "x"}]}, "answer": TEXT}, "rubric"),
        ({"rubric": {**RUBRIC, "points": [{"id": f"p{n}", "text": "x"} for n in range(65)]}, "answer": TEXT}, "rubric"),
        ({"rubric": {**RUBRIC, "assesses": "x" * 100_000}, "answer": TEXT}, "rubric"),
        ([], ""),
    ],
)
async def test_a_wrong_field_is_named_by_its_path(body: object, path: str) -> None:
    async with client() as c:
        reply = await c.post("/grade", json=body)
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert {"type", "title", "status", "detail", "request_id", "errors"} <= set(problem)
    assert path in [error["path"] for error in problem["errors"]]
    assert TEXT not in reply.text


async def test_a_cascade_without_a_strong_model_names_the_setting() -> None:
    async with client() as c:
        reply = await c.post("/grade", json={**BODY, "options": {"judge": "cascade"}})
    assert reply.status_code == 422
    assert "GRADER_STRONG_MODEL" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"question_id": "2.2", "answer": ', "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff\xfe\x00", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (
            b'{"rubric": {"question": "Why?", "points": [{"id": "p1", "text": "x", "weight": NaN}]}, "answer": "a"}',
            "application/json",
            422,
        ),
        (b'{"question_id": "2.2", "answer": "a"}', "text/plain", 415),
        (b"answer=a", "application/x-www-form-urlencoded", 415),
        (b'{"question_id": "2.2", "answer": "' + b"a" * 20_001 + b'"}', "application/json", 413),
        (b'{"question_id": "2.2", "answer": "a", "x": "' + b"a" * 1_000_000 + b'"}', "application/json", 413),
        (b'{"question_id": "9.9", "answer": "a"}', "application/json; charset=utf-8", 404),
    ],
)
async def test_a_body_that_cannot_be_read_has_its_own_status(content: bytes, content_type: str, status: int) -> None:
    async with client() as c:
        reply = await c.post("/grade", content=content, headers={"content-type": content_type})
    assert (reply.status_code, reply.json()["status"]) == (status, status)
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (JudgeUnavailable("overloaded", retry_after_seconds=7), 503),
        (JudgeTimedOut("slow"), 504),
        (JudgeRefused("bad key"), 502),
        (AnswerTooLong("scripted reads at most 8192 tokens"), 413),
    ],
)
async def test_a_judge_that_fails_is_a_problem_and_no_grade(error: GradingError, status: int) -> None:
    async with client(error) as c:
        reply = await c.post("/grade", json=BODY)
    assert reply.status_code == status
    assert reply.headers.get("retry-after") == ("7" if status == 503 else None)
    assert TEXT not in reply.text


async def test_an_unreadable_judge_is_a_bad_gateway() -> None:
    async with client("Ten out of ten!") as c:
        assert (await c.post("/grade", json=BODY)).status_code == 502


async def test_a_fault_of_ours_tells_nothing_of_the_candidate(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> Line:
        raise LookupError(TEXT)

    settings = Settings(model="scripted", judge="one_call", _env_file=None)
    service = assemble(settings, (ScriptedModel(broken),))

    @asynccontextmanager
    async def start() -> AsyncIterator[Parts]:
        yield Parts(service.grader, service.catalog, service.store.ready)

    app = create_app(start)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with caplog.at_level(logging.DEBUG):
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://g") as c:
            reply = await c.post("/grade", json=BODY, headers={"x-request-id": "r-1"})
    assert (reply.status_code, reply.json()["request_id"]) == (500, "r-1")
    assert TEXT not in reply.text + caplog.text
    assert "r-1" in caplog.text
    assert "LookupError" in caplog.text


def _leaves(kind: type[GradingError]) -> set[type[GradingError]]:
    below = kind.__subclasses__()
    return set().union(*map(_leaves, below)) if below else {kind}


def test_every_error_has_its_status() -> None:
    ours = {leaf for leaf in _leaves(GradingError) if leaf.__module__ == errors.__name__}
    assert ours <= set(STATUS_OF)
