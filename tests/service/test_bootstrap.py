"""Settings become a service: which model, which judge over it, which store."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.bootstrap import assemble, model_of, running, store_of
from service.cache import MemoryStore, RedisStore
from service.core.errors import BadFile, ImpossibleOption, JudgeRefused, JudgeUnavailable
from service.models.scripted import ScriptedModel
from service.settings import Settings


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
    assert local._chain(None)[0].name == "per_criterion"
    assert hosted._chain(None)[0].name == "one_call"
    assert chosen._chain(None)[0].name == "one_call"


def test_a_model_without_odds_cannot_be_asked_by_criterion() -> None:
    grader = assemble(settings(model="openai/x"), (without_odds("openai/x"),)).grader
    with pytest.raises(ImpossibleOption, match="openai/x"):
        grader._chain("per_criterion")


def test_a_fallback_without_odds_is_asked_in_one_call() -> None:
    models = (ScriptedModel(["{}"]), without_odds("openai/x"))
    chain = assemble(settings(model="local", fallback_models="openai/x"), models).grader._chain("per_criterion")
    assert [judge.name for judge in chain] == ["per_criterion", "one_call"]


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


def test_keys_that_nobody_would_check_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="not built yet"):
        settings(api_keys_file=tmp_path / "keys")
