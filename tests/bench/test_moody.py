"""The upstream's moods give what the service can read, and what it cannot, as they say."""

import json
from typing import Any

import pytest

from bench.moody import HOPELESS, Bill, Mood, Moody, tag_of, tagged
from service.catalog import read_catalog
from service.core.answer import Answer
from service.core.rubric import Rubric
from service.core.verdict import read_verdicts
from service.judges.one_call import reply_schema

_MODEL = "gpt-5-mini"


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    return read_catalog().rubric_for("2.2")


def _request(rubric: Rubric, answer: str) -> dict[str, Any]:
    schema = {"type": "json_schema", "json_schema": {"schema": reply_schema(rubric.judged)}}
    said = f"Question: {rubric.question}\n<answer-0>\n1: {answer}\n</answer-0>"
    return {"model": _MODEL, "messages": [{"role": "user", "content": said}], "response_format": schema}


def _verdicts(upstream: Moody, rubric: Rubric, answer: str) -> int:
    reply = upstream.text_for(_request(rubric, answer))
    return len(read_verdicts(reply, rubric.judged, Answer.of(answer).sentences, model="m", prompt="p"))


def test_every_level_that_it_makes_up_can_be_read_whatever_the_kind_of_criterion(rubric: Rubric) -> None:
    for good in (0.0, 0.5, 1.0):
        upstream = Moody(moods={_MODEL: Mood(good)})
        assert {_verdicts(upstream, rubric, "I did it.") for _ in range(20)} == {len(rubric.judged)}


def test_a_half_reply_leaves_criteria_out_and_prose_leaves_all_out(rubric: Rubric) -> None:
    assert _verdicts(Moody(moods={_MODEL: Mood(half=1)}), rubric, "I did it.") == len(rubric.judged) // 2
    assert _verdicts(Moody(moods={_MODEL: Mood(prose=1)}), rubric, "I did it.") == 0
    assert _verdicts(Moody(), rubric, f"I did it. {HOPELESS}") == 0


def test_input_is_cached_from_the_second_prompt_to_a_question_on(rubric: Rubric) -> None:
    upstream = Moody()
    usages = [upstream.usage_of(_request(rubric, answer * 500), "reply") for answer in ("one ", "two ")]
    cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in usages]
    # 2000 characters and more of answer and question: 60 % of some 550 tokens, in blocks of 128.
    assert cached == [0, 256]


def test_the_same_seed_says_the_same(rubric: Rubric) -> None:
    said = [[Moody().text_for(_request(rubric, "I did it.")) for _ in range(3)] for _ in range(2)]
    assert said[0] == said[1]


def test_a_tag_is_found_in_what_the_model_is_given() -> None:
    assert tag_of(f"1: {tagged('I did it.', 'now17')}\n2: more") == "now17"
    assert tag_of("I did it.") == ""


async def test_only_what_was_told_to_the_end_is_charged_for(rubric: Rubric) -> None:
    class _Gone:
        def __init__(self, gone: bool) -> None:
            self._gone = gone

        def at_eof(self) -> bool:
            return self._gone

    request = _request(rubric, tagged("I did it.", "now1"))
    for stream in (False, True):
        upstream = Moody(moods={_MODEL: Mood(seconds=0.0)})
        told = [piece async for piece in upstream._complete({**request, "stream": stream}, _Gone(False))]  # type: ignore[arg-type]
        assert told
        assert [(bill.model, bill.tag) for bill in upstream.bills] == [(_MODEL, "now1")]
        assert [piece async for piece in upstream._complete(request, _Gone(True))] == []  # type: ignore[arg-type]
        assert len(upstream.bills) == 1


def test_a_bill_is_what_the_usage_says(rubric: Rubric) -> None:
    upstream = Moody()
    request = _request(rubric, tagged("I did it.", "now1"))
    usage = upstream.usage_of(request, json.dumps({"p1": {}}))
    assert upstream._open[id(request)] == Bill(_MODEL, "now1", usage)
