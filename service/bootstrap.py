"""Put the service together from its settings: the only place that names concrete classes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.cache import MemoryStore, RedisStore, VerdictStore
from service.catalog import RUBRICS, Catalog, read_catalog, read_prompts
from service.core.errors import BadFile, ImpossibleOption
from service.core.language import language_of
from service.core.prompt import PromptTemplate
from service.grading import Chain, Grader
from service.judges import Judge
from service.judges.one_call import OneCall
from service.judges.per_criterion import PerCriterion, Thresholds
from service.models import Model
from service.models.around import Bounded, Metered
from service.models.hosted import HostedModel
from service.models.local import LocalModel
from service.models.scripted import ScriptedModel
from service.models.weights import default_path
from service.settings import Settings

ONE_CALL = "grade-v1"
PER_CRITERION = {kind: f"{kind}-v1" for kind in ("neutral", "point", "commission", "omission", "only", "star")}
_SECONDS_LOCAL, _SECONDS_HOSTED = 300.0, 30.0


@dataclass(frozen=True)
class Service:
    """All that a request needs, ready to be used."""

    settings: Settings
    catalog: Catalog
    grader: Grader
    store: VerdictStore
    models: tuple[Model, ...]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """A service with its models warm; closed at the end. Raises BadFile and JudgeFailed before anything is served."""
    models = tuple(Metered(model_of(name, settings)) for name in (settings.model, *settings.fallback_models))
    service = assemble(settings, models)
    language_of("warm up")
    try:
        for model in models:
            await model.warm()
        yield service
    finally:
        for model in models:
            await model.close()
        await service.store.close()


def assemble(settings: Settings, models: tuple[Model, ...]) -> Service:
    """The parts, wired; nothing is warmed yet. Raises BadFile."""
    catalog = read_catalog(settings.rubrics_dir or RUBRICS)
    templates = read_prompts()
    store = store_of(settings)
    grader = Grader(
        chains={name: _chain(name, models, templates) for name in ("one_call", "per_criterion")},
        default_judge=settings.judge or ("per_criterion" if settings.is_local else "one_call"),
        store=store,
        secret=settings.secret_bytes,
        deadline_seconds=settings.deadline_seconds or (_SECONDS_LOCAL if settings.is_local else _SECONDS_HOSTED),
    )
    return Service(settings, catalog, grader, store, models)


def model_of(name: str, settings: Settings) -> Model:
    """`local`, `local:FILE.gguf`, `scripted:FILE.json`, else a litellm name. Raises BadFile."""
    kind, _, rest = name.partition(":")
    if kind == "local":
        return LocalModel(Path(rest) if rest else default_path(), threads=settings.threads)
    if kind == "scripted":
        return ScriptedModel(_script(Path(rest)))
    # A fallback at another provider has its own address.
    same_provider = name.partition("/")[0] == settings.model.partition("/")[0]
    model = HostedModel(name, settings.api_base if same_provider else None)
    return Bounded(model, settings.max_concurrent_calls)


def store_of(settings: Settings) -> VerdictStore:
    """Redis where an address is set, else this process."""
    if settings.redis_url:
        return RedisStore(settings.redis_url, settings.cache_ttl_seconds)
    return MemoryStore(settings.cache_answers, settings.cache_ttl_seconds)


def _chain(judge: str, models: tuple[Model, ...], templates: dict[str, PromptTemplate]) -> Chain | ImpossibleOption:
    """That judge over the first model, or why it is impossible; a fallback that cannot do it is asked in one call."""
    first, *fallbacks = models
    try:
        return (
            _judge(judge, first, templates),
            *(_judge(judge if model.gives_odds else "one_call", model, templates) for model in fallbacks),
        )
    except ImpossibleOption as impossible:
        return impossible


def _judge(name: str, model: Model, templates: dict[str, PromptTemplate]) -> Judge:
    if name == "one_call":
        return OneCall(model, templates[ONE_CALL])
    return PerCriterion(model, {kind: templates[file] for kind, file in PER_CRITERION.items()}, Thresholds())


def _script(path: Path) -> list[str | dict[str, float]]:
    try:
        script = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(path, [(None, f"not a scripted model's JSON list of replies: {error}")]) from error
    if not isinstance(script, list) or not script:
        raise BadFile(path, [(None, "a scripted model needs a JSON list of one or more replies")])
    return script
