"""What an operator sets: GRADER_* in the environment or in .env, read once."""

import secrets
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

JudgeName = Literal["one_call", "per_criterion", "cascade"]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Settings(BaseSettings):
    """Each field is the environment variable GRADER_ + its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="GRADER_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # the input holds the secret
    )

    model: str = Field(
        default="local",
        description="A litellm name (openai/…, anthropic/…, ollama/…), local, local:FILE.gguf or scripted:FILE.json.",
    )
    fallback_models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Comma-separated models that take over what the first could not judge."
    )
    strong_model: str | None = Field(
        default=None, description="The model that a cascade takes to what the first is not sure of; unset: no cascade."
    )
    cascade: Path | None = Field(
        default=None, description="Thresholds of the cascade (`grader eval cascade --out FILE`); unset: 0.8 throughout."
    )
    api_base: str | None = Field(default=None, description="Address of an OpenAI-compatible server for hosted models.")
    judge: JudgeName | None = Field(
        default=None, description="The default judge; unset: per_criterion for local models, one_call for others."
    )
    one_call_prompt: Path | None = Field(
        default=None, description="A prompt of your own for one_call, in place of the one that ships."
    )
    redis_url: str | None = Field(
        default=None, repr=False, description="Where verdicts are remembered; unset: in this process."
    )
    secret: SecretStr | None = Field(default=None, description="Keys the store. Needed with Redis; else random.")
    cache_ttl_seconds: float = Field(default=30 * 86_400, gt=0, description="How long a verdict is remembered.")
    cache_answers: int = Field(default=10_000, gt=0, description="Answers remembered at most without Redis.")
    deadline_seconds: float | None = Field(
        default=None, gt=0, description="Longest time for one grade; unset: 300 local, 30 hosted."
    )
    max_concurrent_calls: int = Field(default=32, gt=0, description="Calls to hosted models in flight at most.")
    max_queued_calls: int | None = Field(
        default=None, ge=0, description="Calls that wait for a model at most; unset: 1000 hosted, 16 local."
    )
    breaker_failures: int = Field(
        default=5, gt=0, description="Failures among twice as many calls to a hosted model that open its breaker."
    )
    breaker_seconds: float = Field(default=10.0, gt=0, description="How long an open breaker lets no call through.")
    hedge: bool = Field(
        default=False, description="Make a hosted call slower than 95 % of those before it twice, and pay for both."
    )
    daily_budget_usd: float | None = Field(
        default=None,
        gt=0,
        description="What a day may cost in US dollars: nothing stops there, alerts and panels tell.",
    )
    traces: str | None = Field(
        default=None,
        pattern=r"^(otlp|file:.+)$",
        description="Where spans go: otlp (OTEL_EXPORTER_OTLP_ENDPOINT says to whom) or file:PATH; unset: nowhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="The least that is logged; info has a line for each request."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="Lines of JSON or for reading; auto: for reading on a terminal."
    )
    api_keys_file: Path | None = Field(
        default=None, description="Who may call, see `grader keys`; unset: anybody, and then on loopback only."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on.")
    workers: int = Field(
        default=1, gt=0, description="Processes that share the port; without Redis each remembers for itself."
    )
    open_network: bool = Field(
        default=False, description="Listen beyond loopback without API keys: where something else guards the door."
    )
    rubrics_dir: Path | None = Field(default=None, description="Folder of rubrics; unset: the one shipped.")
    threads: int | None = Field(default=None, gt=0, description="Threads of the local model; unset: one a processor.")
    pushgateway_url: HttpUrl | None = Field(
        default=None, repr=False, description="The Prometheus Pushgateway that `grader eval push` brings figures to."
    )

    @field_validator("fallback_models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("traces", mode="after")
    @classmethod
    def _can_be_traced(cls, value: str | None) -> str | None:
        if value and not all(map(find_spec, ("opentelemetry.sdk", "opentelemetry.exporter"))):
            raise ValueError("traces need their extra: pip install 'answer-grader[traces]'")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.judge == "cascade" and not self.strong_model:
            raise ValueError("GRADER_JUDGE=cascade needs GRADER_STRONG_MODEL, the model that has the last word")
        if self.strong_model == self.model:
            raise ValueError(
                f"GRADER_STRONG_MODEL is GRADER_MODEL, {self.model!r}, which would be asked twice; name a stronger one"
            )
        if self.redis_url and not self.secret:
            raise ValueError(
                "GRADER_REDIS_URL needs GRADER_SECRET (32 random bytes, the same for every process): "
                "without it no process could read what another has remembered"
            )
        if self.host not in LOOPBACK and not self.open_network and not self.api_keys_file:
            raise ValueError(
                f"without API keys this service listens on loopback only, not on {self.host!r}; "
                "set GRADER_API_KEYS_FILE (`grader keys create` makes one), "
                "or GRADER_OPEN_NETWORK=true where something else guards the door"
            )
        return self

    @cached_property
    def secret_bytes(self) -> bytes:
        """The secret; random for the life of the process where none is set."""
        return self.secret.get_secret_value().encode() if self.secret else secrets.token_bytes(32)

    @property
    def is_local(self) -> bool:
        """Whether the first model runs inside this process."""
        return runs_here(self.model)

    @property
    def models(self) -> tuple[str, ...]:
        """All models there are to be: the first, the fallbacks, and last the strong one if there is one."""
        return (self.model, *self.fallback_models, *([self.strong_model] if self.strong_model else []))


def runs_here(model: str) -> bool:
    """Whether a model of this name runs inside this process."""
    return model.split(":", 1)[0] in ("local", "scripted")
