"""The report as a page that stands alone, as Markdown and as JUnit: none of them lets a stranger's text steer it."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from evals.golden import GoldenAnswer
from evals.measures import Figure, Range
from evals.records import Record
from evals.report import Report, report_of
from evals.report.cells import Table, number, percent, signed, usd
from evals.report.disagreements import disagreements, pieces_of, ranked
from evals.report.figures import reliability, scores
from evals.report.html import html, standing
from evals.report.junit import junit
from evals.report.markdown import markdown, table_text
from evals.report.tables import headline
from evals.summary import HeadlineFigure
from service.core.grade import Evidence
from tests.evals.made_runs import CATALOG, TEXT, abstained_of, failed_of, golden_of, record_of, rubric_of, run_of

RUBRIC = rubric_of("p1", "p2", f1="commission")
HOSTILE = (
    "I took <script>alert(1)</script> leaf mould & peat. <img src=https://example.org/x> Shade keeps it damp, it does."
)
VOID = {"meta", "line", "circle", "path", "use", "rect", "img", "link", "br", "hr", "input"}


def golden() -> list[GoldenAnswer]:
    return [
        golden_of("a", RUBRIC, HOSTILE, tags=("weak",), p1="met", p2="missed", f1=False),
        golden_of("b", RUBRIC, TEXT, tags=("strong",), p1="met", p2="met", f1=False),
        golden_of("c", RUBRIC, "Leaf mould.", p1="missed", p2="partial", f1=True),
    ]


def records() -> list[Record]:
    a, b, c = golden()
    odds = {"p1": 0.2, "p2": 0.9, "f1": 0.1}
    return [
        record_of(a, {"p1": "missed", "p2": "met", "f1": "avoided"}, odds=odds, sentences=(1,)),
        record_of(b, odds={"p1": 0.8, "p2": 0.7, "f1": 0.2}),
        record_of(c, odds={"p1": 0.1, "p2": 0.5, "f1": 0.6}),
    ]


def report(*given: Record, before: list[Record] | None = None, answers: list[GoldenAnswer] | None = None) -> Report:
    earlier = run_of(*before) if before else None
    run = run_of(*(given or records()))
    return report_of(answers or golden(), run, CATALOG, np.random.default_rng(1), draws=20, before=earlier)


class Page(HTMLParser):
    """What stands in a page: its elements, what they would load, its text; an element left open is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = {name: value or "" for name, value in attrs}
        self.loads += [value for name, value in named.items() if name in ("src", "href", "data", "srcset", "action")]
        self.ids += [named["id"]] if "id" in named else []
        assert not [name for name in named if name.startswith("on")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_is_whole_and_loads_nothing_from_elsewhere() -> None:
    text = html(report(before=records()))
    page = Page(text)
    assert "script" not in page.tags
    assert "svg" in page.tags
    # Links lead within the page, and what a picture uses is in it.
    assert page.loads
    assert all(target.startswith("#") and target[1:] in page.ids for target in page.loads)
    assert not re.search(r"url\((?!#)|@import", text)
    assert len(page.ids) == len(set(page.ids))
    assert text.startswith("<!doctype html>")


def test_a_hostile_answer_is_shown_as_text() -> None:
    page = Page(html(report()))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "<script>alert(1)</script> leaf mould & peat." in page.text


def test_a_hostile_reason_error_and_setting_are_shown_as_text() -> None:
    a, b, _ = golden()
    failed = failed_of(b, 'JudgeRefused: </td><script src="https://example.org/x.js"></script>')
    record = records()[0]
    assert record.grade
    points = tuple(point.model_copy(update={"reason": "<b onclick=x>"}) for point in record.grade.points)
    told = record.model_copy(update={"grade": record.grade.model_copy(update={"points": points})})
    run = run_of(told, failed, model="<i>m</i>")
    page = Page(html(report_of([a, b], run, CATALOG, np.random.default_rng(1), draws=20)))
    assert "script" not in page.tags
    assert "<b onclick=x>" in page.text
    assert "JudgeRefused: </td><script" in page.text
    assert "Model: <i>m</i>." in page.text


def test_the_page_tells_headline_outcomes_and_where_the_two_differ() -> None:
    page = Page(html(report()))
    for wanted in (
        "Points: Cohen's kappa of met",
        "3 answers: 3 readings graded, 0 partial, 0 abstained,",
        "0 of 9 labelled criteria were left unassessed",
        "2 verdicts differ",
        "Names compost p1",
        "because of p2",
        "What was taken for what",
        "Cost and time",
        "point-v1@0123456789ab",
    ):
        assert wanted in page.text
    assert "unfinished" not in page.text
    assert "the run before" not in page.text


def test_an_unfinished_run_and_rubrics_that_changed_are_told_at_the_top() -> None:
    a, b, _ = golden()
    edited = RUBRIC.model_copy(
        update={"points": (RUBRIC.points[0].model_copy(update={"weight": 3.0}), RUBRIC.points[1])}
    )
    page = Page(html(report(record_of(a.model_copy(update={"rubric": edited})), abstained_of(b))))
    assert "The run is unfinished: 1 of 3 readings have no record." in page.text
    assert "1 readings were graded by rubrics that have changed since" in page.text


def test_a_run_in_which_all_failed_still_makes_a_page() -> None:
    page = Page(html(report(*(failed_of(answer) for answer in golden()))))
    assert "3 failed" in page.text
    assert "undefined" in page.text
    assert page.text.count("JudgeTimedOut: the deadline passed") == 3


def test_repeats_and_pairs_have_a_section_only_where_there_are_some() -> None:
    assert "Noise and fairness" not in Page(html(report())).text
    twins = [
        golden_of(f"x-{side}", RUBRIC, tags=("pair:x", f"side:{side}", "fairness:typed-transcript"), p1="met", f1=False)
        for side in "ab"
    ]
    readings = [record_of(answer, reading=number) for answer in twins for number in (0, 1)]
    found = report(*readings, answers=twins)
    text = Page(html(found)).text
    assert "Readings against each other" in text
    assert "2 readings. Two readings' scores of one answer differ by 0.0 points of 100 in the mean (2 answers)." in text
    assert "typed-transcript 1 0.0 0.0 0.0 x undefined 0 %" in text
    assert "| typed-transcript |" in markdown(found)


def test_before_stands_beside_now() -> None:
    page = Page(html(report(before=[failed_of(golden()[0]), *records()[1:]])))
    assert "Beside the run before" in page.text
    assert "Compared with the run before, on the same items: before 1.00, change 0.00" in page.text


def test_the_worst_disagreements_come_first_and_bear_the_human_rule_and_the_evidence() -> None:
    first, second = disagreements(report())
    # a's p1: met by the human, missed at probability 0.2: 1 − 0.2 off. Its p2: missed, met at 0.9: 0.9 off.
    assert [(case.pair.criterion_id, case.human, case.judge) for case in (first, second)] == [
        ("p2", "missed", "met"),
        ("p1", "met", "missed"),
    ]
    assert [piece.text for piece in first.pieces if piece.marked] == [HOSTILE[: HOSTILE.index(" <img")]]
    assert "".join(piece.text for piece in first.pieces) == HOSTILE
    assert len(disagreements(report(), most=1)) == 1


def test_levels_that_are_further_apart_are_worse_than_surer_ones() -> None:
    answer = golden_of("a", RUBRIC, p1="partial", p2="met")
    record = record_of(answer, {"p1": "met", "p2": "missed"}, odds={"p1": 1.0, "p2": 0.6})
    found = ranked(report(record, answers=[answer]).material)
    assert [pair.criterion_id for pair in found] == ["p2", "p1"]


def test_an_answer_with_a_rule_shows_it() -> None:
    answer = golden_of("a", "2.2", p3="met", f3=True)
    first, second = disagreements(report(record_of(answer, {"p3": "missed", "f3": "avoided"}), answers=[answer]))
    assert [name for name, _ in first.rules] == ["met when", "partial when"]
    assert [name for name, _ in second.rules] == ["committed when", "should be there"]


def test_pieces_hold_the_whole_text_whatever_the_evidence() -> None:
    def spans(*places: tuple[int, int]) -> list[Evidence]:
        return [Evidence(start=start, end=end, text="") for start, end in places]

    assert [tuple(piece) for piece in pieces_of("abcdef", spans((4, 6), (1, 2)))] == [
        ("a", False),
        ("b", True),
        ("cd", False),
        ("ef", True),
    ]
    # Evidence that overlaps says nothing twice.
    assert "".join(piece.text for piece in pieces_of("abcdef", spans((0, 4), (2, 5)))) == "abcdef"
    assert [tuple(piece) for piece in pieces_of("ab", [])] == [("ab", False)]


def test_pictures_take_their_colours_from_the_page_and_say_nothing_of_nothing() -> None:
    found = report()
    pictures = (reliability(found.summary.verdicts), scores(found.material.readings))
    for picture in pictures:
        assert picture.startswith("<svg viewBox=")
        assert "http" not in picture
        assert not re.search(r"#[0-9a-f]{6}\b", picture)
        assert "var(--points)" in picture
    empty = report(*(failed_of(answer) for answer in golden()))
    assert (reliability(empty.summary.verdicts), scores(empty.material.readings)) == ("", "")


def test_the_same_run_makes_the_same_page() -> None:
    assert html(report()) == html(report())


@pytest.mark.parametrize(
    ("low", "high", "floors", "said"),
    [
        (0.6, 0.8, {"length": 0.5, "overlap": 0.55}, "above the floors"),
        (0.6, 0.8, {"length": 0.7, "overlap": 0.55}, "not told apart from length"),
        (0.6, 0.8, {"length": 0.9, "overlap": 0.55}, "below what length alone reaches"),
        (0.6, 0.8, {"length": 0.9, "overlap": 0.85}, "below what length and word overlap alone reach"),
        (0.6, 0.8, {"length": None, "overlap": None}, ""),
    ],
)
def test_a_figure_is_said_to_stand_above_the_floors_only_with_its_whole_interval(
    low: float, high: float, floors: dict[str, float | None], said: str
) -> None:
    figure = Figure(value=0.7, n=9, answers=Range(low=low, high=high))
    item = HeadlineFigure.model_validate({"name": "points_auc", "title": "t", "figure": figure, "floors": floors})
    assert standing(item) == said


def test_markdown_tells_the_same_headline_and_reads_no_text_as_markup() -> None:
    found = report(*records()[:2], failed_of(golden()[2], "JudgeRefused: | no"), before=records())
    text = markdown(found)
    assert "| Points: Cohen's kappa of met | " in text
    for cell in headline(found.summary, found.comparison).rows[0]:
        assert cell.text in text
    widths = {line.count(" | ") for line in text.split("## Headline")[1].split("##")[0].splitlines() if line[:1] == "|"}
    assert len(widths) == 1
    assert "per\\_criterion" in text
    awkward = Table("A | *b*", ("x",), ())
    assert table_text(awkward).splitlines()[0] == "## A \\| \\*b\\*"


def test_junit_has_a_case_an_answer_which_fails_on_failure_and_on_scores_far_off() -> None:
    a, b, c = golden()
    failed = failed_of(b, "JudgeRefused: <no>\x00\x1b[31m \ud800")
    root = ElementTree.fromstring(junit(report(records()[0], failed, record_of(c, reading=1))))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {a.id, b.id, "c (reading 1)"}
    failures = {name: case.find("failure") for name, case in cases.items()}
    message = failures["b"].get("message") if failures["b"] is not None else None
    assert message == "JudgeRefused: <no>��[31m �"
    # a: by the human (1 + 0) / 2 = 50, by the judge (0 + 1) / 2 = 50: both wrong, and the score right.
    assert failures["a"] is None
    assert failures["c (reading 1)"] is None
    properties = {item.get("name"): item.get("value") for item in root.iter("property")}
    assert properties["star_auc"] == "undefined"
    assert set(properties) == {"points_auc", "points_kappa", "pitfalls_auc", "star_auc", "score_spearman"}


def test_a_score_more_than_25_points_off_fails_in_junit() -> None:
    a = golden()[0]
    near, far = (
        record_of(a, {"p1": "met", "p2": "partial", "f1": "avoided"}),
        record_of(a, {"p1": "met", "p2": "met", "f1": "avoided"}),
    )
    # The human's is 50. Near: 75, exactly 25 off. Far: 100.
    assert "<failure" not in junit(report(near)).decode()
    assert "score 100, the human&apos;s 50" in junit(report(far)).decode().replace("'", "&apos;")


def test_figures_are_written_plainly() -> None:
    assert [number(0.005), number(-0.001), number(None), number(1, 1)] == ["0.01", "0.00", "undefined", "1.0"]
    assert [signed(0.1), signed(-0.1), signed(-0.001), signed(None)] == ["+0.10", "-0.10", "0.00", "undefined"]
    assert [percent(0.126), percent(None), usd(1234.5), usd(None)] == ["13 %", "undefined", "$1,234.5000", "unknown"]
