"""The fake says what it was told to, in turn, and keeps what it was asked."""

import pytest

from service.core.errors import JudgeTimedOut
from service.core.prompt import Prompt
from service.models.scripted import ScriptedModel

PROMPT = Prompt(system="s", user="u", most_tokens=9)


async def test_lines_come_in_turn_and_the_last_for_ever() -> None:
    model = ScriptedModel(["one", "two"])
    assert [(await model.complete(PROMPT, 1)).text for _ in range(4)] == ["one", "two", "two", "two"]
    assert model.prompts == [PROMPT] * 4


async def test_odds_are_given_as_such_and_the_likeliest_token_is_the_text() -> None:
    completion = await ScriptedModel([{"Yes": 0.2, "No": 0.8}]).complete(PROMPT, 1)
    assert (completion.text, completion.first_token_odds) == ("No", {"Yes": 0.2, "No": 0.8})


async def test_an_error_is_raised_and_a_function_is_asked() -> None:
    with pytest.raises(JudgeTimedOut):
        await ScriptedModel([JudgeTimedOut("slow")]).complete(PROMPT, 1)
    assert (await ScriptedModel(lambda prompt: prompt.user * 2).complete(PROMPT, 1)).text == "uu"


async def test_a_listener_is_told_the_text_piece_by_piece_and_gets_it_whole() -> None:
    told: list[str] = []
    completion = await ScriptedModel(["one two three"], seconds=0.01).complete(PROMPT, 1, told.append)
    assert len(told) > 1
    assert "".join(told) == completion.text == "one two three"


async def test_a_line_that_takes_longer_than_there_is_has_timed_out() -> None:
    told: list[str] = []
    for on_text in (None, told.append):
        with pytest.raises(JudgeTimedOut, match="60 seconds"):
            await ScriptedModel(["one"], seconds=60).complete(PROMPT, 0.01, on_text)
