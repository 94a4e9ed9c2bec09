"""What ships can be read, and a bad file stops the service with its name, its line and the mend."""

from pathlib import Path

import pytest

from service.catalog import Catalog, read_catalog, read_json, read_prompts, read_yaml, yaml_text
from service.core.errors import BadFile, UnknownQuestion
from service.core.rubric import Bands, LevelValues, Rubric, RubricSet

PAGE = """\
id: "2.2"
title: Bees
question: How do you keep bees?
points:
  - id: p1
    text: names the hive
    weight: 2
"""


def told_of(file: Path) -> str:
    """What is said of a bad rubric file, without its folder's name."""
    with pytest.raises(BadFile) as bad:
        read_catalog(file.parent)
    return str(bad.value).replace(f"{file.parent}/", "")


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name.replace('_', '.')}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shipped() -> Catalog:
    return read_catalog()


def test_the_twenty_shipped_rubrics_load_in_the_order_of_their_numbers(shipped: Catalog) -> None:
    lengths = {1: 2, 2: 3, 3: 3, 4: 3, 5: 3, 6: 3, 7: 3}

    assert list(shipped.rubrics) == [f"{part}.{n}" for part, last in lengths.items() for n in range(1, last + 1)]
    assert [rubric.id for rubric in shipped.listed] == list(shipped.rubrics)


def test_the_shipped_rubrics_hold_136_points_and_80_pitfalls(shipped: Catalog) -> None:
    assert sum(len(rubric.points) for rubric in shipped.rubrics.values()) == 136
    assert sum(len(rubric.pitfalls) for rubric in shipped.rubrics.values()) == 80


def test_star_is_asked_for_where_the_page_asks_for_a_past_experience(shipped: Catalog) -> None:
    derived = [name for name, r in shipped.rubrics.items() if any(p.decided_by == "star" for p in r.points)]

    assert " ".join(name for name, r in shipped.rubrics.items() if r.star) == "1.1 2.2 3.1 4.2 5.2 6.1 6.2 7.2"
    assert " ".join(derived) == "2.2 3.1 4.2 5.2 6.2 7.2"


def test_the_shipped_set_holds_the_contracts_numbers(shipped: Catalog) -> None:
    rules = shipped.rules

    assert (rules.points_share, rules.star_share, rules.max_deduction) == (0.8, 0.2, 0.3)
    assert rules.level_values == LevelValues(met=1, partial=0.5, missed=0)
    assert rules.bands == Bands(developing=40, solid=60, strong=80)
    assert set(rules.hidden) <= set(shipped.rubrics)


def test_every_shipped_rubric_says_where_it_comes_from(shipped: Catalog) -> None:
    for name, rubric in shipped.rubrics.items():
        assert rubric.source is not None
        assert rubric.source.number == name


def test_a_question_without_a_rubric_is_unknown_by_name(shipped: Catalog) -> None:
    assert shipped.rubric_for("2.2").id == "2.2"
    with pytest.raises(UnknownQuestion, match=r"'9\.9'"):
        shipped.rubric_for("9.9")


def test_a_number_is_no_text_so_10_comes_after_9(tmp_path: Path) -> None:
    names = ["1.10", "1.9", "10.1", "2.1", "bees"]
    catalog = read_catalog(written(tmp_path, **{name: PAGE.replace("2.2", name) for name in names}))

    assert list(catalog.rubrics) == ["1.9", "1.10", "2.1", "10.1", "bees"]


