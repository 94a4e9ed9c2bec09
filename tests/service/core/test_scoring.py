"""The score is the contract's formula, unknown is never zero, and the bounds hold whatever comes to be known."""

from collections.abc import Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.rubric import Bands, LevelValues, Pitfall, Point, Rubric, RubricSet, StarPart
from service.core.scoring import Score, band_of, score
from service.core.verdict import Level, Verdict, Verdicts

RULES = RubricSet()
PARTS = [part.value for part in StarPart]
LETTERS: Mapping[str, Level] = {
    "m": "met", "h": "partial", "x": "missed", "c": "committed", "a": "avoided", "p": "present", "n": "absent",
}  # fmt: skip


def rubric_of(points: str = "", pitfalls: str = "", *, star: bool = False, derived: bool = False) -> Rubric:
    """Weights as "3 1"; ids p1, p2 …, f1, f2 …; `derived`: the last point is decided by STAR."""
    weights = [float(weight) for weight in points.split()]
    deciders: list[Literal["judge", "star"]] = ["judge"] * len(weights)
    if derived:
        deciders[-1] = "star"
    return Rubric(
        question="Why?",
        star=star or derived,
        points=tuple(
            Point(id=f"p{n}", text="a point", weight=weight, decided_by=by)
            for n, (weight, by) in enumerate(zip(weights, deciders, strict=True), 1)
        ),
        pitfalls=tuple(
            Pitfall(id=f"f{n}", text="a pitfall", weight=float(weight)) for n, weight in enumerate(pitfalls.split(), 1)
        ),
    )


def verdicts_of(points: str = "", pitfalls: str = "", star: str = "") -> dict[str, Verdict]:
    """A letter each, in order: m(et) h(alf) x (missed), c(ommitted) a(voided), p(resent) h(alf) n(ot); - unassessed."""
    ids = [f"p{n}" for n in range(1, len(points) + 1)] + [f"f{n}" for n in range(1, len(pitfalls) + 1)] + PARTS
    said = zip(ids, points + pitfalls + star, strict=False)
    return {name: Verdict(criterion_id=name, level=LETTERS[letter]) for name, letter in said if letter != "-"}


def test_points_count_by_weight() -> None:
    # (3·1 + 1·0) / 4 = 0.75
    assert score(rubric_of("3 1"), verdicts_of("mx"), RULES) == Score(75.0, (75.0, 75.0), "solid", 0.75, None, 0.0)


def test_a_point_met_in_part_earns_half() -> None:
    # (1·1 + 1·0.5 + 2·0) / 4 = 0.375
    assert score(rubric_of("1 1 2"), verdicts_of("mhx"), RULES).score == 37.5


def test_star_is_a_fifth_of_the_score_where_it_is_asked_for() -> None:
    # points 1/2; parts (1 + 0.5 + 0 + 1)/4 = 0.625; 0.8·0.5 + 0.2·0.625 = 0.525
    told = score(rubric_of("1 1", star=True), verdicts_of("mx", star="phnp"), RULES)

    assert (told.points, told.star, told.score) == (0.5, 0.625, 52.5)


def test_pitfalls_take_off_up_to_three_tenths_by_weight() -> None:
    rubric = rubric_of("1", "1 3")

    # 0.3 · 1/4 = 0.075; 0.3 · 3/4 = 0.225; 0.3 · 4/4 = 0.3
    assert score(rubric, verdicts_of("m", "ca"), RULES)[0::5] == (92.5, 0.075)
    assert score(rubric, verdicts_of("m", "ac"), RULES)[0::5] == (77.5, 0.225)
    assert score(rubric, verdicts_of("m", "cc"), RULES)[0::5] == (70.0, 0.3)
    assert score(rubric, verdicts_of("m", "aa"), RULES)[0::5] == (100.0, 0.0)


def test_the_whole_sum_of_the_contract() -> None:
    # points (3 + 1 + 0)/5 = 0.8; parts 3/4; deduction 0.3·1/4: 0.8·0.8 + 0.2·0.75 − 0.075 = 0.715
    graded = score(rubric_of("3 1 1", "1 3", star=True), verdicts_of("mmx", "ca", "pnpp"), RULES)

    assert graded == Score(71.5, (71.5, 71.5), "solid", 0.8, 0.75, 0.075)


