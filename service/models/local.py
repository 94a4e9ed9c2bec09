"""A GGUF model inside this process, through llama.cpp: no server, no key, no network port."""

import asyncio
import math
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from service.core.errors import AnswerTooLong, JudgeRefused, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.models import Completion, OnText
from service.models.weights import sha256_beside

CONTEXT_TOKENS = 8192


class LocalModel:
    """llama.cpp over one file of weights. It answers one call at a time and remembers the last prompt's prefix.

    Calls under way cannot be stopped: at the deadline the caller is told, and the call's end is waited for by the
    next one.
    """

    gives_odds = True

    def __init__(self, weights: Path, *, threads: int | None = None, context_tokens: int = CONTEXT_TOKENS) -> None:
        self.name = f"local:{weights.stem}"
        self._weights = weights
        self._threads = threads or _processors()
        self._context_tokens = context_tokens
        self._loaded: tuple[Any, str] | None = None
        self._door: Path | None = None
        # One thread: llama.cpp reads one prompt after the other anyway, and so the prefix of one answer stays warm.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llama")

    @property
    def identity(self) -> str:
        """Name and sha256 of the weights: another file of the same name is another judge. Known once warm."""
        if self._loaded is None:
            raise RuntimeError("the model's identity is known once it is warm")
        return f"{self.name}#{self._loaded[1][:16]}"

    async def warm(self) -> None:
        """Load the weights. Raises JudgeUnavailable if the file cannot be read as a model."""
        if self._loaded is None:
            self._loaded = await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    async def close(self) -> None:
        self._loaded = None
        await asyncio.to_thread(self._thread.shutdown)
        if self._door:
            shutil.rmtree(self._door, ignore_errors=True)

    async def complete(
        self,
        prompt: Prompt,
        timeout_seconds: float,
        on_text: OnText | None = None,  # noqa: ARG002 - made for replies of one token
    ) -> Completion:
        await self.warm()
        started = time.perf_counter()
        call = asyncio.get_running_loop().run_in_executor(self._thread, self._ask, _request(prompt))
        try:
            reply = await asyncio.wait_for(asyncio.shield(call), timeout_seconds)
        except TimeoutError as error:
            call.cancel()
            raise JudgeTimedOut(f"{self.name} took longer than {timeout_seconds:.1f} s") from error
        return self._completion(prompt, reply, time.perf_counter() - started)

    def _load(self) -> tuple[Any, str]:
        try:
            import xllamacpp
        except ImportError as error:
            mend = "llama.cpp needs OpenMP's run time (Debian: apt-get install libgomp1)"
            raise JudgeUnavailable(f"the local model cannot be started: {error}; {mend}") from error
        if not self._weights.is_file():
            raise JudgeUnavailable(f"no weights at {str(self._weights)!r}; `grader models fetch` gets the default ones")
        settings = xllamacpp.CommonParams()
        settings.model.path = str(self._weights)
        settings.n_ctx = self._context_tokens
        settings.n_parallel = 1
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = self._threads
        settings.fit_params = False
        settings.verbosity = -1
        self._door = Path(tempfile.mkdtemp(prefix="grader-"))
        _shut_the_door(settings, self._door)
        try:
            with sha256_beside(self._weights) as sha256:
                server = xllamacpp.Server(settings)
                # Let go of before its loop runs, llama.cpp would wait for ever; once it has answered, it runs.
                server.handle_completions({"prompt": ".", "n_predict": 1})
                return server, sha256()
        except RuntimeError as error:
            raise JudgeUnavailable(f"{str(self._weights)!r} cannot be loaded as a GGUF model: {error}") from error

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._loaded is None:
            raise JudgeUnavailable(f"{self.name} is closed")
        reply: dict[str, Any] = self._loaded[0].handle_chat_completions(request)
        return reply

    def _completion(self, prompt: Prompt, reply: Mapping[str, Any], seconds: float) -> Completion:
        if error := reply.get("error"):
            if error.get("type") == "exceed_context_size_error":
                raise AnswerTooLong(
                    f"the answer makes a prompt of {error['n_prompt_tokens']} tokens; "
                    f"{self.name} reads at most {error['n_ctx']}"
                )
            raise JudgeRefused(f"{self.name}: {error.get('message', 'no reason given')}")
        choice, usage = reply["choices"][0], reply["usage"]
        text = choice["message"].get("content") or ""
        return Completion(
            text=text.removeprefix(prompt.start),
            model=self.name,
            first_token_odds=_odds(choice) if prompt.odds else None,
            input_tokens=usage["prompt_tokens"],
            cached_tokens=usage["prompt_tokens_details"]["cached_tokens"],
            output_tokens=usage["completion_tokens"],
            cost_usd=0.0,
            cut_off=choice["finish_reason"] == "length",
            seconds=seconds,
        )


def _shut_the_door(settings: Any, folder: Path) -> None:
    """llama.cpp insists on listening: on a socket file in a folder only we may enter, with a key nobody is told."""
    settings.hostnames = [str(folder / "llama.sock")]
    settings.api_keys = [secrets.token_urlsafe(32)]
    settings.ui = settings.endpoint_slots = settings.endpoint_props = settings.endpoint_metrics = False


def _request(prompt: Prompt) -> dict[str, Any]:
    messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    if prompt.start:
        messages.append({"role": "assistant", "content": prompt.start})
    request: dict[str, Any] = {
        "messages": messages,
        "max_tokens": prompt.most_tokens,
        "temperature": 0,
        "cache_prompt": True,
    }
    if prompt.odds:
        request |= {"logprobs": True, "top_logprobs": prompt.odds}
    if prompt.schema:
        request["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "verdicts", "schema": prompt.schema},
        }
    return request


def _odds(choice: Mapping[str, Any]) -> dict[str, float]:
    first = choice["logprobs"]["content"][0]["top_logprobs"]
    return {token["token"]: math.exp(token["logprob"]) for token in reversed(first)}


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