def test_files_that_begin_with_an_underscore_are_no_rubrics(tmp_path: Path) -> None:
    written(tmp_path, **{"2.2": PAGE})
    (tmp_path / "_set.yaml").write_text('hidden: ["2.2"]\nbands: {solid: 65}\n')
    (tmp_path / "_notes.yaml").write_text("nothing: of this kind\n")
    catalog = read_catalog(tmp_path)

    assert list(catalog.rubrics) == ["2.2"]
    assert catalog.listed == ()
    assert catalog.rubric_for("2.2").title == "Bees"
    assert catalog.rules == RubricSet(bands=Bands(solid=65), hidden=("2.2",))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title:", "titel:", "2.2.yaml:2: titel: unknown key; take it out, or check its spelling"),
        ("weight:", "wieght:", "2.2.yaml:7: points.0.wieght: unknown key"),
        ("    text: names the hive\n", "", "2.2.yaml:5: points.0.text: is missing; add it"),
        ("question: How do you keep bees?\n", "", "2.2.yaml:1: question: is missing; add it"),
        ("names the hive", "", "2.2.yaml:6: points.0.text: must be text; fill it in"),
        ("names the hive", '" "', "2.2.yaml:6: points.0.text: String should have at least 1 character"),
        ("names the hive", "[a, hive]", "2.2.yaml:6: points.0.text: must be text"),
        ("names the hive", "7", "2.2.yaml:6: points.0.text: must be text; fill it in, or put it in quotes"),
        ('"2.2"', "2.2", "2.2.yaml:1: id: must be text; fill it in, or put it in quotes"),
        ('"2.2"', '"2.3"', "2.2.yaml:1: id is '2.3'; it must be the file's name, '2.2'"),
        ('id: "2.2"\n', '# Bees\n\nid: "2.3"\n', "2.2.yaml:3: id is '2.3'; it must be the file's name, '2.2'"),
        ('id: "2.2"\n', "", "2.2.yaml:1: id is None; it must be the file's name, '2.2'"),
        ("weight: 2", "weight: 0", "2.2.yaml:7: points.0.weight: a weight is a finite number above 0; leave"),
        ("weight: 2", "weight: .nan", "2.2.yaml:7: points.0.weight: Input should be a finite number"),
        ("weight: 2", "weight: heavy", "2.2.yaml:7: points.0.weight: Input should be a valid number"),
        ("weight: 2", "decided_by: star", "2.2.yaml:1: the file: a point is decided_by: star, so the rubric needs"),
        ("  - id: p1", "    id: p1", "2.2.yaml:4: points: must be a list; begin each item with a dash"),
        ("  - id: p1", "  - id: p 1", "2.2.yaml:5: points.0.id: String should match pattern"),
        ("title: Bees", "title: [Bees", "2.2.yaml:3: not readable as YAML: "),
        ("title: Bees", "title: Bees: a tale", "2.2.yaml:2: not readable as YAML: "),
        ("title: Bees", "\ttitle: Bees", "2.2.yaml:2: not readable as YAML: "),
        ("title: Bees", "title: Bees\ntitle: Wasps", "2.2.yaml:3: not readable as YAML: found duplicate key"),
        ("title: Bees", "title: 2024-13-45", "2.2.yaml: not readable as YAML: month must be in 1..12"),
        ("title: Bees", "title: B\x07s", "2.2.yaml: not readable as YAML: unacceptable character #x0007"),
        ("title: Bees", "title: Bees\n---\ntitle: Wasps", "2.2.yaml:3: not readable as YAML: but found another"),
    ],
)
def test_a_broken_rubric_is_told_by_file_line_and_mend(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in PAGE
    written(tmp_path, **{"2.2": PAGE.replace(old, new)})

    assert told_of(tmp_path / "2.2.yaml").startswith(told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "2.2.yaml: the file: must be made of `key: value` lines"),
        (b"# nothing yet\n", "2.2.yaml: the file: must be made of `key: value` lines"),
        (b"- id: p1\n- id: p2\n", "2.2.yaml:1: the file: must be made of `key: value` lines"),
        (b"bees\n", "2.2.yaml:1: the file: must be made of `key: value` lines"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "2.2.yaml: cannot be read as UTF-8 text: "),
        (b"PK\x03\x04\x00\x00", "2.2.yaml: not readable as YAML: unacceptable character"),
    ],
)
def test_a_file_that_holds_no_rubric_at_all_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "2.2.yaml").write_bytes(content)

    assert told_of(tmp_path / "2.2.yaml").startswith(told)


def test_all_that_is_wrong_in_a_file_is_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, **{"2.2": PAGE.replace("title", "titel").replace("weight: 2", "weight: -1")})
    told = told_of(tmp_path / "2.2.yaml").splitlines()

    assert sorted(line.split(": ")[0] for line in told) == ["2.2.yaml:2", "2.2.yaml:7"]


def test_one_bad_file_stops_all_the_rest(tmp_path: Path) -> None:
    written(tmp_path, **{"2.2": PAGE, "3.1": PAGE})

    assert told_of(tmp_path / "3.1.yaml") == "3.1.yaml:1: id is '2.2'; it must be the file's name, '3.1'"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max_deduction: 0.3\nband: {solid: 65}\n", "_set.yaml:2: band: unknown key"),
        ("bands:\n  solid: many\n", "_set.yaml:2: bands.solid: Input should be a valid number"),
        ("hidden: []\npoints_share: 0.9\n", "_set.yaml:2: points_share and star_share must add up to 1"),
        ("hidden: []\nlevel_values: {partial: 2}\n", "_set.yaml:2: level_values must rise: missed, partial, met"),
    ],
)
def test_a_set_by_which_no_sound_score_can_be_made_is_told(tmp_path: Path, text: str, told: str) -> None:
    written(tmp_path, **{"2.2": PAGE})
    (tmp_path / "_set.yaml").write_text(text)

    assert told_of(tmp_path / "_set.yaml").startswith(told)


@pytest.mark.parametrize("folder", [".", "nowhere"])
def test_a_folder_without_rubrics_is_told(tmp_path: Path, folder: str) -> None:
    with pytest.raises(BadFile, match="no rubrics"):
        read_catalog(tmp_path / folder)


def test_a_missing_file_is_told_and_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"2\.2\.yaml: cannot be read"):
        read_yaml(tmp_path / "2.2.yaml", Rubric)


