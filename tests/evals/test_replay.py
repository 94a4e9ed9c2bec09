"""Two recorded runs tell what a cascade of their judges would have said at every threshold."""

from pathlib import Path

import numpy as np
import pytest

from evals.replay import (
    SLACK,
    STEPS,
    Outcome,
    Step,
    Twice,
    best_of,
    choice_of,
    held_out,
    replay,
    replayed,
    sweep,
    twice_of,
)
from service.catalog import read_yaml
from service.core.rubric import PitfallKind
from service.judges.cascade import CHOSEN, Choice, Keep
from tests.evals.made_runs import (
    CATALOG,
    abstained_of,
    failed_of,
    golden_of,
    record_of,
    rubric_of,
    with_confidence,
)

MET, MISSED = 2, 0


def twice(confidence: float | None, cheap: int | None, strong: int | None, human: int, question: str = "q") -> Twice:
    return Twice(confidence, cheap, strong, human, question, cheap_usd=0.01, strong_usd=0.1)


FOUR = [
    twice(0.9, MET, MET, MET),
    twice(0.9, MISSED, MISSED, MISSED),
    twice(0.6, MISSED, MET, MET),
    twice(0.6, MISSED, MISSED, MISSED),
]


def at(steps: tuple[Step, ...], keep: float | None) -> tuple[float | None, ...]:
    return next(step.outcome for step in steps if step.keep == keep)


def outcome(kappa: float, escalated: float, cost_usd: float, undecided: int = 0) -> object:
    """About this outcome."""
    return pytest.approx((kappa, escalated, cost_usd, undecided))


@pytest.mark.parametrize(
    ("one", "keep", "level", "escalated"),
    [
        (twice(0.8, MET, MISSED, MET), 0.8, MET, False),
        (twice(0.79, MET, MISSED, MET), 0.8, MISSED, True),
        (twice(1.0, MET, MISSED, MET), None, MISSED, True),
        (twice(None, MET, MISSED, MET), 0.0, MISSED, True),
        (twice(0.9, None, MET, MET), 0.0, MET, True),
        # The strong judge could not say: the cheap one's word stands.
        (twice(0.5, MET, None, MET), 0.8, MET, True),
        (twice(0.5, None, None, MET), 0.8, None, True),
    ],
)
def test_a_criterion_is_decided_as_the_cascade_would(
    one: Twice, keep: float | None, level: int | None, escalated: bool
) -> None:
    assert (one.level(keep), one.escalated(keep)) == (level, escalated)


def test_each_threshold_has_its_agreement_its_share_escalated_and_its_cost() -> None:
    steps = sweep(FOUR, MET)
    # All kept: 3 of 4 agree; by chance (2·1 + 2·3) / 16 = 0.5; kappa (0.75 − 0.5) / 0.5. Cost 4 × 0.01.
    assert at(steps, 0.5) == outcome(0.5, 0.0, 0.04)
    # The two at 0.6 go to the strong judge, which is right on both: 2 × 0.1 more.
    assert at(steps, 0.7) == outcome(1.0, 0.5, 0.24)
    assert at(steps, None) == outcome(1.0, 1.0, 0.44)
    assert [step.keep for step in steps] == list(STEPS)


def test_each_judge_alone_stands_beside_it() -> None:
    found = replayed(FOUR, MET)
    assert found.cheap == outcome(0.5, 0.0, 0.04)
    assert found.strong == outcome(1.0, 1.0, 0.4)
    assert (found.criteria, found.questions, found.held_out) == (4, 1, None)


def test_the_least_escalation_that_is_as_good_as_the_best_is_chosen() -> None:
    chosen = best_of(sweep(FOUR, MET))
    assert chosen
    # 0.61 to 0.90 escalate the same two; of them the highest is the most cautious.
    assert (chosen.keep, chosen.outcome.escalated) == (0.9, 0.5)


@pytest.mark.parametrize(("lost", "keep"), [(SLACK / 2, 0.5), (SLACK * 2, 0.9)])
def test_a_little_kappa_is_given_up_for_fewer_calls_and_no_more_than_a_little(lost: float, keep: float) -> None:
    def step(threshold: float | None, kappa: float | None, escalated: float) -> Step:
        return Step(threshold, Outcome(kappa, escalated, None, 0))

    chosen = best_of([step(0.5, 0.8 - lost, 0.1), step(0.9, 0.8, 0.6), step(0.95, None, 0.0), step(None, 0.7, 1.0)])
    assert chosen
    assert chosen.keep == keep


def test_where_the_cheap_judge_is_as_good_nothing_is_escalated() -> None:
    same = [one._replace(strong=one.cheap) for one in FOUR]
    chosen = best_of(sweep(same, MET))
    assert chosen
    assert chosen.outcome.escalated == 0.0


def test_where_the_cheap_judge_is_surest_when_wrong_all_goes_to_the_strong_one() -> None:
    wrong = [twice(1.0, MISSED, MET, MET), twice(1.0, MET, MISSED, MISSED), twice(0.5, MET, MET, MET)]
    chosen = best_of(sweep(wrong, MET))
    assert chosen
    assert (chosen.keep, chosen.outcome.escalated) == (None, 1.0)


def test_without_both_levels_among_labels_and_verdicts_nothing_can_be_chosen() -> None:
    found = replayed([twice(0.9, MET, MET, MET)] * 3, MET)
    assert (found.chosen, found.cheap.kappa) == (None, None)
    assert best_of(()) is None
    choice = choice_of({"points": found}, "a test", "")
    assert choice.keep == Keep(points=None, pitfalls=None, star=None)


