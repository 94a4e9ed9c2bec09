from pathlib import Path

import pytest

from service.core.drafts import Draft, drafts_of
from service.core.rubric import Rubric

PAGE = (Path(__file__).parents[2] / "fixtures" / "page.txt").read_text(encoding="utf-8")


def drafts(page: str = PAGE) -> dict[str, Draft]:
    return {draft.id: draft for draft in drafts_of(page, "gardeners").drafts}


def only_question(question: str) -> Rubric:
    page = f"1.1. {question}\nHow to answer\n- Name a plant\n"
    return drafts(page)["1.1"].rubric


def kind_of(bullet: str) -> str:
    page = f"1.1. Which compost?\nWhat not to say\n- {bullet}\n"
    return drafts(page)["1.1"].rubric.pitfalls[0].kind.value


def test_each_question_of_the_page_becomes_a_draft_with_its_bullets() -> None:
    found = drafts()

    assert {name: (len(d.rubric.points), len(d.rubric.pitfalls)) for name, d in found.items()} == {
        "1.1": (2, 3),
        "1.2": (2, 1),
        "2.1": (3, 2),
    }
    assert drafts_of(PAGE, "gardeners").skipped == ()


def test_a_draft_is_written_in_the_keys_and_order_of_a_rubric_file() -> None:
    mapping = drafts()["1.1"].to_mapping()

    assert list(mapping.items()) == [
        ("id", "1.1"),
        ("question", "Which compost would you give a shaded bed, and why?"),
        ("role", "Apprentice Gardener"),
        ("format", "technical"),
        ("assesses", "Shows whether the apprentice knows soils."),
        ("source", {"document": "gardeners", "number": "1.1"}),
        (
            "points",
            [
                {"id": "p1", "text": "Name the compost and what it is made of"},
                {"id": "p2", "text": "Explain what shade does to the soil"},
            ],
        ),
        (
            "pitfalls",
            [
                {"id": "f1", "kind": "commission", "text": "Recommending peat"},
                {"id": "f2", "kind": "omission", "text": "Not asking what grows in the bed"},
                {"id": "f3", "kind": "only", "text": "Talking solely about prices"},
            ],
        ),
        (
            "example_answer",
            "I would take leaf mould, for it holds water without souring. Shade keeps a soil cold and damp.",
        ),
    ]
    assert list(mapping["points"][0]) == ["id", "text"]
    assert list(mapping["pitfalls"][0]) == ["id", "kind", "text"]


def test_what_is_written_reads_back_as_the_same_rubric() -> None:
    for draft in drafts().values():
        assert Rubric.model_validate(draft.to_mapping()) == draft.rubric


def test_the_role_is_that_of_the_heading_above() -> None:
    assert [d.rubric.role for d in drafts().values()] == ["Apprentice Gardener", "Apprentice Gardener", "Head Gardener"]


def test_a_past_experience_is_told_in_star_and_a_bullet_that_asks_for_star_is_decided_by_it() -> None:
    found = drafts()

    assert [(d.rubric.star, d.rubric.format) for d in found.values()] == [
        (False, "technical"),
        (True, "behavioral"),
        (True, "behavioral"),
    ]
    assert [p.decided_by for p in found["1.2"].rubric.points] == ["judge", "judge"]
    assert [p.decided_by for p in found["2.1"].rubric.points] == ["star", "judge", "judge"]
    assert found["2.1"].to_mapping()["points"][0]["decided_by"] == "star"


def test_a_prefix_goes_before_the_id_and_not_into_the_source() -> None:
    first = drafts_of(PAGE, "gardeners", prefix="garden-").drafts[0].rubric

    assert first.id == "garden-1.1"
    assert first.source is not None
    assert first.source.number == "1.1"


@pytest.mark.parametrize(
    "page",
    [
        PAGE.replace("\n", "\r\n"),
        "\ufeff" + PAGE.replace("\n", "\n\n"),
        PAGE.replace("\n- ", "\n  • "),
        PAGE.replace("\n- ", "\n* "),
        PAGE.replace("\n- ", "\n– "),
        PAGE.replace("How to answer", "**How to answer**").replace("What not to say", "### What Not To Say:"),
        PAGE.replace("Introduction\n", "__INTRODUCTION__\n").replace("Example answer", "## Example Answer"),
        PAGE.replace("\n1. ", "\n# 1. ").replace("\n1.1. ", "\n## **1.1.** ").replace("\n2.1. ", "\n**2.1. "),
        PAGE.replace("- Name the compost", "- **Name** the compost").replace("Questions and Answers", "Questions"),
        PAGE.replace("what it is made of", "what\n  it is made of").replace("“", '"').replace("”", '"'),
    ],
)
def test_the_way_a_page_is_typed_makes_no_difference(page: str) -> None:
    assert page != PAGE
    assert drafts_of(page, "gardeners") == drafts_of(PAGE, "gardeners")


def test_prose_after_a_blank_line_belongs_to_no_bullet() -> None:
    page = "1.1. Which compost?\nHow to answer\n- Name it\n\nBuy our course.\nAnd tell your friends.\n- Say why\n"

    assert [p.text for p in drafts(page)["1.1"].rubric.points] == ["Name it", "Say why"]


