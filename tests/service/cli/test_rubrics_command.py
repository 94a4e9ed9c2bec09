"""`grader rubrics` lists, shows and checks rubrics, and drafts new ones without harming what is there."""

from pathlib import Path

import pytest

from service.catalog import read_catalog
from service.cli.rubrics import joined
from tests.service.cli.command_line import RUBRIC, garden, grader

PAGE = """\
1. Apprentice Gardener Interview Questions and Answers
1.1. Which compost would you give a shaded bed, and why?
How to answer
- Name the compost
What not to say
- Recommending peat
1.2. Tell me about a time a plant of yours died. What did you do?
How to answer
- Use the STAR method: Situation, Task, Action, Result
- Say which plant it was
What not to say
- Blaming the weather
1.3. Which spade do you like?
Introduction
Nothing is advised here.
"""


def test_the_list_is_by_role_with_what_each_question_holds(tmp_path: Path) -> None:
    garden(tmp_path)
    (tmp_path / "garden" / "2.1.yaml").write_text('id: "2.1"\nquestion: Why?\npoints: [{id: p1, text: Says why}]\n')
    (tmp_path / "garden" / "_set.yaml").write_text("hidden: []\n")
    result = grader(tmp_path, "rubrics", "list", GRADER_RUBRICS_DIR="garden")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert ["Gardener"] in lines
    assert ["1.1", "A", "shaded", "bed", "technical", "2", "1"] in lines
    assert lines.index(["No", "role"]) < lines.index(["2.1", "Why?", "1", "0"])


def test_hidden_questions_are_not_listed_but_can_be_shown(tmp_path: Path) -> None:
    garden(tmp_path)
    (tmp_path / "garden" / "_set.yaml").write_text('hidden: ["1.1"]\n')
    assert "1.1" not in grader(tmp_path, "rubrics", "list", GRADER_RUBRICS_DIR="garden").stdout
    assert "A shaded bed" in grader(tmp_path, "rubrics", "show", "1.1", GRADER_RUBRICS_DIR="garden").stdout


def test_the_shipped_rubrics_are_the_ones_in_use_by_default(tmp_path: Path) -> None:
    result = grader(tmp_path, "rubrics", "list")
    assert all(rubric.id in result.stdout for rubric in read_catalog().listed if rubric.id)


def test_show_tells_all_that_a_rubric_says(tmp_path: Path) -> None:
    weighted = RUBRIC.replace("text: Names a compost", "text: 'Names a [compost]', weight: 2")
    garden(tmp_path, weighted)
    shown = grader(tmp_path, "rubrics", "show", "1.1", GRADER_RUBRICS_DIR="garden").stdout
    wanted = """Which compost would you give a shaded bed, and why?|Gardener · technical|p1 Names a [compost]|weight: 2
    met when: one compost is named|partial when: only the word compost is said|f1 Recommends peat|kind: commission
    committed when: peat is advised|Leaf mould, for it holds water."""
    for words in wanted.replace("\n", "|").split("|"):
        assert words.strip() in shown


def test_an_unknown_rubric_is_told_with_ids_like_it(tmp_path: Path) -> None:
    garden(tmp_path)
    result = grader(tmp_path, "rubrics", "show", "11", GRADER_RUBRICS_DIR="garden")
    assert result.exit_code == 2
    assert "near it: 1.1" in result.stderr


@pytest.mark.parametrize("words", [["list"], ["show", "1.1"], ["lint"]])
def test_a_folder_without_rubrics_and_an_unreadable_rubric_are_named(tmp_path: Path, words: list[str]) -> None:
    empty = grader(tmp_path, "rubrics", *words, GRADER_RUBRICS_DIR="nowhere")
    assert empty.exit_code == 2
    assert empty.stderr.startswith("nowhere: no rubrics")
    garden(tmp_path, 'id: "1.1"\nquestion: [what\n')
    broken = grader(tmp_path, "rubrics", *words, GRADER_RUBRICS_DIR="garden")
    assert broken.exit_code == 2
    assert broken.stderr.startswith("garden/1.1.yaml:3: not readable as YAML")


def test_lint_finds_nothing_in_a_sound_rubric(tmp_path: Path) -> None:
    rubric = RUBRIC + "assesses: Whether soils are known.\nsource: {document: page}\n"
    garden(tmp_path, rubric)
    result = grader(tmp_path, "rubrics", "lint", "--dir", "garden")
    assert result.stdout.strip() == "1 rubric, 0 findings"
    assert result.exit_code == 0