def test_each_question_is_judged_by_the_threshold_that_the_others_chose() -> None:
    # On a and b the cheap judge is right above 0.8; on c it is wrong at 0.9, which only c itself could have told.
    plain = [
        one._replace(question=question)
        for question in ("a", "b")
        for one in (twice(0.9, MET, MET, MET), twice(0.9, MISSED, MISSED, MISSED), twice(0.6, MISSED, MET, MET))
    ]
    odd = [twice(0.9, MET, MISSED, MISSED, "c"), twice(0.9, MISSED, MISSED, MISSED, "c")]
    found = held_out([*plain, *odd], MET)
    assert found
    # c, by what a and b choose: 0.9, so both are kept. a, by b and c, and b, by a and c: nothing is kept, as c is wrong
    # at 0.9. So 6 of 8 are escalated.
    assert (found.escalated, found.undecided) == (0.75, 0)
    # 7 of 8 agree. Human 4 met, judge 5: by chance (4·5 + 4·3) / 64 = 0.5; (0.875 − 0.5) / 0.5 = 0.75.
    assert found.kappa == pytest.approx(0.75)


def test_an_unknown_price_makes_only_those_outcomes_unknown_that_pay_it() -> None:
    steps = sweep([one._replace(strong_usd=None) for one in FOUR], MET)
    assert at(steps, 0.5) == outcome(0.5, 0.0, 0.04)
    assert at(steps, 0.7)[2] is None


# From records

GOLDEN = golden_of("g1", rubric_of("a", "b", f=PitfallKind.COMMISSION), a="met", b="missed", f=False)
OTHER = golden_of("g2", rubric_of("a", "b", f=PitfallKind.COMMISSION), a="met", b="partial", f=True)


def test_two_records_of_an_answer_are_laid_side_by_side() -> None:
    cheap = with_confidence(record_of(GOLDEN, {"a": "met", "b": "partial", "f": "avoided"}), {"a": 0.9, "f": 0.7})
    strong = record_of(GOLDEN, {"a": "met", "f": "committed"}, cost_usd=0.3)
    found = twice_of([GOLDEN], [cheap], [strong], CATALOG)
    assert [(t.confidence, t.cheap, t.strong, t.human) for t in found["points"]] == [(0.9, 2, 2, 2), (None, 1, None, 0)]
    assert [(t.confidence, t.cheap, t.strong, t.human) for t in found["pitfalls"]] == [(0.7, 0, 1, 0)]
    assert found["star"] == []
    # Three labelled criteria share an answer's 0.01 and 0.3.
    assert [t.cheap_usd for t in found["points"]] == pytest.approx([0.01 / 3, 0.01 / 3])
    assert [t.strong_usd for t in found["points"]] == pytest.approx([0.1, 0.1])


def test_a_disputed_verdict_has_no_confidence_to_be_kept_by() -> None:
    cheap = with_confidence(record_of(GOLDEN), {"a": 1.0, "b": 0.67}, disputed=("b",))
    found = twice_of([GOLDEN], [cheap], [record_of(GOLDEN)], CATALOG)
    assert [t.confidence for t in found["points"]] == [1.0, None]


def test_a_failed_record_leaves_it_to_the_other_judge() -> None:
    found = twice_of(
        [GOLDEN, OTHER], [failed_of(GOLDEN), record_of(OTHER)], [record_of(GOLDEN), failed_of(OTHER)], CATALOG
    )
    assert [(t.cheap, t.strong) for t in found["points"]] == [(None, 2), (None, 0), (2, None), (1, None)]


def test_answers_that_one_run_lacks_and_those_with_nothing_to_grade_are_left_out() -> None:
    found = twice_of([GOLDEN, OTHER], [record_of(GOLDEN), record_of(OTHER)], [record_of(GOLDEN)], CATALOG)
    assert len(found["points"]) == 2
    assert not any(twice_of([GOLDEN], [abstained_of(GOLDEN)], [record_of(GOLDEN)], CATALOG).values())


def test_of_several_readings_the_first_counts() -> None:
    cheap = [record_of(GOLDEN, {"a": "missed"}, reading=1), record_of(GOLDEN, {"a": "met"}, reading=0)]
    assert twice_of([GOLDEN], cheap, [record_of(GOLDEN)], CATALOG)["points"][0].cheap == 2


def test_a_replay_of_runs_becomes_a_file_that_a_cascade_can_read(tmp_path: Path) -> None:
    # A cheap judge that is right where it is sure and guesses where it is not; a strong one that is always right.
    rng = np.random.default_rng(1)
    golden = [
        golden_of(f"g{n}", rubric_of("a", "b", f=PitfallKind.COMMISSION), a=a, b=b, f=f)
        for n, (a, b, f) in enumerate([("met", "missed", True), ("missed", "met", False)] * 10)
    ]
    cheap = []
    for answer in golden:
        sure = {name: float(rng.choice([0.6, 0.95])) for name in ("a", "b")}
        levels = {
            name: answer.labels.points[name] if sure[name] > 0.9 else str(rng.choice(["met", "missed"]))
            for name in sure
        }
        cheap.append(with_confidence(record_of(answer, levels), sure))
    strong = [record_of(answer) for answer in golden]
    found = replay(golden, cheap, strong, CATALOG)
    assert set(found) == {"points", "pitfalls"}
    chosen = found["points"].chosen
    assert chosen
    assert (chosen.keep, chosen.outcome.kappa) == (0.95, 1.0)
    assert 0 < chosen.outcome.escalated < 1
    path = tmp_path / "cascade.json"
    path.write_text(choice_of(found, "a test", "twenty answers").model_dump_json())
    # The cheap run says nothing on pitfalls, so that every threshold escalates all of them.
    assert read_yaml(path, Choice).keep == Keep(points=0.95, pitfalls=None, star=None)
    assert read_yaml(CHOSEN, Choice).version == read_yaml(path, Choice).version
