"""The service as its users meet it: real processes, real weights, real HTTP, a real Redis."""

from pathlib import Path
from typing import Any

import httpx

from tests.processes import grader, model_server
from tests.redis_server import RedisServer

RUBRIC = {
    "question": "Tell me about a time you made something faster.",
    "points": [
        {"id": "p1", "text": "Says what was slow and whom it hurt"},
        {"id": "p2", "text": "Gives a measurement of the gain"},
    ],
    "pitfalls": [
        {"id": "f1", "kind": "omission", "text": "Names no help from others", "expected": "someone who helped"},
    ],
}
GOOD = (
    "Our nightly report took nine hours and the finance team got it after lunch. I profiled it with Ana, found one "
    "query without an index, added it, and the report now takes 40 minutes."
)
BAD = "Speed is very important to me. I always try to write fast code and I like working with modern tools a lot."


def graded(client: httpx.Client, answer: str, **more: Any) -> dict[str, Any]:
    reply = client.post("/grade", json={"rubric": RUBRIC, "answer": answer, **more})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def test_the_local_model_grades_over_http_and_remembers_in_redis(weights: Path) -> None:
    with RedisServer() as redis:
        settings = {
            "GRADER_MODEL": f"local:{weights}",
            "GRADER_REDIS_URL": redis.url,
            "GRADER_SECRET": "a secret of the tests",
        }
        with grader(**settings) as client:
            good, bad = graded(client, GOOD), graded(client, BAD)
            again = graded(client, GOOD)
            empty = graded(client, " \n")
            redis.stop()
            away = graded(client, " \n"), client.get("/readyz").json()
        redis.start()
        with grader(**settings) as client:  # what was remembered before Redis stopped is gone with it
            assert graded(client, GOOD)["cache"] == "miss"
            assert graded(client, GOOD)["cache"] == "hit"
        with grader(**settings) as client:  # another process, the same secret
            assert graded(client, GOOD)["cache"] == "hit"
    assert good["score"] > bad["score"]
    assert (good["status"], good["cache"], good["judge"]["name"]) == ("graded", "miss", "per_criterion")
    assert (again["cache"], again["judge"]["calls"], again["score"]) == ("hit", 0, good["score"])
    for criterion in (*good["points"], *good["pitfalls"]):
        assert 0 <= criterion["confidence"] <= 1  # of three levels the likeliest may have less than one half
        assert 0 <= criterion["probability"] <= 1
        for span in criterion["evidence"]:
            assert GOOD[span["start"] : span["end"]] == span["text"]
    assert (empty["status"], empty["judge"]["calls"], empty["score"]) == ("abstained", 0, 0.0)
    assert away[0]["status"] == "abstained"
    assert away[1] == {"status": "ready", "store": "away"}


def test_a_hosted_model_is_asked_once_for_the_whole_rubric(weights: Path) -> None:
    assert weights.is_file()
    with model_server(key="sk-test") as address:
        settings = {
            "GRADER_MODEL": "openai/qwen2.5-coder-1.5b-instruct",
            "GRADER_API_BASE": address,
            "OPENAI_API_KEY": "sk-test",
            "GRADER_DEADLINE_SECONDS": "280",
        }
        with grader(**settings) as client:
            grade = graded(client, GOOD)
            refused = client.post(
                "/grade", json={"rubric": RUBRIC, "answer": GOOD, "options": {"judge": "per_criterion"}}
            )
        with grader(**settings | {"OPENAI_API_KEY": "sk-wrong"}) as client:
            wrong_key = client.post("/grade", json={"rubric": RUBRIC, "answer": GOOD})
    assert grade["judge"]["name"] == "one_call"
    assert 1 <= grade["judge"]["calls"] <= 2
    assert grade["judge"]["cost_usd"] is None  # litellm's table has no price for it
    assert grade["judge"]["output_tokens"] > 0
    # So small a model does not always give the same point a reading; that it gives some with its words is what counts.
    assert any(point["reason"] for point in grade["points"])
    assert refused.status_code == 422
    assert "openai/qwen2.5-coder-1.5b-instruct" in refused.json()["detail"]
    assert wrong_key.status_code == 502
    assert "sk-wrong" not in wrong_key.text


def test_an_unreachable_model_is_a_503_with_a_hint_when_to_come_back() -> None:
    settings = {
        "GRADER_MODEL": "openai/anything",
        "GRADER_API_BASE": "http://127.0.0.1:9/v1",
        "GRADER_DEADLINE_SECONDS": "20",
    }
    with grader(**settings) as client:
        reply = client.post("/grade", json={"rubric": RUBRIC, "answer": GOOD})
    assert reply.status_code in (503, 504)
    assert reply.json()["title"] in ("Judge unavailable", "Judge too slow")
