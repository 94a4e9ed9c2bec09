"""Examples and schemas for /docs; what they show is checked by a test."""

from typing import Any

from service.api.requests import AnswerAlone, GradeRequest

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"path": {"type": "string"}, "message": {"type": "string"}}},
        },
    },
}

ANSWER = (
    "At a broker in Perth I looked after a model that priced car insurance. A driver wrote in that people born "
    "abroad pay more. I had to find out whether that was our model. I compared the quotes by country of birth for "
    "the same cars and found a gap of 14 percent. The cause was a feature for years of local licence. I capped it, "
    "retrained, and measured again: 2 percent were left. Our lawyer and the complaints team went through it with me, "
    "and the check now runs with every release. I learned to compare groups before launch, not after a letter."
)

GRADE_REQUESTS: dict[str, Any] = {
    "by_id": {"summary": "A question of the catalog", "value": {"question_id": "2.2", "answer": ANSWER}},
    "options": {
        "summary": "With options",
        "value": {"question_id": "2.2", "answer": ANSWER, "options": {"judge": "default", "deadline_seconds": 60}},
    },
    "own_rubric": {
        "summary": "With a rubric of one's own",
        "value": {
            "rubric": {
                "question": "Why should a password be hashed before it is stored?",
                "points": [
                    {"id": "p1", "text": "Says that a stolen database then does not hold the passwords themselves"},
                    {"id": "p2", "text": "Names salting, and what it prevents"},
                ],
                "pitfalls": [{"id": "f1", "kind": "commission", "text": "Claims that hashes can be decrypted"}],
            },
            "answer": "If somebody copies the table they only get hashes. A salt makes precomputed tables useless.",
        },
    },
}

_REQUEST_SCHEMA = GradeRequest.model_json_schema(ref_template="#/components/schemas/{model}")
_PARTS_OF_REQUEST = _REQUEST_SCHEMA.pop("$defs")

GRADE_REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": _REQUEST_SCHEMA, "examples": GRADE_REQUESTS}},
}


BATCH_REQUESTS: dict[str, Any] = {
    "two": {
        "summary": "Two answers",
        "value": {
            "items": [
                {"id": "anna", **GRADE_REQUESTS["by_id"]["value"]},
                {"id": "ben", **GRADE_REQUESTS["own_rubric"]["value"]},
            ]
        },
    }
}
_NAMED = {"id": {"type": "string", "maxLength": 200, "description": "yours; it comes back"}}
_ITEM_SCHEMA = {**_REQUEST_SCHEMA, "properties": {**_REQUEST_SCHEMA["properties"], **_NAMED}}
BATCH_REQUEST_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["items"],
                "additionalProperties": False,
                "properties": {
                    "items": {"type": "array", "minItems": 1, "maxItems": 100, "items": _ITEM_SCHEMA},
                },
            },
            "examples": BATCH_REQUESTS,
        }
    },
}
EVENTS = """event: verdict
data: {"kind": "point", "id": "p1", "text": "…", "verdict": "met", "reason": "…", "evidence": []}

event: grade
data: {"status": "graded", "score": 71.5, "…": "…"}
"""
LINES = """{"index": 1, "id": "ben", "status": "graded", "score": 71.5, "…": "…"}
{"index": 0, "id": "anna", "status": "failed", "problem": {"title": "Judge unavailable", "status": 503, "…": "…"}}
"""

_FORGET_SCHEMA = AnswerAlone.model_json_schema()

FORGET_REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": _FORGET_SCHEMA, "examples": {"answer": {"value": {"answer": ANSWER}}}}},
}


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's OpenAPI schema with what it cannot know: our request's parts, and that our 422 is a problem too."""
    components = schema["components"]["schemas"]
    components |= {name: part for name, part in _PARTS_OF_REQUEST.items() if name not in components}
    # Either header, or none where the service has no keys.
    schema["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    schema["security"] = [{"bearer": []}, {"header": []}, {}]
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    schema["paths"]["/questions/{question_id}"]["get"]["responses"].pop("422", None)
    return schema


def _problem(title: str) -> dict[str, Any]:
    return {"description": title, "content": {"application/problem+json": {"schema": _PROBLEM}}}


_KEY_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _problem("No API key, or a wrong one, where the service wants one"),
    403: _problem("This API key was revoked"),
}
FORGET_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Nothing is remembered of the answer now",
        "content": {"application/json": {"example": {"forgotten": True, "request_id": "…"}}},
    },
    400: _problem("Not JSON"),
    **_KEY_PROBLEMS,
    413: _problem("Answer too long, or body too large"),
    415: _problem("Not application/json"),
    422: _problem("Wrong fields, each named by its path"),
    503: _problem("The store did not confirm"),
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: _problem("No such question")}
GRADE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Graded, partly graded, or nothing to grade: see `status`",
        "headers": {"X-Cache": {"schema": {"type": "string"}, "description": "hit, miss, coalesced or mixed"}},
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EVENTS}},
    },
    400: _problem("Not JSON"),
    **_KEY_PROBLEMS,
    404: _problem("No such question"),
    413: _problem("Answer too long, or body too large"),
    415: _problem("Not application/json"),
    422: _problem("Wrong fields, each named by its path; or an option that is not available"),
    502: _problem("The judge refused, or its reply was unreadable"),
    503: _problem("The judge is unreachable or overloaded"),
    504: _problem("The deadline passed with nothing decided"),
}
BATCH_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The batch was read: each line tells of one item",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}, "example": LINES}},
    },
    **{status: GRADE_RESPONSES[status] for status in (400, 415)},
    413: _problem("Body too large"),
    422: _problem("No list of 1 to 100 items"),
}
