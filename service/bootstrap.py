"""Put the service together from its settings: the only place that names concrete classes."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from service import __version__, metrics
from service.cache import MemoryStore, RedisStore, VerdictStore
from service.catalog import HOME, RUBRICS, Catalog, read_catalog, read_json, read_prompts
from service.core.answer import Answer
from service.core.calibration import Calibration
from service.core.errors import BadFile, ImpossibleOption
from service.core.gates import flags_of
from service.core.grade import JudgeReport, grade_of, verdicts_on_nothing
from service.core.language import language_of
from service.core.prompt import PromptTemplate
from service.grading import Chain, Grader, Wish
from service.judges import Case, Judge
from service.judges.cascade import CHOSEN, Cascade, Choice
from service.judges.known import KnownOdds
from service.judges.one_call import OneCall
from service.judges.own_prompt import read_own_prompt
from service.judges.panel import MOST_SAMPLES, Panel, Rotated
from service.judges.per_criterion import PerCriterion
from service.leases import RedisLeases
from service.memory import Memory
from service.models import Model
from service.models.around import Bounded, Metered
from service.models.breaker import Breaking
from service.models.hedge import Hedged
from service.models.hosted import HostedModel
from service.models.local import LocalModel
from service.models.scripted import ScriptedModel
from service.models.turns import Turns
from service.models.weights import default_path
from service.settings import Settings, runs_here
from service.tracing import recorded

ONE_CALL = "grade-v1"


class Wording(NamedTuple):
    """One way to put per_criterion's questions: a prompt for each kind of criterion, the neutral question and the
    answer without content; the file that says what the odds of its replies are worth; and the file of what is known of
    the catalog, so that no grade has to wait for it.
    """

    prompts: Mapping[str, str]
    calibration: Path
    known: Path


WORDINGS = (
    Wording(
        {
            "point": "point-v2",
            "commission": "commission-v3",
            "omission": "omission-v3",
            "only": "only-v2",
            "star": "star-v2",
            "neutral": "neutral-v2",
            "empty": "empty-v1",
        },
        HOME / "service" / "judges" / "calibration-v9.json",
        HOME / "service" / "judges" / "known-v8.json",
    ),
)
"""The one in use first; each is one more reading for a panel."""

_SECONDS_LOCAL, _SECONDS_HOSTED = 300.0, 30.0
_QUEUED_LOCAL, _QUEUED_HOSTED = 16, 1000
_REHEARSED = 64  # questions; as many as are kept in mind


@dataclass(frozen=True)
class Service:
    """All that a request needs, ready to be used."""

    settings: Settings
    catalog: Catalog
    grader: Grader
    store: VerdictStore
    models: tuple[Model, ...]


@asynccontextmanager
async def running(settings: Settings, around: Callable[[Model], Model] = lambda model: model) -> AsyncIterator[Service]:
    """A service with its models warm; closed at the end. Raises BadFile and JudgeFailed before anything is served.

    `around` is what a caller puts about each model, to see what goes through it; by default nothing.
    """
    models = tuple(around(model_of(name, settings)) for name in settings.models)
    service = assemble(settings, models)
    with recorded(settings.traces):
        try:
            for model in models:
                await model.warm()
            await _rehearse(service)
            yield service
        finally:
            await service.grader.close()
            for model in models:
                await model.close()
            await service.store.close()


async def _rehearse(service: Service) -> None:
    """Go through an answer to each question as a grade does, as far as no model is asked and nothing counted: patterns,
    the sentence cutter and the language detector load at their first use, and much is found out once a rubric.
    """
    answer = Answer.of("No lo sé. On Tuesday we repaired the pump, and I wrote down how.")
    language_of("No lo sé.")
    try:
        chain = service.grader.chain_for(Wish())
    except ImpossibleOption:  # which each request is told
        return
    for rubric in islice(service.catalog.rubrics.values(), _REHEARSED):
        flags = flags_of(answer, rubric)
        Memory(service.store, "", chain, rubric)
        verdicts = verdicts_on_nothing(rubric)
        if isinstance(chain[0], OneCall):
            judge = OneCall(ScriptedModel(["{}"]), chain[0].prompt_for(rubric.judged[0]))
            async for judgement in judge.assess(Case(rubric.question, answer, "", lambda: 1.0), rubric.judged):
                verdicts[judgement.verdict.criterion_id] = judgement.verdict
        report = JudgeReport(name=chain[0].name)
        grade = grade_of(
            rubric, service.catalog.rules, answer, flags, verdicts, judge=report, cache=None, request_id=""
        )
        grade.model_dump_json()


def assemble(settings: Settings, models: tuple[Model, ...]) -> Service:
    """The parts, wired; nothing is warmed yet. `models` are those of `settings.models`. Raises BadFile."""
    catalog = read_catalog(settings.rubrics_dir or RUBRICS)
    templates = read_prompts()
    if settings.one_call_prompt:
        templates[ONE_CALL] = read_own_prompt(settings.one_call_prompt)
    store = store_of(settings)
    _show(settings, models, catalog)
    in_turn = models[:-1] if settings.strong_model else models
    plain = ("one_call", "per_criterion")
    grader = Grader(
        chains={name: _chain(name, in_turn, templates) for name in plain}
        | {"cascade": _cascade(settings, models, templates)},
        panels={(name, k): _chain(name, in_turn, templates, k) for name in plain for k in range(2, MOST_SAMPLES + 1)},
        default_judge=default_judge(settings),
        store=store,
        secret=settings.secret_bytes,
        deadline_seconds=deadline_seconds(settings),
        leases=RedisLeases(settings.redis_url) if settings.redis_url else None,
    )
    return Service(settings, catalog, grader, store, models)


def _show(settings: Settings, models: tuple[Model, ...], catalog: Catalog) -> None:
    """Tell the metrics what there is to be seen, before any of it happens."""
    metrics.begin_at_zero((model.name for model in models), map(catalog.set_of, catalog.rubrics))
    metrics.BUILD.labels(__version__).set(1)
    if settings.daily_budget_usd is not None:
        metrics.daily_budget_usd().set(settings.daily_budget_usd)


def deadline_seconds(settings: Settings) -> float:
    """The longest time for one grade where a caller names none."""
    return settings.deadline_seconds or (_SECONDS_LOCAL if settings.is_local else _SECONDS_HOSTED)


def default_judge(settings: Settings) -> str:
    """The name of the judge that is asked where a caller names none."""
    return settings.judge or _by_place(settings.model)


def _by_place(model: str) -> str:
    """The judge that suits a model of this name."""
    return "per_criterion" if runs_here(model) else "one_call"


def model_of(name: str, settings: Settings) -> Model:
    """`local`, `local:FILE.gguf`, `scripted:FILE.json`, else a litellm name. Raises BadFile."""
    kind, _, rest = name.partition(":")
    if kind == "local":
        local = LocalModel(Path(rest) if rest else default_path(), threads=settings.threads)
        # A turn is one answer's: llama.cpp remembers one prompt's prefix, and another's call would push it out.
        return Bounded(Metered(local), Turns(local.name, 1, _queue(settings, _QUEUED_LOCAL), whole=True))
    if kind == "scripted":
        return Metered(_scripted(Path(rest)))
    # A fallback at another provider has its own address.
    same_provider = name.partition("/")[0] == settings.model.partition("/")[0]
    return _standing(HostedModel(name, settings.api_base if same_provider else None), settings)


def _standing(hosted: Model, settings: Settings) -> Model:
    """A hosted model with all that keeps its troubles from becoming everybody's."""
    turns = Turns(hosted.name, settings.max_concurrent_calls, _queue(settings, _QUEUED_HOSTED))
    model: Model = Metered(hosted, billed=True)
    if settings.hedge:
        model = Hedged(model, turns)
    patience_seconds = deadline_seconds(settings) / len(settings.models) / 2
    return Bounded(Breaking(model, settings.breaker_failures, settings.breaker_seconds, patience_seconds), turns)


