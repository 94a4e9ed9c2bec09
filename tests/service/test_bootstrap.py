"""Settings become a service: which model, which judge over it, which store."""

import json
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, generate_latest

from service.bootstrap import WORDINGS, Wording, assemble, model_of, running, store_of
from service.cache import MemoryStore, RedisStore
from service.catalog import PROMPTS, read_prompts, read_yaml
from service.core.calibration import Calibration
from service.core.errors import BadFile, ImpossibleOption, JudgeRefused, JudgeUnavailable
from service.core.prompt import Prompt
from service.core.rubric import RubricSet
from service.grading import Chain, Grader, Wish
from service.judges.cascade import Cascade, Choice, Keep
from service.judges.panel import Panel
from service.judges.signals import KINDS
from service.memory import Memory, _keys_of
from service.models import Completion, Model, OnText
from service.models.around import Around
from service.models.scripted import ScriptedModel
from service.settings import Settings
from tests.builders import answer_of, rubric_of


def settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]


def without_odds(name: str) -> ScriptedModel:
    model = ScriptedModel(["{}"])
    model.gives_odds = False
    model.name = model.identity = name
    return model


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("local", "local:qwen2.5-coder-1.5b-instruct-q4_k_m"),
        ("local:/models/tiny.gguf", "local:tiny"),
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
    ],
)
def test_a_models_name_says_where_it_is(name: str, shown: str) -> None:
    assert model_of(name, settings()).name == shown


def test_a_fallback_at_another_provider_does_not_get_the_address_of_the_first() -> None:
    here = settings(model="openai/mine", api_base="http://127.0.0.1:9/v1")
    assert model_of("openai/mine", here).identity == "openai/mine@http://127.0.0.1:9/v1"
    assert model_of("anthropic/claude-haiku-4-5", here).identity == "anthropic/claude-haiku-4-5"


def around(model: Model) -> list[str]:
    """What stands around a model, from outside in."""
    return [type(model).__name__, *(around(model._model) if isinstance(model, Around) else [])]


def test_what_stands_around_a_model_is_what_its_kind_of_trouble_needs(tmp_path: Path) -> None:
    (tmp_path / "script.json").write_text('["{}"]')
    assert around(model_of("openai/x", settings())) == ["Bounded", "Breaking", "Metered", "HostedModel"]
    hedged = around(model_of("openai/x", settings(hedge=True)))
    assert hedged == ["Bounded", "Breaking", "Hedged", "Metered", "HostedModel"]
    assert around(model_of("local", settings())) == ["Bounded", "Metered", "LocalModel"]
    assert around(model_of(f"scripted:{tmp_path}/script.json", settings())) == ["Metered", "ScriptedModel"]


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json"])
def test_a_script_that_is_no_list_of_replies_is_named(tmp_path: Path, content: str) -> None:
    script = tmp_path / "script.json"
    script.write_text(content)
    with pytest.raises(BadFile, match=r"script\.json"):
        model_of(f"scripted:{script}", settings())


def test_local_models_are_asked_by_criterion_and_hosted_ones_in_one_call() -> None:
    local = assemble(settings(model="local"), (ScriptedModel(["{}"]),)).grader
    hosted = assemble(settings(model="openai/x"), (without_odds("openai/x"),)).grader
    chosen = assemble(settings(model="local", judge="one_call"), (ScriptedModel(["{}"]),)).grader
    assert local.chain_for(Wish())[0].name == "per_criterion"
    assert hosted.chain_for(Wish())[0].name == "one_call"
    assert chosen.chain_for(Wish())[0].name == "one_call"


def test_a_model_without_odds_cannot_be_asked_by_criterion() -> None:
    grader = assemble(settings(model="openai/x"), (without_odds("openai/x"),)).grader
    with pytest.raises(ImpossibleOption, match="openai/x"):
        grader.chain_for(Wish(judge="per_criterion"))


def test_a_fallback_without_odds_is_asked_in_one_call() -> None:
    models = (ScriptedModel(["{}"]), without_odds("openai/x"))
    grader = assemble(settings(model="local", fallback_models="openai/x"), models).grader
    assert [judge.name for judge in grader.chain_for(Wish(judge="per_criterion"))] == ["per_criterion", "one_call"]


def hosted_grader() -> Grader:
    return assemble(settings(model="openai/x"), (without_odds("openai/x"),)).grader


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
def test_several_samples_in_one_call_are_a_panel_of_so_many_readings(samples: int) -> None:
    [panel] = hosted_grader().chain_for(Wish(samples=samples))
    assert isinstance(panel, Panel)
    assert [reading.name for reading in panel.judges] == ["one_call"] * samples
    assert len({reading.identity for reading in panel.judges}) == samples