def test_a_score_stops_at_0() -> None:
    # 0.25 − 0.3 is below 0
    assert score(rubric_of("1 3", "1"), verdicts_of("mx", "c"), RULES).score == 0.0


@pytest.mark.parametrize(
    ("weights", "levels", "parts", "expected"),
    [
        ("57 23", "mx", "", 71.3),  # 57/80 = 0.7125: 71.25 goes up, though round() would go to the even 71.2
        ("1 15", "mx", "", 6.3),  # 6.25
        ("3 13", "mx", "", 18.8),  # 18.75
        ("1 2", "mx", "", 33.3),  # 33.33…
        ("2 1", "mx", "", 66.7),  # 66.66…
        ("0.1 0.2", "xm", "", 66.7),  # 0.1 + 0.2 is not 0.3 to a float
        ("0.7125 0.2875", "mx", "", 71.3),  # 71.25 but for the float's noise
        ("0.1 0.7 0.2", "mmx", "", 80.0),  # 0.1 + 0.7 is 0.7999999999999999 to a float
        ("1 1 1 1", "mmhx", "phnn", 57.5),  # 0.8·0.625 + 0.2·0.375 = 0.575
        ("1 3 4", "hxm", "pppp", 65.0),  # 0.8·4.5/8 + 0.2 = 0.65
    ],
)
def test_a_score_has_one_decimal_half_up(weights: str, levels: str, parts: str, expected: float) -> None:
    assert score(rubric_of(weights, star=bool(parts)), verdicts_of(levels, star=parts), RULES).score == expected


@pytest.mark.parametrize("weight", ["1e308", "5e-324"])
def test_weights_at_the_ends_of_what_a_float_holds_still_make_a_mean(weight: str) -> None:
    # (w + w/2 + 0)/3w = 0.5, less 0.3 · w/2w = 0.15; yet 3·1e308 is infinite, and half of 5e-324 is 0
    rubric = rubric_of(f"{weight} {weight} {weight}", f"{weight} {weight}")

    assert score(rubric, verdicts_of("mhx", "ca"), RULES).score == 35.0


def test_a_rubric_without_points_has_no_score_but_a_deduction() -> None:
    assert score(rubric_of(pitfalls="1 1"), verdicts_of(pitfalls="ca"), RULES) == Score(
        None, None, None, None, None, 0.15
    )


def test_where_no_point_is_decided_the_score_is_unknown_and_the_bounds_are_not() -> None:
    # least: 0.8·0 + 0.2·(1 + 0 + 0 + 0)/4 = 0.05; most: 0.8 + 0.2·(1 + 0 + 1 + 1)/4 = 0.95
    unknown = score(rubric_of("1 1", star=True), verdicts_of("--", star="pn--"), RULES)

    assert unknown == Score(None, (5.0, 95.0), None, None, 0.5, 0.0)


def test_where_nothing_is_decided_all_is_unknown() -> None:
    # most: all is met and no pitfall committed
    assert score(rubric_of("1", "1", star=True), {}, RULES) == Score(None, (0.0, 100.0), None, None, None, None)


def test_the_mean_is_that_of_the_decided_points_alone() -> None:
    # decided: (1·1 + 1·0)/2 = 0.5; least (1 + 0 + 0)/4 = 0.25; most (1 + 0 + 2)/4 = 0.75
    assert score(rubric_of("1 1 2"), verdicts_of("mx-"), RULES)[:2] == (50.0, (25.0, 75.0))


def test_points_stand_alone_where_star_is_wholly_unassessed() -> None:
    # 0.5; least 0.8·0.5 + 0.2·0 = 0.4; most 0.8·0.5 + 0.2·1 = 0.6
    graded = score(rubric_of("1 1", star=True), verdicts_of("mx", star="----"), RULES)

    assert graded == Score(50.0, (40.0, 60.0), "developing", 0.5, None, 0.0)


def test_star_is_the_mean_of_its_decided_parts() -> None:
    # (1 + 0.5)/2 = 0.75: 0.8·1 + 0.2·0.75 = 0.95; least 0.8 + 0.2·1.5/4 = 0.875; most 0.8 + 0.2·3.5/4 = 0.975
    assert score(rubric_of("1", star=True), verdicts_of("m", star="ph--"), RULES)[:2] == (95.0, (87.5, 97.5))