def test_what_is_written_as_yaml_reads_back_the_same(tmp_path: Path) -> None:
    rubric = Rubric.model_validate(
        {"id": "2.2", "question": "How: really? " + "Why " * 60, "points": [{"id": "p1", "text": "2.10 – yes"}]}
    )
    file = tmp_path / "2.2.yaml"
    file.write_text(yaml_text(rubric.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")

    assert read_yaml(file, Rubric) == rubric
    assert max(len(line) for line in file.read_text(encoding="utf-8").splitlines()) <= 120


def prompts(folder: Path, released: str = "{}", **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.md").write_text(text, encoding="utf-8")
    (folder / "released.yaml").write_text(released, encoding="utf-8")
    return folder


def told_of_prompts(folder: Path) -> str:
    with pytest.raises(BadFile) as bad:
        read_prompts(folder)
    return str(bad.value).replace(f"{folder}/", "")


def test_the_shipped_prompts_load_and_none_has_changed_since_its_release() -> None:
    kinds = ("neutral", "point", "commission", "omission", "only", "star")
    wanted = {"grade-v1", *(f"{kind}-{version}" for kind in kinds for version in ("v1", "v2"))}
    assert wanted <= read_prompts().keys()


def test_a_released_prompt_that_has_not_changed_is_read(tmp_path: Path) -> None:
    digest = read_prompts(prompts(tmp_path, one_v1="## user\nHow?\n"))["one-v1"].digest
    prompts(tmp_path, released=f"one-v1: {digest}\n", two_v1="## user\nNot released yet.\n")

    assert list(read_prompts(tmp_path)) == ["one-v1", "two-v1"]


def test_a_prompt_that_changed_after_its_release_stops_the_service(tmp_path: Path) -> None:
    digest = read_prompts(prompts(tmp_path, one_v1="## user\nHow?\n"))["one-v1"].digest
    prompts(tmp_path, released=f"one-v1: {digest}\n", one_v1="## user\nHow? \n")

    assert told_of_prompts(tmp_path).startswith("one-v1.md: was released; it, or what it includes, has changed since")


def test_a_change_in_what_a_released_prompt_includes_stops_the_service(tmp_path: Path) -> None:
    text = '## user\n{% include "part-v1" %}\n'
    digest = read_prompts(prompts(tmp_path, one_v1=text, part_v1="How?"))["one-v1"].digest
    prompts(tmp_path, released=f"one-v1: {digest}\n", part_v1="Why?")

    assert told_of_prompts(tmp_path).startswith("one-v1.md: was released; it, or what it includes, has changed since")


def test_a_prompt_that_is_gone_after_its_release_stops_the_service(tmp_path: Path) -> None:
    prompts(tmp_path, released="gone-v1: 0a1b\n", one_v1="## user\nHow?\n")

    assert told_of_prompts(tmp_path) == "gone-v1.md: was released and is gone; bring it back"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('## user\n\n{% include "part-v9" %}\n', "one-v1.md:3: includes 'part-v9'; include a prompt file by its name"),
        ("## user\n{% if x %}\n", "one-v1.md:2: Unexpected end of template"),
        ("## system\nBe fair.\n\n## user\n{{ x | shout }}\n", "one-v1.md:5: No filter named 'shout'"),
    ],
)
def test_a_broken_prompt_is_told_by_file_line_and_mend(tmp_path: Path, text: str, told: str) -> None:
    assert told_of_prompts(prompts(tmp_path, one_v1=text)).startswith(told)


def test_a_break_in_an_included_file_is_told_of_that_file(tmp_path: Path) -> None:
    prompts(tmp_path, one_v1='## user\n{% include "part-v1" %}\n', part_v1="\n{{ x\n")

    assert told_of_prompts(tmp_path).startswith("part-v1.md:2: ")


def test_a_prompt_that_is_no_text_is_told(tmp_path: Path) -> None:
    (prompts(tmp_path) / "one-v1.md").write_bytes(b"\xff\xfe")

    assert told_of_prompts(tmp_path).startswith("one-v1.md: cannot be read as UTF-8 text")


@pytest.mark.parametrize(
    ("released", "told"),
    [
        ("- one-v1\n", "released.yaml:1: must be made of `prompt name: digest` lines"),
        ("one-v1: [\n", "released.yaml:2: not readable as YAML"),
        ("one-v1: a\none-v1: b\n", "released.yaml:2: not readable as YAML: found duplicate key"),
    ],
)
def test_a_broken_list_of_releases_stops_the_service(tmp_path: Path, released: str, told: str) -> None:
    assert told_of_prompts(prompts(tmp_path, released=released, one_v1="## user\nHow?\n")).startswith(told)


def test_the_list_of_releases_may_be_empty_but_not_missing(tmp_path: Path) -> None:
    assert list(read_prompts(prompts(tmp_path, released="", one_v1="## user\nHow?\n"))) == ["one-v1"]

    (tmp_path / "released.yaml").unlink()
    assert told_of_prompts(tmp_path).startswith("released.yaml: cannot be read")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file: Invalid JSON"),
        ('{"points_share": "much"}', "points_share: "),
        ('{"oints_share": 1}', "oints_share: "),
        (None, "cannot be read as UTF-8 text"),
    ],
)
def test_a_broken_json_file_is_named_with_what_is_wrong(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "rules.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(BadFile) as caught:
        read_json(path, RubricSet)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