def test_lint_groups_what_it_finds_by_file_and_exits_with_1(tmp_path: Path) -> None:
    garden(tmp_path, RUBRIC.replace("one compost is named", "possibly a compost is named"))
    (tmp_path / "garden" / "_set.yaml").write_text("bands: {solid: 80}\n")
    result = grader(tmp_path, "rubrics", "lint", "--dir", "garden")
    assert result.exit_code == 1
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    assert lines[0] == "garden/1.1.yaml"
    assert any(line.startswith("p1 hedged") and "'possibly'" in line for line in lines)
    assert any(line.startswith("unreachable_band") for line in lines[lines.index("garden/_set.yaml") :])
    assert lines[-1].startswith("1 rubric, ")


def test_lint_lists_the_words_shared_with_a_page(tmp_path: Path) -> None:
    garden(tmp_path, RUBRIC + "assesses: Whether soils are known.\nsource: {document: page}\n")
    (tmp_path / "page.txt").write_text("WHICH compost would you give a shaded bed - and why? Because.\n")
    result = grader(tmp_path, "rubrics", "lint", "--dir", "garden", "--against", "page.txt")
    assert result.exit_code == 1
    assert "which compost would you give a shaded bed and why" in " ".join(result.stdout.split())
    assert "1 rubric, 1 finding" in result.stdout


def test_lint_against_a_page_that_is_not_there_names_it(tmp_path: Path) -> None:
    garden(tmp_path)
    result = grader(tmp_path, "rubrics", "lint", "--dir", "garden", "--against", "nowhere.txt")
    assert result.exit_code == 2
    assert result.stderr.startswith("nowhere.txt: cannot be read")


def test_runs_that_follow_one_another_are_joined_to_the_passage_they_were_cut_from() -> None:
    assert joined(["a b c", "b c d", "c d e", "x y z"]) == ["a b c d e", "x y z"]
    assert joined([]) == []


def test_import_drafts_a_file_a_question_and_counts(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(PAGE)
    words = ["page.txt", "--out", "drafts", "--prefix", "g-", "--document", "Book"]
    result = grader(tmp_path, "rubrics", "import", *words)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "2 questions",
        "3 points",
        "2 pitfalls",
        "1 STAR question: g-1.2",
        "skipped, no bullet under them: 1.3",
    ]
    catalog = read_catalog(tmp_path / "drafts")
    assert list(catalog.rubrics) == ["g-1.1", "g-1.2"]
    source = catalog.rubrics["g-1.1"].source
    assert source is not None
    assert (source.document, source.number) == ("Book", "1.1")


def test_import_goes_to_the_folder_in_use_and_calls_the_page_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(PAGE)
    assert grader(tmp_path, "rubrics", "import", "page.txt", GRADER_RUBRICS_DIR="mine").exit_code == 0
    source = read_catalog(tmp_path / "mine").rubrics["1.1"].source
    assert source is not None
    assert source.document == "page"


def test_a_dry_run_only_counts(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(PAGE)
    result = grader(tmp_path, "rubrics", "import", "page.txt", "--out", "drafts", "--dry-run")
    assert result.stdout.startswith("2 questions\n")
    assert not (tmp_path / "drafts").exists()


def test_import_overwrites_nothing_unless_forced_and_then_writes_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(PAGE)
    garden(tmp_path)
    refused = grader(tmp_path, "rubrics", "import", "page.txt", "--out", "garden")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("there already: garden/1.1.yaml; ")
    assert [path.name for path in (tmp_path / "garden").iterdir()] == ["1.1.yaml"]
    assert (tmp_path / "garden" / "1.1.yaml").read_text() == RUBRIC
    forced = grader(tmp_path, "rubrics", "import", "page.txt", "--out", "garden", "--force")
    assert forced.exit_code == 0
    assert "Name the compost" in (tmp_path / "garden" / "1.1.yaml").read_text()


@pytest.mark.parametrize(
    ("page", "words", "said"),
    [
        (b"Nothing is asked here.", [], "page.txt: no numbered question"),
        (b"\xff\xfe", [], "page.txt: is not UTF-8 text"),
        (PAGE.encode(), ["--prefix", "../"], "page.txt: question 1.1 makes no rubric: id: "),
        (PAGE.encode(), ["--out", "page.txt"], "page.txt: cannot be written"),
    ],
)
def test_a_page_that_makes_no_rubrics_or_has_nowhere_to_go_is_named(
    tmp_path: Path, page: bytes, words: list[str], said: str
) -> None:
    (tmp_path / "page.txt").write_bytes(page)
    result = grader(tmp_path, "rubrics", "import", "page.txt", "--out", "drafts", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert not (tmp_path / "drafts").exists()
