"""What holds of every reply a judge could write: nothing comes of what was not asked, or is not in the answer."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from service.core.answer import Answer
from service.core.grade import evidence_of
from service.core.verdict import LONGEST_REASON, MOST_EVIDENCE, Mention, Verdict, read_verdicts
from tests.builders import COMMISSION, OMISSION, ONLY, rubric_of, untimed

ANSWER = Answer.of(
    "We dug\u200b first.  Then ﬁve 👩‍👩‍👧‍👦 came! 雨が降った。 In e\u0301te\u0301 it held.\r\nI'd do it again, sooner."
)
CRITERIA = rubric_of(3, COMMISSION, OMISSION, ONLY, star=True).judged
IDS = [criterion.id for criterion in CRITERIA]

levels = st.sampled_from(["met", "partial", "missed", "present", "absent"])
entries = st.fixed_dictionaries(
    {"at": st.lists(st.integers(-2, 9), max_size=12), "why": st.text(max_size=300), "level": levels},
    optional={"as": st.sampled_from([mention.value for mention in Mention])},
)
strangers = st.sampled_from(["p4", "f9", "p", "task2", "P 1", "", "verdicts", "p1 ", "__proto__"])
replies = st.dictionaries(st.sampled_from(IDS) | strangers, entries, max_size=14).map(json.dumps)
# What a talkative model puts around its JSON. No braces or quotes: those could be another entry's.
noise = st.text(st.characters(categories=["L", "N", "P", "Z"], exclude_characters='{}[]"\\:,'), max_size=40)
wrappings = st.sampled_from(["{}", "```json\n{}\n```", "<think>so</think>\n{}", '{{"verdicts": {}}}'])


def read(reply: str) -> list[Verdict]:
    return read_verdicts(reply, CRITERIA, ANSWER.sentences, model="m", prompt="p@0")


@untimed
@given(st.text() | replies)
@example('{"p1": {"at": [1], "level": "met"}')
def test_no_verdict_is_on_what_was_not_asked_nor_two_on_one(reply: str) -> None:
    found = [verdict.criterion_id for verdict in read(reply)]
    assert set(found) <= set(IDS)
    assert len(set(found)) == len(found)


@untimed
@given(replies)
def test_evidence_stands_in_the_answer_as_received_in_order_and_apart(reply: str) -> None:
    for verdict in read(reply):
        spans = evidence_of(ANSWER, verdict)
        assert len(verdict.sentences) <= MOST_EVIDENCE
        assert all(0 <= span.start < span.end <= len(ANSWER.received) for span in spans)
        assert all(ANSWER.received[span.start : span.end] == span.text for span in spans)
        assert all(a.end <= b.start for a, b in pairwise(spans))


@untimed
@given(replies)
def test_a_reason_is_short_one_line_and_can_be_sent_on(reply: str) -> None:
    for verdict in read(reply):
        reason = verdict.reason
        assert reason is None or (0 < len(reason) <= LONGEST_REASON and len(reason.splitlines()) == 1)
        assert verdict.model_dump_json().encode()


@untimed
@given(
    replies, noise, noise, st.sampled_from(["{}", "```json\n{}\n```", "<think>so</think>\n{}", '{{"verdicts": {}}}'])
)
def test_noise_around_a_reply_changes_nothing(reply: str, before: str, after: str, wrapping: str) -> None:
    assert read(f"{before}\n{wrapping.format(reply)}\n{after}") == read(reply)


@untimed
@given(replies, st.sampled_from([None, 0, 1, 4]), st.booleans())
def test_how_json_is_laid_out_and_escaped_changes_nothing(reply: str, indent: int | None, ascii_only: bool) -> None:
    document: Any = json.loads(reply)
    assert read(json.dumps(document, indent=indent, ensure_ascii=ascii_only)) == read(reply)


@untimed
@given(replies)
def test_reading_the_same_reply_again_reads_the_same(reply: str) -> None:
    assert read(reply) == read(reply)
    first = [verdict.criterion_id for verdict in read(reply)]
    twice = read(reply + reply)
    assert [verdict.criterion_id for verdict in twice] == first
