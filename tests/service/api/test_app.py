"""What callers meet over HTTP: grades, problems that name the field, and nothing that quotes the candidate."""

import inspect
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import REGISTRY

from service.api.app import Parts, create_app
from service.api.examples import ANSWER, GRADE_REQUESTS
from service.bootstrap import assemble
from service.core.rubric import Rubric
from service.models.scripted import Line, ScriptedModel
from service.settings import Settings

RUBRIC = {
    "question": "Why hash passwords?",
    "points": [{"id": "p1", "text": "Says that a stolen table then holds no passwords"}],
    "pitfalls": [{"id": "f1", "text": "Claims that hashes can be decrypted"}],
}
TEXT = "Whoever steals the table gets hashes and no passwords."
REPLY = json.dumps(
    {
        "p1": {"at": [1], "why": "said", "level": "met"},
        "f1": {"at": [], "as": "none", "why": "not said", "level": "absent"},
    }
)
BODY = {"rubric": RUBRIC, "answer": TEXT}


@asynccontextmanager
async def client(*script: Line) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application over a scripted model."""
    settings = Settings(model="scripted", judge="one_call", _env_file=None)
    service = assemble(settings, (ScriptedModel(script or (REPLY,)),))

    @asynccontextmanager
    async def start() -> AsyncIterator[Parts]:
        yield Parts(service.grader, service.catalog, service.store.ready)

    app = create_app(start)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://grader") as c:
        yield c


async def test_an_answer_is_graded_and_the_second_time_remembered() -> None:
    async with client() as c:
        first, second = await c.post("/grade", json=BODY), await c.post("/grade", json=BODY)
    assert (first.status_code, first.headers["x-cache"], second.headers["x-cache"]) == (200, "miss", "hit")
    grade = first.json()
    assert (grade["status"], grade["score"], grade["question_id"]) == ("graded", 100.0, None)
    assert grade["points"][0]["evidence"] == [{"start": 0, "end": len(TEXT), "text": TEXT}]
    assert grade["request_id"] == first.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/grade", "/grade/batch"])
async def test_the_first_request_need_not_wait_for_fastapi_to_find_the_endpoint(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []

    def lines_of(endpoint: object) -> tuple[list[str], int]:
        looked.append(endpoint)
        return [], 1

    async with client() as c:
        monkeypatch.setattr(inspect, "getsourcelines", lines_of)
        reply = await c.post(path, json=BODY if path == "/grade" else {"items": [BODY]})
    assert (reply.status_code, looked) == (200, [])


async def test_every_field_of_the_contract_is_there() -> None:
    async with client() as c:
        grade = (await c.post("/grade", json={"question_id": "2.2", "answer": ""})).json()
    assert set(grade) == {
        *("status", "question_id", "rubric_version", "score", "score_bounds", "band", "scores", "points", "pitfalls"),
        *("star", "feedback", "flags", "needs_review", "judge", "cache", "request_id"),
    }
    assert set(grade["star"]) >= {
        "situation",
        "task",
        "action",
        "result",
        "order_kept",
        "quantified_result",
        "ownership",
    }
    assert grade["flags"] == [{"kind": "empty", "start": 0, "end": 0}]
    assert (grade["status"], grade["cache"], grade["judge"]["calls"]) == ("abstained", None, 0)


@pytest.mark.parametrize("options", [{"samples": 3}, {"samples": 3, "judge": "panel"}, {"samples": 2}])
async def test_several_samples_are_readings_whose_agreement_is_the_confidence(options: dict[str, object]) -> None:
    async with client() as c:
        grade = (await c.post("/grade", json={**BODY, "options": options})).json()
    assert (grade["status"], grade["judge"]["name"], grade["judge"]["calls"]) == ("graded", "panel", 2)
    assert (grade["points"][0]["confidence"], grade["points"][0]["disputed"]) == (1.0, False)
    assert grade["needs_review"] is False


async def test_samples_that_disagree_need_review() -> None:
    other = json.loads(REPLY) | {"p1": {"at": [], "why": "not said", "level": "missed"}}
    async with client(REPLY, json.dumps(other), REPLY) as c:
        grade = (await c.post("/grade", json={**BODY, "options": {"samples": 3}})).json()
    [point] = grade["points"]
    assert (point["verdict"], point["confidence"], point["disputed"]) == ("met", 0.6667, True)
    assert (grade["needs_review"], grade["judge"]["calls"]) == (True, 3)


async def test_a_long_answer_at_the_limit_is_read() -> None:
    async with client() as c:
        reply = await c.post("/grade", json={**BODY, "answer": (TEXT + " ") * 363})
    assert reply.status_code == 200


async def test_lone_surrogates_are_replaced_one_for_one() -> None:
    body = b'{"rubric": ' + json.dumps(RUBRIC).encode() + b', "answer": "\\ud800 ' + TEXT.encode() + b'"}'
    async with client() as c:
        reply = await c.post("/grade", content=body, headers={"content-type": "application/json"})
    received = "\ufffd " + TEXT
    [evidence] = reply.json()["points"][0]["evidence"]
    assert received[evidence["start"] : evidence["end"]] == evidence["text"]


async def test_questions_are_listed_and_shown_as_their_files_are() -> None:
    async with client() as c:
        listed = (await c.get("/questions")).json()["questions"]
        one = (await c.get("/questions/2.2")).json()
        missing = await c.get("/questions/9.9")
    assert [question["id"] for question in listed][:3] == ["1.1", "1.2", "2.1"]
    assert len(listed) == 20
    assert Rubric.model_validate(one).id == "2.2"
    assert (missing.status_code, missing.json()["title"]) == (404, "No such question")


async def test_probes_docs_and_metrics_answer() -> None:
    async with client() as c:
        assert (await c.get("/healthz")).json() == {"status": "ok"}
        assert (await c.get("/readyz")).json() == {"status": "ready", "store": "ok"}
        docs = (await c.get("/docs")).text
        assert "http://" not in docs.replace("http://grader", "")
        assert "https://" not in docs
        assert (await c.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200
        metrics = (await c.get("/metrics")).text
    assert "grader_requests_total" in metrics
    assert (await_route := 'route="/healthz"') in metrics, await_route


async def test_other_routes_and_methods_are_problems_too() -> None:
    async with client() as c:
        unknown, method = await c.get("/nothing/here"), await c.get("/grade")
    assert (unknown.status_code, method.status_code) == (404, 405)
    assert unknown.headers["content-type"] == method.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("é", False)])
async def test_a_sane_request_id_is_kept_and_another_replaced(sent: str, kept: bool) -> None:
    async with client() as c:
        reply = await c.get("/healthz", headers=[(b"x-request-id", sent.encode())])
    assert (reply.headers["x-request-id"] == sent) is kept


async def test_requests_are_counted_by_route_and_status_and_never_by_what_was_asked() -> None:
    labels = {"route": "/questions/{question_id}", "status": "404"}
    before = REGISTRY.get_sample_value("grader_requests_total", labels) or 0
    async with client() as c:
        await c.get("/questions/no-such-thing")
        text = (await c.get("/metrics")).text
    assert REGISTRY.get_sample_value("grader_requests_total", labels) == before + 1
    assert "no-such-thing" not in text


async def test_every_reference_in_the_schema_leads_somewhere() -> None:
    async with client() as c:
        schema = (await c.get("/openapi.json")).json()
        again = (await c.get("/openapi.json")).json()
    names = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(schema)))
    assert {"Options", "Rubric", "Grade"} <= names <= set(schema["components"]["schemas"])
    assert '"#/$defs' not in json.dumps(schema)
    assert again == schema


async def test_the_examples_in_the_docs_are_valid_requests() -> None:
    async with client(REPLY) as c:
        schema = (await c.get("/openapi.json")).json()
        shown = schema["paths"]["/grade"]["post"]["requestBody"]["content"]["application/json"]["examples"]
        assert shown == GRADE_REQUESTS
        for example in GRADE_REQUESTS.values():
            assert (await c.post("/grade", json=example["value"])).status_code in (200, 502)
    assert len(ANSWER.split()) > 80
