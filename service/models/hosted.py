"""Models reached through litellm: prompts go out, and its many ways to fail come back as the few of ours."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import tenacity

from service import tracing
from service.core.errors import JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.metrics import JUDGE_RETRIES
from service.models import Completion, OnText
from service.models.failures import translated
from service.models.loading import THROUGH_OURS, asks_once, connect, load, rehearse
from service.models.prefix import least_marked, user_content
from service.models.schemas import without_bounds
from service.models.written import written

# The same for every call: litellm keeps one client (and its open connections) per timeout. The deadline is kept here.
_SOCKET_SECONDS = 3600.0
_OLLAMA = ("ollama", "ollama_chat")
_JITTER = tenacity.wait_random_exponential(multiplier=1, max=20)
_REHEARSED = Prompt(system="", user="", most_tokens=1, schema={"type": "object", "properties": {}})


@dataclass(frozen=True)
class _Route:
    """What litellm knows of one model, found out once. `least_marked` is as in service/models/prefix.py.

    `client` is None where litellm's own has to do.
    """

    litellm: Any
    provider: str
    client: Any = field(repr=False)
    api_key: str | None = field(repr=False)
    takes_schema: bool
    priced: bool
    least_marked: int | None


class HostedModel:
    """A model behind a provider's API. `name` is litellm's, such as openai/…, anthropic/… or ollama/….

    Gives no odds: providers differ in whether they report them, so what needs odds is for local models. An openai/…
    name with an `api_base` may stand for any server that speaks OpenAI's language, with or without a key.
    `attempts` counts the first one; `sleep` waits between them.
    """

    gives_odds = False

    def __init__(
        self,
        name: str,
        api_base: str | None,
        attempts: int = 3,
        api_key: str | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._api_base = api_base
        self._attempts = attempts
        self._api_key = api_key
        self._sleep = sleep
        self._route: _Route | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str:
        """The same name behind another address may be another model."""
        return f"{self._name}@{self._api_base}" if self._api_base else self._name

    async def warm(self) -> None:
        """Import litellm, which takes seconds, and open a connection to the provider.

        Raises JudgeRefused for a name litellm doesn't know, or without a key. A provider that is away is no error yet.
        """
        route, address = await self._loaded()
        if address:
            await connect(route.client, address)

    async def _loaded(self) -> tuple[_Route, str | None]:
        """What it takes to ask, and the address that will be asked; None where that is not known."""
        route = await asyncio.to_thread(_route_to, self._name, self._api_base, self._api_key)
        address = await rehearse(self._request(route, _REHEARSED)) if route.client else None
        self._route = route
        return route, address

    async def close(self) -> None:
        """Close litellm's connections: those of all models, for it keeps them together. They reopen when used."""
        if self._route:
            if self._route.client:
                await self._route.client.close()
            await self._route.litellm.close_litellm_async_clients()
            self._route.litellm.in_memory_llm_clients_cache.flush_cache()

    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        """All attempts, and the waits between them, fall within `timeout_seconds`. A stream is asked for only where
        somebody wants the text piece by piece: each piece costs CPU.

        Raises ValueError for a prompt that begins the reply or asks for odds.
        """
        if prompt.start or prompt.odds:
            raise ValueError(f"{self._name!r} is hosted: it carries on no reply and gives no odds")
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                if self._route is None:
                    await self._loaded()
                try:
                    completion = await self._once(prompt, on_text)
                except JudgeUnavailable as error:
                    left_seconds = timeout_seconds - (time.monotonic() - started)
                    completion = await self._again(error, prompt, on_text, left_seconds)
        except TimeoutError:
            raise JudgeTimedOut(
                f"{self._name!r} gave no answer in {timeout_seconds:g} seconds; allow it more, or take a faster model"
            ) from None
        return replace(completion, seconds=time.monotonic() - started)

    async def _again(
        self, first: JudgeUnavailable, prompt: Prompt, on_text: OnText | None, timeout_seconds: float
    ) -> Completion:
        """The attempts after a failed one, which counts as the first. Most calls need none, and pay nothing for it."""
        failed = [first]

        async def attempt() -> Completion:
            if failed:
                raise failed.pop()
            return await self._once(prompt, on_text)

        retrying = tenacity.AsyncRetrying(
            sleep=self._sleep,
            retry=tenacity.retry_if_exception_type(JudgeUnavailable),
            wait=_wait,
            stop=tenacity.stop_after_attempt(self._attempts) | tenacity.stop_before_delay(timeout_seconds),
            before_sleep=self._note_retry,
            reraise=True,
        )
        completion: Completion = await retrying(attempt)
        return completion

    def _note_retry(self, _: tenacity.RetryCallState) -> None:
        JUDGE_RETRIES.labels(self._name).inc()
        tracing.event("retry")

    async def _once(self, prompt: Prompt, on_text: OnText | None) -> Completion:
        import openai

        assert self._route
        litellm, request = self._route.litellm, self._request(self._route, prompt)
        try:
            if on_text is None:
                response = await litellm.acompletion(**request)
            else:
                stream = await litellm.acompletion(**request, stream=True, stream_options={"include_usage": True})
                response = await written(litellm, stream, on_text)
        except openai.APIError as error:
            # Not `from error`: its text may quote the request, and a logged traceback would spell it out.
            raise translated(error, self._name, self._route.litellm) from None
        return _completion(response, self._name, self._route)

    def _request(self, route: _Route, prompt: Prompt) -> dict[str, Any]:
        request = {
            "model": self._name,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": user_content(prompt, route.least_marked)},
            ],
            "temperature": 0,
            "max_tokens": prompt.most_tokens,
            "api_base": self._api_base,
            "api_key": route.api_key,
            "timeout": _SOCKET_SECONDS,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,  # some models accept no temperature
            "base_model": self._name,  # by which litellm is to price the reply, whatever name the reply gives
            "fallbacks": [],  # none; so litellm makes up no log entry for callbacks, of which there are none
        }
        if route.client:
            request["client"] = route.client
        if prompt.schema and route.takes_schema:
            shape = dict(prompt.schema) if self._api_base else without_bounds(prompt.schema)
            schema = {"name": "verdicts", "strict": True, "schema": shape}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        return request


