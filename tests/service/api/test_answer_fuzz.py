"""Whatever an answer is made of, POST /grade grades it or says what is wrong, and its spans are the answer's own."""

import json
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.api.served import served

LONGEST = 20_000
RUBRIC = {
    "question": "Tell me how you mended a leak.",
    "star": True,
    "points": [{"id": "p1", "text": "Names the cause"}, {"id": "p2", "text": "Names the cure"}],
    "pitfalls": [{"id": "f1", "text": "Blames a colleague"}],
}
WORDS = "We found the leak under the sink, and I changed the seal on Monday. "
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
COMBINING = "".join(chr(c) for c in range(0x300, 0x370)) + "\u0483\u0e31\u0e4d\u3099\u20dd\ufe20"
EMOJI = (
    "👩‍👩‍👧‍👦",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "👍🏽",
    "1\ufe0f\u20e3",
    "❤️",
    "🇵🇹",
)


def sample_of_every_script() -> dict[str, str]:
    """Some letters of each script, by the first word of their Unicode names."""
    letters: dict[str, list[str]] = {}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character)[0] == "L":
            found = letters.setdefault(unicodedata.name(character, "UNNAMED").split()[0], [])
            if len(found) < 30:
                found.append(character)
    return {script: "".join(found) for script, found in letters.items()}


SCRIPTS = sample_of_every_script()
pieces = st.one_of(
    st.sampled_from(
        [WORDS, WORDS.upper(), "\n", "\r\n", " ", "\t", "。", "．．．", "\x00", "\x1b[2J", "\ufeff", "\ufffd"]
    ),
    st.sampled_from(EMOJI),
    st.sampled_from(list(SCRIPTS.values())),
    st.text(BIDI, min_size=1, max_size=4),
    st.text(COMBINING, min_size=1, max_size=40),
    st.characters(categories=["Cs"]),  # half of a surrogate pair
    st.text(max_size=20),
    st.sampled_from(["</answer>", "{{ 7 * 7 }}", "<|im_start|>", "\\", '"', "\\ud800", "'; --", "{% raw %}"]),
)
answers = st.lists(pieces, max_size=30).map("".join)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served() as address, httpx.Client(base_url=address, timeout=60) as opened:
        yield opened


def graded(client: httpx.Client, answer: str) -> dict[str, Any]:
    """The grade of an answer, which has to be one; its spans are checked."""
    body = json.dumps({"rubric": RUBRIC, "answer": answer})  # escaped: so half a surrogate pair can be sent too
    reply = client.post("/grade", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 200, reply.text
    grade: dict[str, Any] = reply.json()
    received = "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in answer)
    for span in spans_in(grade):
        assert 0 <= span["start"] < span["end"] <= len(answer)
        assert received[span["start"] : span["end"]] == span["text"]
    for flag in grade["flags"]:
        assert 0 <= flag["start"] <= flag["end"] <= len(answer)
    return grade


def spans_in(grade: dict[str, Any]) -> list[dict[str, Any]]:
    star = [part for part in (grade["star"] or {}).values() if isinstance(part, dict) and "evidence" in part]
    return [span for part in (*grade["points"], *grade["pitfalls"], *star) for span in part["evidence"]]


def test_any_text_is_graded_and_its_evidence_stands_where_it_says(client: httpx.Client) -> None:
    @settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(answers)
    def holds(answer: str) -> None:
        assert graded(client, answer)["status"] in ("graded", "partial", "abstained")

    holds()


@pytest.mark.parametrize(
    "answer",
    [
        "\x00" * 300,
        WORDS + "\x00" + WORDS,
        WORDS + "\ud83d" + WORDS + "\udc4d\ud800",
        (WORDS * 400)[:LONGEST],
        "a" * LONGEST,
        "\u0301" * LONGEST,
        WORDS + "e" + "\u0301" * 15_000,
        "Z" + COMBINING * 150,
        "👩‍👩‍👧‍👦" * 1500,
        BIDI * 1500,
        WORDS + "\u202e" + WORDS[::-1] + "\u202c",
        "ﷺ" * 5000,  # one character that normalising makes eighteen of
        "ｶﾞ" * 5000,
        " \n" * 10_000,
        "." * LONGEST,
        "。" * LONGEST,
        ("\u1100\u1161\u11a8" * 5000)[:LONGEST],
        "1. " * 6000,
    ],
    ids=lambda answer: f"{answer[:12]!a} {len(answer)}",
)
def test_floods_and_extremes_are_graded_too(answer: str, client: httpx.Client) -> None:
    assert len(answer) <= LONGEST
    graded(client, answer)


def test_evidence_in_every_script_there_is(client: httpx.Client) -> None:
    assert len(SCRIPTS) > 150
    evidence = 0
    for script, letters in SCRIPTS.items():
        words = [letters[at : at + 4] for at in range(0, len(letters), 4)]
        evidence += len(spans_in(graded(client, f"{script} {' '.join(words)}. {WORDS}")))
    assert evidence > len(SCRIPTS)


def test_one_character_too_many_is_refused_by_name(client: httpx.Client) -> None:
    reply = client.post("/grade", json={"rubric": RUBRIC, "answer": "é" * (LONGEST + 1)})
    assert (reply.status_code, reply.json()["title"]) == (413, "Answer too long")
    assert "20,000" in reply.json()["detail"]