def test_a_bullet_is_never_taken_for_a_heading() -> None:
    page = "1.1. Which compost?\nHow to answer\n* Name it\n* Introduction\n* 1.2. What else?\n"

    assert [p.text for p in drafts(page)["1.1"].rubric.points] == ["Name it", "Introduction", "1.2. What else?"]


def test_a_page_without_introductions_examples_and_roles_still_gives_drafts() -> None:
    mapping = drafts("1.1. Which compost\nwould you take?\nHow to answer\n- Name it\n")["1.1"].to_mapping()

    assert mapping == {
        "id": "1.1",
        "question": "Which compost would you take?",
        "format": "technical",
        "source": {"document": "gardeners", "number": "1.1"},
        "points": [{"id": "p1", "text": "Name it"}],
    }


def test_a_question_without_bullets_is_skipped_and_named() -> None:
    found = drafts_of("2.1. Which spade?\nIntroduction\nSpades.\n" + PAGE.replace("2.1.", "2.2."), "gardeners")

    assert [d.id for d in found.drafts] == ["1.1", "1.2", "2.2"]
    assert found.skipped == ("2.1",)


def test_a_table_of_contents_above_does_not_make_its_questions_skipped() -> None:
    found = drafts_of("1.1. Which compost?\n1.2. Which plant?\n" + PAGE, "gardeners")

    assert found == drafts_of(PAGE, "gardeners")


@pytest.mark.parametrize("page", ["", "How to answer\n- Name it\n", "Interest rose by 1.5 percent\n1. First\n"])
def test_a_page_without_a_numbered_question_is_refused_with_what_was_looked_for(page: str) -> None:
    with pytest.raises(ValueError, match=r"no numbered question.*How to answer"):
        drafts_of(page, "gardeners")


def test_one_number_for_two_questions_is_refused() -> None:
    with pytest.raises(ValueError, match=r"more than once: \['1\.1'\]"):
        drafts_of(PAGE.replace("1.2.", "1.1."), "gardeners")


@pytest.mark.parametrize(
    ("page", "prefix", "complaint"),
    [
        (PAGE, "no blanks ", r"question 1\.1 makes no rubric: id: "),
        (PAGE.replace("Tell what", "Tell " + "again " * 1000), "", r"question 1\.2 makes no rubric: points\.1\.text: "),
        (PAGE.replace("- Tell what", "- More\n" * 70), "", r"question 1\.2 makes no rubric: rubric: .*criteria"),
    ],
)
def test_what_no_rubric_can_hold_is_refused_with_its_question(page: str, prefix: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        drafts_of(page, "gardeners", prefix)


@pytest.mark.parametrize(
    "question",
    [
        "Describe a time you disagreed with your manager.",
        "Tell us about a difficult situation in which your plan failed?",
        "Could you walk me through a recent internal project that you led?",
        "Give me an example of a decision you took without enough data?",
        "Share an experience where you’ve had to say no?",
        "Have you ever lost a customer?",
    ],
)
def test_a_question_after_a_past_experience_is_known_by_its_form(question: str) -> None:
    assert only_question(question).star


@pytest.mark.parametrize(
    "question",
    [
        "Describe how you would plan a park?",
        "Describe a situation in which you would prune in summer?",
        "Give an example of a project you would turn down?",
        "Describe a watering system for a project where you have little water?",
        "Describe a project plan for a park in which you’d plant oaks?",
        "How much time do you give a hedge?",
    ],
)
def test_a_question_after_plans_or_knowledge_is_no_past_experience(question: str) -> None:
    assert not only_question(question).star


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Imagine the pump fails. What now?", "situational"),
        ("A visitor asks you to cut a tree. What do you say?", "situational"),
        ("How do you handle a drought?", "situational"),
        ("You find mildew on the roses. What comes first?", "situational"),
        ("How does a rose take up water?", "technical"),
    ],
)
def test_the_format_is_guessed_from_the_question(question: str, expected: str) -> None:
    assert only_question(question).format == expected


@pytest.mark.parametrize(
    "bullet",
    [
        "Use STAR to tell it",
        "Structure the story with the star framework",
        "Give the situation, your task, the actions and the results",
    ],
)
def test_a_bullet_asks_for_star_by_name_or_by_its_four_parts(bullet: str) -> None:
    rubric = drafts(f"1.1. Which compost?\nHow to answer\n- {bullet}\n")["1.1"].rubric

    assert rubric.star
    assert rubric.points[0].decided_by == "star"


@pytest.mark.parametrize(
    "bullet", ["Draw a star schema", "Mention the four-star hotels", "Tell the result of the task"]
)
def test_a_star_of_another_kind_asks_for_nothing(bullet: str) -> None:
    assert not drafts(f"1.1. Which compost?\nHow to answer\n- {bullet}\n")["1.1"].rubric.star


@pytest.mark.parametrize(
    ("bullet", "expected"),
    [
        ("Omitting the soil", "omission"),
        ("Leaving out the soil", "omission"),
        ("Forgetting water and looking only at light", "omission"),
        ("Failing to name a plant", "omission"),
        ("Nothing but praise for the employer", "only"),
        ("Noting the weather of every day", "commission"),
        ("Claiming roses need no water", "commission"),
    ],
)
def test_the_kind_of_a_pitfall_is_guessed_from_its_words(bullet: str, expected: str) -> None:
    assert kind_of(bullet) == expected