def test_star_parts_do_not_count_where_no_story_is_asked_for() -> None:
    assert score(rubric_of("1"), verdicts_of("m", star="nnnn"), RULES)[:2] == (100.0, (100.0, 100.0))


def test_an_undecided_pitfall_takes_nothing_off_the_score_and_all_it_could_off_the_lower_bound() -> None:
    # committed 1 of 4: 1 − 0.075 = 0.925; least, both committed: 1 − 0.3 = 0.7
    assert score(rubric_of("1", "1 3"), verdicts_of("m", "c-"), RULES)[:2] == (92.5, (70.0, 92.5))


def test_the_deduction_is_unknown_where_no_pitfall_is_decided_and_0_where_there_is_none() -> None:
    assert score(rubric_of("1", "1"), verdicts_of("m", "-"), RULES).deduction is None
    assert score(rubric_of("1"), verdicts_of("m"), RULES).deduction == 0.0


@pytest.mark.parametrize(
    ("parts", "points"),
    [("pppp", 1.0), ("ppph", 0.5), ("pphn", 0.5), ("phhh", 0.0), ("nnnn", 0.0), ("ppn-", 0.5), ("nnp-", None)],
)
def test_a_point_decided_by_star_follows_from_the_parts_that_are_present(parts: str, points: float | None) -> None:
    assert score(rubric_of("1", derived=True), verdicts_of(star=parts), RULES).points == points


def test_a_point_that_star_cannot_decide_yet_is_taken_as_missed_and_as_met_in_the_bounds() -> None:
    # p1 missed, p2 open (two parts present, two unknown): 0.8·0 + 0.2·1 = 0.2
    # least 0.8·(0 + 0)/2 + 0.2·2/4 = 0.1; most 0.8·(0 + 1)/2 + 0.2·4/4 = 0.6
    assert score(rubric_of("1 1", derived=True), verdicts_of("x-", star="pp--"), RULES)[:2] == (20.0, (10.0, 60.0))

    # p1 met, p2 open (one present, one absent): 0.8·1 + 0.2·1/2 = 0.9
    # least 0.8·(1 + 0)/2 + 0.2·1/4 = 0.45; most 0.8·(1 + 1)/2 + 0.2·3/4 = 0.95
    assert score(rubric_of("1 1", derived=True), verdicts_of("m-", star="pn--"), RULES)[:2] == (90.0, (45.0, 95.0))


def test_silence_earns_nothing() -> None:
    silent = score(rubric_of("1 2", "1 1", derived=True), verdicts_of("x-", "aa", "nnnn"), RULES)

    assert silent == Score(0.0, (0.0, 0.0), "weak", 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("band", "scores"),
    [("weak", (0, 39.9)), ("developing", (40, 59.9)), ("solid", (60, 79.9)), ("strong", (80, 100)), (None, (None,))],
)
def test_a_band_begins_at_its_least_score(band: str | None, scores: tuple[float | None, ...]) -> None:
    assert {band_of(rounded, Bands()) for rounded in scores} == {band}


def test_the_band_is_that_of_the_rounded_score() -> None:
    graded = [score(rubric_of(weights), verdicts_of("mx"), RULES) for weights in ("7994 2006", "7995 2005")]

    assert [(g.score, g.band) for g in graded] == [(79.9, "solid"), (80.0, "strong")]  # of 79.94 and 79.95


def test_other_weights_levels_shares_and_bands_score_the_same_verdicts_anew() -> None:
    verdicts = verdicts_of("mhx", "c", "pnnn")
    rubric = rubric_of("1 1 1", "1", star=True)

    def scored(rules: RubricSet, weighed: Rubric = rubric) -> tuple[float | None, str | None]:
        result = score(weighed, verdicts, rules)
        return result.score, result.band

    # 0.8·0.5 + 0.2·0.25 − 0.3 = 0.15
    assert scored(RULES) == (15.0, "weak")
    # points (2 + 0.5 + 0)/4 = 0.625: 0.5 + 0.05 − 0.3 = 0.25
    assert scored(RULES, rubric_of("2 1 1", "1", star=True)) == (25.0, "weak")
    # points (1 + 0.25 + 0)/3: 0.8·1.25/3 + 0.05 − 0.3 = 0.0833…
    assert scored(RubricSet(level_values=LevelValues(partial=0.25))) == (8.3, "weak")
    # 0.5·0.5 + 0.5·0.25 − 0.3 = 0.075
    assert scored(RubricSet(points_share=0.5, star_share=0.5)) == (7.5, "weak")
    # 0.4 + 0.05 − 0.1 = 0.35
    assert scored(RubricSet(max_deduction=0.1)) == (35.0, "weak")
    assert scored(RubricSet(bands=Bands(developing=10, solid=15, strong=20))) == (15.0, "solid")