@pytest.mark.parametrize("samples", [0, 6])
def test_there_is_no_panel_of_fewer_than_two_or_more_than_five(samples: int) -> None:
    with pytest.raises(ImpossibleOption, match="samples"):
        hosted_grader().chain_for(Wish(samples=samples))


def test_by_criterion_there_are_as_many_readings_as_wordings() -> None:
    grader = assemble(settings(model="local"), (ScriptedModel(["{}"]),)).grader
    for samples in range(2, len(WORDINGS) + 1):
        [panel] = grader.chain_for(Wish(samples=samples))
        assert isinstance(panel, Panel)
        assert len(panel.judges) == samples
    if len(WORDINGS) < 5:
        with pytest.raises(ImpossibleOption, match=f"per_criterion has wordings for {len(WORDINGS)}; send at most"):
            grader.chain_for(Wish(samples=len(WORDINGS) + 1))
    assert len(grader.chain_for(Wish(judge="one_call", samples=3))) == 1


@pytest.mark.parametrize("wording", WORDINGS)
def test_each_wording_has_a_prompt_for_every_kind_and_says_what_its_odds_are_worth(wording: Wording) -> None:
    assert wording.prompts.keys() == {*KINDS, "neutral", "empty"}
    assert set(wording.prompts.values()) <= read_prompts().keys()
    calibration = read_yaml(wording.calibration, Calibration)
    assert calibration.scales.keys() == set(KINDS)
    # Of two levels where a pitfall is committed or not, else of three.
    assert [len(calibration.scales[kind].cuts) for kind in KINDS] == [2, 1, 1, 1, 2]


def test_what_was_judged_by_another_calibration_is_not_taken_for_ones_own() -> None:
    [judge] = assemble(settings(model="local"), (ScriptedModel(["{}"]),)).grader.chain_for(Wish())
    assert read_yaml(WORDINGS[0].calibration, Calibration).digest in judge.identity


def cascade_of(*models: Model, **given: object) -> Chain:
    return assemble(settings(**given), models).grader.chain_for(Wish(judge="cascade"))


def test_a_cascade_asks_a_local_model_by_criterion_and_then_a_hosted_one_in_one_call() -> None:
    [cascade] = cascade_of(ScriptedModel(["{}"]), without_odds("openai/x"), model="local", strong_model="openai/x")
    assert isinstance(cascade, Cascade)
    assert [(judge.name, judge.model.name) for judge in cascade.judges] == [
        ("per_criterion", "scripted"),
        ("one_call", "openai/x"),
    ]


def test_a_cheap_hosted_model_reads_twice_as_one_call_tells_no_confidence() -> None:
    models = without_odds("openai/small"), without_odds("openai/large")
    [cascade] = cascade_of(*models, model="openai/small", strong_model="openai/large")
    assert isinstance(cascade, Cascade)
    assert [(judge.name, judge.model.name) for judge in cascade.judges] == [
        ("panel", "openai/small"),
        ("one_call", "openai/large"),
    ]


def test_one_call_asks_by_a_prompt_of_ones_own_and_remembers_apart(tmp_path: Path) -> None:
    shipped_text = (PROMPTS / "grade-v1.md").read_text(encoding="utf-8")
    (tmp_path / "own.md").write_text(shipped_text.replace("Check an", "Check strictly an"), encoding="utf-8")
    given = settings(model="openai/x", one_call_prompt=tmp_path / "own.md")
    [own] = assemble(given, (without_odds("openai/x"),)).grader.chain_for(Wish())
    [shipped] = assemble(settings(model="openai/x"), (without_odds("openai/x"),)).grader.chain_for(Wish())
    rubric = rubric_of()
    assert own.prompt_for(rubric.judged[0]).name == "own"
    one, other = (Memory(MemoryStore(9, 60), "s", (judge,), rubric) for judge in (own, shipped))
    assert one.flight_of(rubric.judged) != other.flight_of(rubric.judged)


def test_a_cascade_takes_the_thresholds_that_were_chosen_for_it(tmp_path: Path) -> None:
    own = Choice(version=1, made_by="test", note="", keep=Keep(points=0.55, pitfalls=None, star=0.6))
    (tmp_path / "own.json").write_text(own.model_dump_json())
    models, given = (ScriptedModel(["{}"]), without_odds("openai/x")), {"model": "local", "strong_model": "openai/x"}
    [shipped] = cascade_of(*models, **given)
    [chosen] = cascade_of(*models, **given, cascade=tmp_path / "own.json")
    assert str(own.keep) in chosen.identity
    assert str(own.keep) not in shipped.identity
    with pytest.raises(BadFile, match=r"none\.json: cannot be read"):
        cascade_of(*models, **given, cascade=tmp_path / "none.json")


