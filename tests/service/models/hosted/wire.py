"""What hosted models are asked over in tests: a provider's replies and errors, written by hand."""

import json
from typing import Any

import httpx
import pytest
import respx
from prometheus_client import REGISTRY

from service.core.errors import GradingError
from service.core.prompt import Prompt
from service.models.hosted import HostedModel

OPENAI = "https://api.openai.com/v1/chat/completions"
ANTHROPIC = "https://api.anthropic.com/v1/messages"
OWN_SERVER = "http://own.test:8080/v1"
NOBODY = "http://127.0.0.1:9/v1"  # nothing listens there
KEY = "sk-abcdefghijklmnop"
ANSWER = "My salary was confidential, and we hit a rate limit of 429."  # litellm reads such words as a sign of overload
SCHEMA = {"type": "object", "properties": {"p1": {"type": "string"}}, "required": ["p1"], "additionalProperties": False}
PROMPT = Prompt(system="You grade answers.", user=ANSWER, most_tokens=50, schema=SCHEMA)
PROVIDER_KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


class Pauses(list[float]):
    """Stands in for sleeping: notes how long, and comes back at once."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def hosted(
    name: str = "openai/gpt-4o-mini", api_base: str | None = None, attempts: int = 1, **more: Any
) -> HostedModel:
    return HostedModel(name, api_base, attempts, **{"api_key": KEY, "sleep": Pauses(), **more})


def reply(content: str | None = '{"p1": "met"}', finish: str = "stop", **message: Any) -> httpx.Response:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 400},
    }
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
    return httpx.Response(200, json={**body, "choices": [choice], "usage": usage})


def refusal(status: int, code: str | None = None, **headers: str) -> httpx.Response:
    """OpenAI's form of an error, quoting what it was sent, as some servers do."""
    error = {
        "message": f"You sent: {ANSWER} with key {KEY}",
        "type": "invalid_request_error",
        "code": code,
        "param": None,
    }
    return httpx.Response(status, json={"error": error}, headers=headers)


def sent(route: respx.Route) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(route.calls.last.request.content)
    return body


async def failure(model: HostedModel, timeout_seconds: float = 30) -> GradingError:
    with pytest.raises(GradingError) as caught:
        await model.complete(PROMPT, timeout_seconds)
    return caught.value


def retries(model: str) -> float:
    return REGISTRY.get_sample_value("grader_judge_retries_total", {"model": model}) or 0.0
