"""Under which slot an answer and under which key a verdict is remembered: what asks again, and what does not."""

from typing import Any

import pytest

from service.cache import slot_of, verdict_key
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point, StarCriterion, StarPart
from tests.service.stores import PITFALL, POINT


class TestSlot:
    def test_is_the_same_for_the_same_owner_and_answer_and_no_other(self) -> None:
        slots = {
            slot_of(secret, owner, fingerprint)
            for secret in (b"one", b"two")
            for owner, fingerprint in [
                ("ab", "c"),
                ("a", "bc"),
                ("", "abc"),
                ("abc", ""),
                ('a", "b', "c"),
                ("a", 'b", "c'),
            ]
        }
        assert len(slots) == 2 * 6
        assert slot_of(b"one", "ab", "c") == slot_of(b"one", "ab", "c")

    def test_is_64_hex_digits_whatever_the_owner_is_called(self) -> None:
        for owner in ("open", "Łukasz", "", "\ud800"):
            slot = slot_of(b"secret", owner, "f")
            assert len(slot) == 64
            assert set(slot) <= set("0123456789abcdef")


def key(criterion: Criterion, judge: str = "j", template: str = "t", question: str = "q") -> str:
    return verdict_key(judge, template, question, criterion)


class TestVerdictKey:
    @pytest.mark.parametrize("criterion", [POINT, PITFALL])
    @pytest.mark.parametrize("change", [{"id": "other"}, {"weight": 2.5}])
    def test_a_new_id_or_weight_asks_nothing_again(self, criterion: Point | Pitfall, change: dict[str, Any]) -> None:
        assert key(criterion.model_copy(update=change)) == key(criterion)

    @pytest.mark.parametrize(
        ("criterion", "change"),
        [
            (POINT, {"text": "names two trade-offs"}),
            (POINT, {"met_when": None}),
            (POINT, {"partial_when": "half"}),
            (POINT, {"met_when": POINT.partial_when, "partial_when": POINT.met_when}),
            (PITFALL, {"text": "blames the tools"}),
            (PITFALL, {"kind": PitfallKind.OMISSION}),
            (PITFALL, {"expected": None}),
            (PITFALL, {"committed_when": "others are named"}),
            (StarCriterion(part=StarPart.TASK), {"part": StarPart.ACTION}),
        ],
    )
    def test_a_change_of_content_asks_again(self, criterion: Criterion, change: dict[str, Any]) -> None:
        assert key(criterion.model_copy(update=change)) != key(criterion)

    def test_another_judge_template_or_question_asks_again(self) -> None:
        keys = {key(POINT), key(POINT, judge="k"), key(POINT, template="u"), key(POINT, question="r")}
        assert len(keys) == 4

    def test_neighbouring_parts_cannot_be_shifted_into_one_another(self) -> None:
        assert key(POINT, judge="ab", template="c") != key(POINT, judge="a", template="bc")

    def test_a_point_and_a_pitfall_of_the_same_words_are_two_things(self) -> None:
        assert key(Point(id="x", text="same")) != key(Pitfall(id="x", text="same"))

    def test_is_32_hex_digits_and_stays_the_same_between_releases(self) -> None:
        # A change here forgets, in effect, every verdict that was ever remembered.
        assert key(Point(id="p1", text="Größe")) == "3f3fc4ddb736be79f573f51c3faaee68"