def _queue(settings: Settings, usual: int) -> int:
    return usual if settings.max_queued_calls is None else settings.max_queued_calls


def store_of(settings: Settings) -> VerdictStore:
    """Redis where an address is set, else this process."""
    if settings.redis_url:
        return RedisStore(settings.redis_url, settings.cache_ttl_seconds)
    return MemoryStore(settings.cache_answers, settings.cache_ttl_seconds)


def _chain(
    judge: str, models: tuple[Model, ...], templates: dict[str, PromptTemplate], samples: int = 1
) -> Chain | ImpossibleOption:
    """That judge over the first model, or why it is impossible; a fallback that cannot do it is asked in one call."""
    first, *fallbacks = models
    try:
        return (
            _judge(judge, first, templates, samples),
            *(_judge(judge if model.gives_odds else "one_call", model, templates, samples) for model in fallbacks),
        )
    except ImpossibleOption as impossible:
        return impossible


def _cascade(
    settings: Settings, models: tuple[Model, ...], templates: dict[str, PromptTemplate]
) -> Chain | ImpossibleOption:
    """The first model's judge, then the strong model's; the fallbacks take over as after any judge.

    One call tells no confidence, so as a cheap judge it reads twice: what its readings dispute is weak.
    """
    if not settings.strong_model:
        return ImpossibleOption("judge", "a cascade needs a second, stronger model; set GRADER_STRONG_MODEL")
    *in_turn, strong = models
    name = default_judge(settings) if settings.judge != "cascade" else _by_place(settings.model)
    chain = _chain(name, tuple(in_turn), templates, samples=2 if name == "one_call" else 1)
    if isinstance(chain, ImpossibleOption):
        return chain
    last_word = _judge(_by_place(settings.strong_model), strong, templates)
    return (Cascade(chain[0], last_word, read_json(settings.cascade or CHOSEN, Choice).keep), *chain[1:])