def _route_to(name: str, api_base: str | None, api_key: str | None) -> _Route:
    litellm = load()
    try:
        provider = litellm.get_llm_provider(name, api_base=api_base)[1]
    except litellm.BadRequestError:
        raise JudgeRefused(f"litellm has no provider for {name!r}; name one, as in 'openai/{name}'") from None
    if provider in _OLLAMA:
        # Of models outside its table litellm asks localhost, several times a call, and blocks the event loop meanwhile.
        litellm.model_cost.setdefault(name, {"litellm_provider": provider, "mode": "chat"})
    known = _is_known(litellm, name)
    return _Route(
        litellm=litellm,
        provider=provider,
        client=asks_once(_SOCKET_SECONDS) if provider in THROUGH_OURS else None,
        api_key=_key(litellm, name, provider, api_base, api_key),
        takes_schema=_takes_schema(litellm, name, provider, known or api_base is None),
        priced=known and provider not in _OLLAMA,
        least_marked=least_marked(litellm, name, provider),
    )


def _is_known(litellm: Any, name: str) -> bool:
    try:
        litellm.get_model_info(name)
    except Exception:  # what it raises is of no documented type
        return False
    return True


def _takes_schema(litellm: Any, name: str, provider: str, ask_table: bool) -> bool:
    """Whether replies can be held to a schema. Ollama holds any model to one, and so do most servers of one's own."""
    if "response_format" not in (litellm.get_supported_openai_params(name, provider) or ()):
        return False
    return provider in _OLLAMA or not ask_table or bool(litellm.supports_response_schema(name))


def _key(litellm: Any, name: str, provider: str, api_base: str | None, given: str | None) -> str | None:
    """The key to pass; None where litellm finds it, or none is needed."""
    if given:
        return given
    missing = [v for v in litellm.validate_environment(name)["missing_keys"] if v.endswith("_API_KEY")]
    usual = f"{provider.upper()}_API_KEY"
    if not missing and os.environ.get(usual) == "":  # set but blank, as compose files do
        missing = [usual]
    if not missing:
        return None
    if provider == "openai" and api_base:
        return "none"
    raise JudgeRefused(f"{name!r} needs an API key; set {' or '.join(missing)}")


def _wait(state: tenacity.RetryCallState) -> float:
    """Full jitter, on top of what the provider asked for: those told the same time don't come back all at once."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_seconds if isinstance(error, JudgeUnavailable) else None
    return (asked or 0.0) + _JITTER(state)


def _completion(response: Any, name: str, route: _Route) -> Completion:
    if not response.choices:
        raise JudgeUnavailable(f"{name!r} sent a reply without an answer in it; try again later")
    choice = response.choices[0]
    text, extra = choice.message.content, getattr(choice.message, "provider_specific_fields", None) or {}
    if not text and (choice.finish_reason == "content_filter" or extra.get("refusal")):
        raise JudgeRefused(f"{name!r} withheld its reply under its content policy; take another model for this answer")
    usage = getattr(response, "usage", None)
    details = getattr(usage, "prompt_tokens_details", None)
    return Completion(
        text=text or "",
        model=name,
        input_tokens=getattr(usage, "prompt_tokens", None) or 0,
        cached_tokens=getattr(details, "cached_tokens", None) or 0,
        output_tokens=getattr(usage, "completion_tokens", None) or 0,
        cost_usd=_cost_usd(response, usage, name, route),
        cut_off=choice.finish_reason == "length",
    )


def _cost_usd(response: Any, usage: Any, name: str, route: _Route) -> float | None:
    """By litellm's table. None for a model not in it: litellm would then price by whatever name the reply gives."""
    if not route.priced or usage is None:
        return None
    if cost := (getattr(response, "_hidden_params", None) or {}).get("response_cost"):
        return float(cost)
    try:  # a stream put together comes without
        cost = sum(route.litellm.cost_per_token(name, custom_llm_provider=route.provider, usage_object=usage))
    except Exception:  # what it raises is of no documented type
        return None
    return cost or None  # nothing costs nothing: a zero is a gap in the table, or in the reply's usage