@st.composite
def rubrics(draw: st.DrawFn) -> Rubric:
    weights = st.floats(min_value=0.01, max_value=100).map(str)
    return rubric_of(
        " ".join(draw(st.lists(weights, min_size=1, max_size=5))),
        " ".join(draw(st.lists(weights, max_size=4))),
        star=draw(st.booleans()),
        derived=draw(st.booleans()),
    )


def judged(rubric: Rubric, *, unassessed: bool = True) -> st.SearchStrategy[dict[str, Verdict]]:
    """Verdicts on some criteria, or on all of them."""
    gap = "-" if unassessed else ""

    def letters(each: str, n: int) -> st.SearchStrategy[str]:
        return st.text(each + gap, min_size=n, max_size=n)

    asked = sum(p.decided_by == "judge" for p in rubric.points)
    return st.builds(
        lambda points, pitfalls, star: verdicts_of(points.ljust(len(rubric.points), "-"), pitfalls, star),
        letters("mhx", asked),
        letters("ca", len(rubric.pitfalls)),
        letters("phn", 4 if rubric.star else 0),
    )


@given(st.data())
def test_score_and_bounds_stay_between_0_and_100_in_order(data: st.DataObject) -> None:
    rubric = data.draw(rubrics())
    graded = score(rubric, data.draw(judged(rubric)), RULES)

    assert graded.bounds is not None
    assert 0 <= graded.bounds[0] <= graded.bounds[1] <= 100
    if graded.score is not None:
        assert graded.bounds[0] <= graded.score <= graded.bounds[1]


@given(st.data())
def test_what_comes_to_be_known_moves_the_score_within_its_bounds_only(data: st.DataObject) -> None:
    rubric = data.draw(rubrics())
    known = data.draw(judged(rubric))
    whole = {**data.draw(judged(rubric, unassessed=False)), **known}
    before, after = score(rubric, known, RULES), score(rubric, whole, RULES)

    assert before.bounds is not None
    assert after.score is not None
    assert before.bounds[0] <= after.score <= before.bounds[1]


@given(st.data())
def test_bounds_meet_in_the_score_where_all_is_assessed(data: st.DataObject) -> None:
    rubric = data.draw(rubrics())
    graded = score(rubric, data.draw(judged(rubric, unassessed=False)), RULES)

    assert graded.bounds == (graded.score, graded.score)


def never_lower(rubric: Rubric, verdicts: Verdicts, best: Mapping[str, Level]) -> bool:
    """Whether no score falls when one criterion after the other is given its best level."""
    before = score(rubric, verdicts, RULES).score
    raised = [{**verdicts, name: Verdict(criterion_id=name, level=level)} for name, level in best.items()]
    afters = [score(rubric, known, RULES).score for known in raised]
    return before is None or all(after is not None and after >= before for after in afters)


@given(st.data())
def test_one_more_point_met_or_pitfall_avoided_never_lowers_the_score(data: st.DataObject) -> None:
    rubric = data.draw(rubrics())
    best: dict[str, Level] = {p.id: "met" for p in rubric.points if p.decided_by == "judge"}
    best |= {f.id: "avoided" for f in rubric.pitfalls}

    assert never_lower(rubric, data.draw(judged(rubric)), best)


@given(st.data())
def test_one_more_part_told_never_lowers_the_score_of_a_story_assessed_as_a_whole(data: st.DataObject) -> None:
    rubric = data.draw(rubrics().filter(lambda rubric: rubric.star))

    assert never_lower(rubric, data.draw(judged(rubric, unassessed=False)), dict.fromkeys(PARTS, "present"))
