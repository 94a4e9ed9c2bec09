"""Several readings vote: two that agree decide, the rest is read again, and what stays apart is said to be disputed."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence

import pytest

from service.catalog import read_prompts
from service.core.errors import JudgeUnavailable
from service.core.prompt import PromptTemplate
from service.core.rubric import Criterion, Pitfall, Point, StarCriterion, StarPart
from service.core.verdict import Level, Mention, Verdict
from service.judges import Case, Judge, Judgement, prompts_of
from service.judges.one_call import OneCall
from service.judges.panel import Panel, Rotated, voted
from service.models.scripted import ScriptedModel
from tests.builders import answer_of, verdict_of

TEMPLATES = read_prompts()
P1, P2, P3 = (Point(id=f"p{n}", text=f"Names the reason number {n}") for n in (1, 2, 3))
F1 = Pitfall(id="f1", text="Blames the weather")
PART = StarCriterion(part=StarPart.RESULT)
Said = Mapping[str, Level | Verdict | None]


class Reader:
    """A judge that gives these verdicts, whatever it is asked; None where it leaves a criterion out.

    With `fails_after` it fails once it has given so many.
    """

    name, rounds = "reader", 1

    def __init__(self, said: Said, fails_after: int | None = None, template: str = "grade-v1") -> None:
        self.model = ScriptedModel(["{}"])
        self.identity = "reader"
        self.asked: list[list[str]] = []
        self._said, self._fails_after, self._template = said, fails_after, TEMPLATES[template]

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        return self._template

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        self.asked.append([criterion.id for criterion in criteria])
        for given, criterion in enumerate(criteria):
            if given == self._fails_after:
                raise JudgeUnavailable("gone")
            said = self._said.get(criterion.id)
            if said is not None:
                verdict = verdict_of(criterion.id, said, 1) if isinstance(said, str) else said
                yield Judgement(verdict, 0.01)


def case() -> Case:
    return Case("Why?", answer_of(4), "0123456789abcdef", lambda: 60.0)


async def judged(panel: Judge, *criteria: Criterion) -> list[Judgement]:
    return [judgement async for judgement in panel.assess(case(), criteria)]


async def levels(panel: Judge, *criteria: Criterion) -> dict[str, Level]:
    return {j.verdict.criterion_id: j.verdict.level for j in await judged(panel, *criteria)}


async def test_where_the_first_two_agree_the_third_is_not_asked() -> None:
    readers = [Reader({"p1": "met", "p2": "met"}), Reader({"p1": "met", "p2": "missed"}), Reader({"p2": "missed"})]
    first, second = await judged(Panel(readers), P1, P2)
    assert [reader.asked for reader in readers] == [[["p1", "p2"]], [["p1", "p2"]], [["p2"]]]
    assert (first.verdict.level, first.verdict.confidence, first.verdict.disputed) == ("met", 1.0, False)
    # 2 of 3 said missed.
    assert (second.verdict.level, second.verdict.confidence, second.verdict.disputed) == ("missed", 0.6667, True)
    assert [first.cost_usd, second.cost_usd] == pytest.approx([0.02, 0.03])


async def test_a_panel_in_agreement_asks_no_third_at_all() -> None:
    readers = [Reader({"p1": "partial"}), Reader({"p1": "partial"}), Reader({"p1": "met"})]
    assert await levels(Panel(readers), P1) == {"p1": "partial"}
    assert readers[2].asked == []


@pytest.mark.parametrize(
    ("criterion", "votes", "level", "confidence"),
    [
        (P1, ["met", "met"], "met", 1.0),
        (P1, ["met", "missed", "met"], "met", 0.6667),
        # One vote each: the median of missed, partial, met.
        (P1, ["met", "missed", "partial"], "partial", 0.3333),
        # Halfway between met (2) and missed (0) lies partial (1), which nobody said.
        (P1, ["met", "missed"], "partial", 0.0),
        # Halfway between neighbours lies no level: the lower, for silence earns nothing.
        (P1, ["met", "partial"], "partial", 0.5),
        (P1, ["partial", "missed"], "missed", 0.5),
        # Two met, two missed, one partial: 0 0 1 2 2 has the median 1.
        (P1, ["met", "missed", "met", "missed", "partial"], "partial", 0.2),
        (PART, ["present", "absent"], "partial", 0.0),
        (PART, ["absent", "present", "absent"], "absent", 0.6667),
        (F1, ["committed", "avoided", "committed"], "committed", 0.6667),
    ],
)
def test_most_votes_decide_and_a_tie_goes_to_the_median(
    criterion: Criterion, votes: list[Level], level: Level, confidence: float
) -> None:
    verdict = voted(criterion, [verdict_of(criterion.id, vote, 1) for vote in votes])
    assert verdict
    assert (verdict.level, verdict.confidence) == (level, confidence)
    assert verdict.disputed is (len(set(votes)) > 1)


def test_a_pitfall_in_a_tie_goes_where_its_mean_probability_lies_and_without_odds_nowhere() -> None:
    def vote(level: Level, probability: float | None) -> Verdict:
        return verdict_of("f1", level).model_copy(update={"probability": probability})

    # (0.9 + 0.4) / 2 = 0.65 and (0.6 + 0.1) / 2 = 0.35.
    committed = voted(F1, [vote("committed", 0.9), vote("avoided", 0.4)])
    avoided = voted(F1, [vote("committed", 0.6), vote("avoided", 0.1)])
    assert (committed and committed.level, avoided and avoided.level) == ("committed", "avoided")
    assert committed
    assert (committed.confidence, committed.probability, committed.disputed) == (0.5, 0.65, True)
    assert voted(F1, [vote("committed", None), vote("avoided", None)]) is None
    assert voted(F1, [vote("committed", 0.6), vote("avoided", 0.4)]) is None


@pytest.mark.parametrize(
    ("votes", "probability"),
    [
        ([("met", 0.8), ("met", 0.9)], 0.85),
        # Without odds a level counts as what it earns: (1 + 0.5 + 0) / 3.
        ([("met", None), ("partial", None), ("missed", None)], 0.5),
        ([("met", None), ("met", None)], 1.0),
    ],
)
def test_the_probability_is_the_mean_of_the_readings(
    votes: list[tuple[Level, float | None]], probability: float
) -> None:
    verdict = voted(P1, [verdict_of("p1", v, 1).model_copy(update={"probability": p}) for v, p in votes])
    assert verdict
    assert verdict.probability == pytest.approx(probability)


def test_evidence_and_reason_are_those_of_the_first_reading_that_gave_the_level() -> None:
    def vote(level: Level, sentence: int) -> Verdict:
        return verdict_of("p1", level, sentence).model_copy(update={"reason": f"see {sentence}"})

    most = voted(P1, [vote("missed", 1), vote("met", 2), vote("met", 3)])
    assert most
    assert (most.sentences, most.reason) == ((2,), "see 2")
    # Nobody said partial: what the higher reading saw is all there is to show.
    between = voted(P1, [vote("missed", 1), vote("met", 4)])
    assert between
    assert (between.level, between.sentences, between.reason) == ("partial", (4,), "see 4")


def test_a_pitfalls_mention_goes_with_its_level() -> None:
    votes = [
        verdict_of("f1", "committed", 2, mention=Mention.ASSERTS),
        verdict_of("f1", "avoided", mention=Mention.WARNS),
        verdict_of("f1", "avoided", mention=Mention.NONE),
    ]
    verdict = voted(F1, votes)
    assert verdict
    assert (verdict.level, verdict.mention, verdict.sentences) == ("avoided", Mention.WARNS, ())


async def test_a_criterion_that_only_one_reading_could_read_is_left_out() -> None:
    panel = Panel([Reader({"p1": "met", "p2": "met"}), Reader({"p1": "met"}), Reader({"p1": "met"})])
    assert await levels(panel, P1, P2) == {"p1": "met"}


async def test_two_votes_count_whichever_readings_they_are_from() -> None:
    third = Reader({"p1": "met"})
    assert await levels(Panel([Reader({"p1": "met"}), Reader({}), third, Reader({"p1": "missed"})]), P1) == {
        "p1": "met"
    }
    assert third.asked == [["p1"]]


async def test_what_two_readings_dispute_is_decided_by_them_where_the_third_cannot_read_it() -> None:
    panel = Panel([Reader({"p1": "met"}), Reader({"p1": "missed"}), Reader({})])
    [judgement] = await judged(panel, P1)
    assert (judgement.verdict.level, judgement.verdict.disputed) == ("partial", True)


async def test_what_was_agreed_before_a_failure_stands_and_what_was_not_is_left_out() -> None:
    panel = Panel([Reader({"p1": "met", "p2": "met"}), Reader({"p1": "met", "p2": "met"}, fails_after=1)])
    judgements = panel.assess(case(), (P1, P2))
    assert (await anext(judgements)).verdict.criterion_id == "p1"
    with pytest.raises(JudgeUnavailable):
        await anext(judgements)


async def test_a_failure_of_the_third_leaves_what_is_in_dispute_undecided() -> None:
    panel = Panel([Reader({"p1": "met"}), Reader({"p1": "missed"}), Reader({}, fails_after=0)])
    with pytest.raises(JudgeUnavailable):
        await judged(panel, P1)


async def test_a_vote_that_is_not_final_is_no_vote() -> None:
    class Unsure(Reader):
        async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
            async for judgement in super().assess(case, criteria):
                yield judgement._replace(final=False)

    assert await levels(Panel([Unsure({"p1": "met"}), Reader({"p1": "missed"}), Reader({"p1": "missed"})]), P1) == {
        "p1": "missed"
    }


async def test_an_unknown_price_of_one_reading_makes_the_sum_unknown() -> None:
    free = ScriptedModel([reply(p1="met")], cost_usd=0.0)
    unpriced = ScriptedModel([reply(p1="met")], cost_usd=None)
    panel = Panel([OneCall(model, TEMPLATES["grade-v1"]) for model in (free, unpriced)])
    [judgement] = await judged(panel, P1)
    assert judgement.cost_usd is None


@pytest.mark.parametrize("readings", [0, 1])
def test_a_panel_of_fewer_than_two_is_none(readings: int) -> None:
    with pytest.raises(ValueError, match=f"two readings or more, and was given {readings}"):
        Panel([Reader({})] * readings)


# One call, in rotated order


def reply(**said: str) -> str:
    return json.dumps({name: {"at": [1], "why": "said", "level": level} for name, level in said.items()})


def rotated(model: ScriptedModel, turns: int) -> list[Judge]:
    return [Rotated(OneCall(model, TEMPLATES["grade-v1"]), turn, turns) for turn in range(turns)]


def orders(model: ScriptedModel) -> list[list[str]]:
    """The criteria of each prompt, in their order."""
    wanted = ("p1", "p2", "p3")
    return [[line[:2] for line in prompt.user.splitlines() if line[:2] in wanted] for prompt in model.prompts]


async def test_each_reading_in_one_call_meets_the_criteria_in_another_order() -> None:
    model = ScriptedModel(
        [reply(p1="met", p2="met", p3="met"), reply(p1="missed", p2="missed", p3="missed"), reply(p1="met")]
    )
    await judged(Panel(rotated(model, 3)), P1, P2, P3)
    # Turn by turn a third of the three is moved from the head to the end; the last reply lacks two, asked once more.
    assert orders(model)[:3] == [["p1", "p2", "p3"], ["p2", "p3", "p1"], ["p3", "p1", "p2"]]
    assert sorted(orders(model)[3]) == ["p2", "p3"]


@pytest.mark.parametrize("turns", [2, 3, 4, 5])
async def test_the_first_two_readings_differ_in_order_where_there_are_two_criteria(turns: int) -> None:
    model = ScriptedModel([reply(p1="met", p2="met")])
    await judged(Panel(rotated(model, turns)), P1, P2)
    assert orders(model) == [["p1", "p2"], ["p2", "p1"]]


async def test_no_two_readings_of_a_single_criterion_are_the_same_prompt() -> None:
    model = ScriptedModel([reply(p1=level) for level in ("met", "missed", "partial", "met", "missed")])
    await judged(Panel(rotated(model, 5)), P1)
    assert len({prompt.user for prompt in model.prompts}) == 5
    alone = ScriptedModel([reply(p1="met")])
    await judged(OneCall(alone, TEMPLATES["grade-v1"]), P1)
    assert model.prompts[0] == alone.prompts[0]


async def test_what_a_reading_left_unreadable_is_asked_again_within_that_reading() -> None:
    model = ScriptedModel([reply(p1="met"), reply(p2="met"), reply(p1="met", p2="met")])
    assert await levels(Panel(rotated(model, 2)), P1, P2) == {"p1": "met", "p2": "met"}
    assert orders(model) == [["p1", "p2"], ["p2"], ["p2", "p1"]]


# Whose verdicts they are


def test_verdicts_of_more_readings_are_never_taken_for_those_of_fewer() -> None:
    model = ScriptedModel(["{}"])
    judges: list[Judge] = [OneCall(model, TEMPLATES["grade-v1"]), *(Panel(rotated(model, k)) for k in (2, 3))]
    assert len({judge.identity for judge in judges}) == 3


def test_every_wording_that_shapes_a_verdict_is_known() -> None:
    panel = Panel([Reader({}, template="point-v1"), Reader({}, template="star-v1"), Reader({}, template="point-v1")])
    assert panel.prompt_for(P1) == TEMPLATES["point-v1"]
    assert prompts_of(panel, P1) == (TEMPLATES["point-v1"], TEMPLATES["star-v1"])
    assert prompts_of(Reader({}, template="star-v1"), P1) == (TEMPLATES["star-v1"],)
