"""Load litellm quietly and wholly, before the first call needs it."""

import functools
import gc
import importlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

_CONNECT_SECONDS = 1.0
# What litellm and openai import at the first call, on the event loop.
_LATE = ("openai.resources.chat", "litellm._service_logger")


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing that is imported is garbage: looking through it again and again takes a third of an import's time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@functools.cache
def load() -> Any:
    """litellm, imported, made quiet (it prints, logs requests and downloads unless told not to) and rehearsed."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    # litellm speaks OpenAI's language itself, as it does most providers': OpenAI's client costs a third of the CPU.
    os.environ["EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"] = "True"
    with uncollected():
        import litellm

        for late in _LATE:
            importlib.import_module(late)
    litellm.suppress_debug_info = True
    litellm.redact_messages_in_exceptions = True
    for callbacks in ("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"):
        setattr(litellm, callbacks, [])
    for logger in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(logger).disabled = True
    logging.getLogger("openai").setLevel(logging.WARNING)  # below that it writes whole requests
    litellm.main._encoding_cache = _Tokenizer()
    _rehearse(litellm)
    return litellm


THROUGH_OURS = frozenset(
    {"openai", "hosted_vllm", "ollama", "ollama_chat", "openrouter", "anthropic", "gemini", "mistral", "groq"}
    | {"deepseek", "together_ai", "xai", "fireworks_ai", "perplexity"}
)
"""The providers that litellm asks through whatever client it is given. To find out of others they would be asked."""


def asks_once(socket_seconds: float, transport: httpx.AsyncBaseTransport | None = None) -> Any:
    """A client for litellm that leaves trying again to us: its own asks at once anew where a connection breaks."""
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    class AsksOnce(AsyncHTTPHandler):  # type: ignore[misc]  # litellm is not typed
        async def single_connection_post_request(self, *_: Any, **__: Any) -> Any:
            raise  # noqa: PLE0704 - what broke the first: this is called while it is handled

    return AsksOnce(timeout=socket_seconds, transport=transport)


async def rehearse(request: Mapping[str, Any]) -> str | None:
    """Make this request with nobody at the other end, so that the first real one finds all that litellm loads late.

    The address that it would have gone to, or None: then the rehearsal failed, and the first real one takes longer.
    """
    import litellm

    choice = {"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    reply = {"id": "", "object": "chat.completion", "created": 0, "model": "", "choices": [choice], "usage": usage}
    addresses: list[str] = []

    def replied(asked: httpx.Request) -> httpx.Response:
        addresses.append(str(asked.url))
        return httpx.Response(200, json=reply)

    client = asks_once(1, httpx.MockTransport(replied))
    try:
        with suppress(Exception):
            await litellm.acompletion(**{**request, "client": client})
    finally:
        await client.close()
    return addresses[0] if addresses else None


async def connect(client: Any, address: str) -> None:
    """Open this client's connection to the address's host, so that the first real request finds it open.

    A HEAD of its root: no key goes out, and nothing is paid for. Whatever comes back is right. Gives up after a second.
    """
    with suppress(Exception):  # then the first real request opens it, or says why not
        await client.client.head(httpx.URL(address).join("/"), timeout=_CONNECT_SECONDS)


class _Tokenizer:
    """Stands in for litellm's tokenizer, which it loads at the first call (0.2 s, 40 MB) and hardly ever asks."""

    def __getattr__(self, name: str) -> Any:
        import litellm

        return getattr(litellm.main.encoding, name)


def _rehearse(litellm: Any) -> None:
    """A call that goes nowhere, so that the first real one need not load and build what litellm leaves for it."""
    from openai.types.chat import ChatCompletion

    litellm.completion(
        model="openai/none", messages=[{"role": "user", "content": ""}], api_key="none", mock_response="{}"
    )
    ChatCompletion.model_rebuild()