def test_a_strong_local_model_is_asked_by_criterion() -> None:
    [cascade] = cascade_of(ScriptedModel(["{}"]), ScriptedModel(["{}"]), model="local", strong_model="local:big.gguf")
    assert isinstance(cascade, Cascade)
    assert [judge.name for judge in cascade.judges] == ["per_criterion", "per_criterion"]


def test_after_a_cascade_the_fallbacks_take_over_and_the_strong_model_is_none_of_them() -> None:
    models = ScriptedModel(["{}"]), without_odds("openai/x"), without_odds("openai/strong")
    given = {"model": "local", "fallback_models": "openai/x", "strong_model": "openai/strong"}
    assert [judge.name for judge in cascade_of(*models, **given)] == ["cascade", "one_call"]
    plain = assemble(settings(**given), models).grader.chain_for(Wish())
    assert [judge.model.name for judge in plain] == ["scripted", "openai/x"]


def test_a_cascade_may_be_the_default_judge() -> None:
    models = ScriptedModel(["{}"]), without_odds("openai/x")
    grader = assemble(settings(model="local", strong_model="openai/x", judge="cascade"), models).grader
    assert [judge.name for judge in grader.chain_for(Wish())] == ["cascade"]
    with pytest.raises(ImpossibleOption, match="samples: cascade cannot read an answer 3 times"):
        grader.chain_for(Wish(samples=3))


def test_a_cascade_without_a_strong_model_names_the_setting() -> None:
    with pytest.raises(ImpossibleOption, match="set GRADER_STRONG_MODEL"):
        hosted_grader().chain_for(Wish(judge="cascade"))


async def test_what_the_cheap_model_cannot_say_the_strong_one_decides_and_is_named() -> None:
    strong = ScriptedModel([json.dumps({"p1": {"at": [1], "why": "said", "level": "met"}})])
    strong.name = strong.identity = "openai/x"
    cheap = ScriptedModel([{"Perhaps": 1.0}])
    grader = assemble(settings(model="local", strong_model="openai/x"), (cheap, strong)).grader
    grade = await grader.grade(rubric_of(1), RubricSet(), answer_of().received, Wish(judge="cascade"))
    assert (grade.judge.name, grade.points[0].verdict, grade.points[0].model) == ("cascade", "met", "openai/x")
    assert cheap.prompts
    assert len(strong.prompts) == 1


async def test_all_models_of_a_cascade_are_started_and_closed(tmp_path: Path) -> None:
    cheap, strong = tmp_path / "cheap.json", tmp_path / "strong.json"
    for script in (cheap, strong):
        script.write_text('["{}"]')
    closed: list[str] = []

    class Watched(Around):
        async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
            return await self._model.complete(prompt, timeout_seconds, on_text)

        async def close(self) -> None:
            closed.append(self.name)

    async with running(settings(model=f"scripted:{cheap}", strong_model=f"scripted:{strong}"), Watched) as service:
        assert len(service.models) == 2
    assert closed == ["scripted", "scripted"]


async def test_verdicts_are_kept_in_redis_only_where_an_address_is_set() -> None:
    in_redis = store_of(settings(redis_url="redis://127.0.0.1:9/0", secret="s"))
    assert isinstance(store_of(settings()), MemoryStore)
    assert isinstance(in_redis, RedisStore)
    await in_redis.close()


async def test_nothing_is_served_by_a_model_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(JudgeUnavailable, match=r"missing\.gguf"):
        async with running(settings(model=f"local:{tmp_path}/missing.gguf")):
            pass
    with pytest.raises(JudgeRefused, match="OPENAI_API_KEY"):
        async with running(settings(model="openai/gpt-4o-mini")):
            pass


async def test_the_rehearsal_asks_no_model_counts_nothing_and_finds_out_what_each_rubric_needs(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('["{}"]', encoding="utf-8")
    before = generate_latest(REGISTRY)
    async with running(settings(model=f"scripted:{script}", judge="one_call")) as service:
        told = [line for line in generate_latest(REGISTRY).decode().splitlines() if "grader_grades_total{" in line]
        assert [line for line in told if not line.endswith(" 0.0") and line not in before.decode()] == []
        asked = _keys_of.cache_info().misses
        rubric = service.catalog.listed[-1]
        Memory(service.store, "", service.grader.chain_for(Wish()), rubric)
        assert _keys_of.cache_info().misses == asked


async def test_a_default_judge_that_cannot_be_asked_is_told_at_the_request() -> None:
    hosted = settings(model="openai/own", api_base="http://127.0.0.1:9/v1", judge="per_criterion")
    async with running(hosted) as service:
        with pytest.raises(ImpossibleOption, match="odds"):
            service.grader.chain_for(Wish())
