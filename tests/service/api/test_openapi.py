"""What schemathesis makes up from /openapi.json, right and wrong, sent to the running service: it never breaks."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tests.service.api.served import served

OPERATIONS = (
    ("/grade", "POST"),
    ("/grade/batch", "POST"),
    ("/grades", "DELETE"),
    ("/questions", "GET"),
    ("/questions/{question_id}", "GET"),
    ("/healthz", "GET"),
    ("/readyz", "GET"),
)
bounded = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def schema(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


def test_every_operation_of_the_schema_is_tried(schema: Any) -> None:
    found = {(each.ok().path, each.ok().method.upper()) for each in schema.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        *((path, method, GenerationMode.POSITIVE) for path, method in OPERATIONS),
        # A batch with wrong items is told of each; the others take nothing that could be wrong.
        ("/grade", "POST", GenerationMode.NEGATIVE),
        ("/grades", "DELETE", GenerationMode.NEGATIVE),
    ],
)
def test_nothing_made_up_from_the_schema_breaks_the_service(
    path: str, method: str, mode: GenerationMode, schema: Any
) -> None:
    statuses: Counter[int] = Counter()

    @bounded
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        statuses[unbroken(case.call())] += 1

    holds()
    assert mode is GenerationMode.POSITIVE or 200 not in statuses


def test_nor_does_a_made_up_rubric_or_option_with_an_answer_to_grade(schema: Any) -> None:
    statuses: Counter[int] = Counter()

    @bounded
    @given(schema["/grade"]["POST"].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def holds(case: Any) -> None:
        body = {name: value for name, value in case.body.items() if value is not None and name != "question_id"}
        body["answer"] = f"We mended the leak in the cellar, and I wrote down how. {body['answer']}"
        case.body = body if "rubric" in body else {**body, "question_id": "2.2"}
        statuses[unbroken(case.call())] += 1

    holds()
    assert statuses[200]


def unbroken(response: schemathesis.Response) -> int:
    """The status, if it is one of those that the service means to give, and a problem is told as one."""
    # 504: a made-up deadline may be shorter than any judge could keep.
    assert response.status_code < 500 or response.status_code == 504, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        assert response.json()["status"] == response.status_code
    return response.status_code