def per_criterion(
    model: Model, wording: Wording, known: KnownOdds | None, templates: Mapping[str, PromptTemplate] | None = None
) -> PerCriterion:
    """The judge that puts its questions so. Raises ImpossibleOption, BadFile."""
    files = templates or read_prompts()
    prompts = {name: files[file] for name, file in wording.prompts.items()}
    return PerCriterion(model, prompts, read_json(wording.calibration, Calibration), known)


def _judge(name: str, model: Model, templates: dict[str, PromptTemplate], samples: int = 1) -> Judge:
    """Raises ImpossibleOption where the model cannot be asked so, or not in so many ways."""
    readings: list[Judge]
    if name == "one_call":
        judge = OneCall(model, templates[ONE_CALL])
        readings = [Rotated(judge, turn, samples) for turn in range(samples)] if samples > 1 else [judge]
    else:
        asked_by = ((wording, read_json(wording.known, KnownOdds)) for wording in WORDINGS[:samples])
        readings = [per_criterion(model, wording, known, templates) for wording, known in asked_by]
    if len(readings) < samples:
        least = f"{name} has wordings for {len(readings)}; send at most that, or another judge"
        raise ImpossibleOption("samples", f"{samples} readings were asked for, and {least}")
    return Panel(readings) if samples > 1 else readings[0]


def _scripted(path: Path) -> ScriptedModel:
    """A JSON list of replies, or an object of `replies` and the `seconds` that writing one takes. Raises BadFile."""
    try:
        script = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(path, [(None, f"not a scripted model's JSON list of replies: {error}")]) from error
    replies, seconds = script, 0.0
    if isinstance(script, dict):
        replies, seconds = script.get("replies"), script.get("seconds", 0.0)
    if not isinstance(replies, list) or not replies:
        raise BadFile(path, [(None, "a scripted model needs a JSON list of one or more replies")])
    if not isinstance(seconds, int | float) or seconds < 0:
        raise BadFile(path, [(None, f"a scripted model's seconds are a number from 0 on, not {seconds!r}")])
    return ScriptedModel(replies, seconds=seconds)
