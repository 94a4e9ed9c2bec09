"""What recites the rubric is kept from judges, and verdicts know it."""

from tests.service.test_grading import ANSWER, RUBRIC, WHOLE, Bench, Entry, reply

RECITING = f"{ANSWER} It names the cause, names the cure and blames no colleague of ours at all."
GUARDED = RUBRIC.model_copy(
    update={
        "example_answer": "A seal was worn.",
        "pitfalls": (RUBRIC.pitfalls[0].model_copy(update={"expected": "ours"}),),
    }
)


async def test_a_recited_sentence_is_put_to_no_judge_and_a_verdict_that_rests_on_it_is_asked_again() -> None:
    on_it: Entry = {"at": [4], "why": "names the cure", "level": "met"}
    bench = Bench([reply(**WHOLE | {"p2": on_it}), reply(p2={**on_it, "at": [2]})])
    grade = await bench.grade(RECITING, GUARDED)
    asked = bench.models[0].prompts[0].user
    assert "Since then it holds" in asked
    assert "blames no colleague of ours" not in asked
    assert [(flag.kind.value, RECITING[flag.start : flag.end]) for flag in grade.flags] == [
        ("recital", RECITING.removeprefix(ANSWER).strip())
    ]
    assert (grade.status, grade.needs_review, bench.calls) == ("graded", True, [2])
    assert [evidence.text for evidence in grade.points[1].evidence] == ["I changed the seal."]


async def test_verdicts_are_remembered_by_what_was_kept_from_the_judge() -> None:
    bench = Bench([reply(**WHOLE)] * 3)
    unguarded = GUARDED.model_copy(update={"example_answer": None})
    caches = [(await bench.grade(RECITING, rubric)).cache for rubric in (GUARDED, unguarded, GUARDED, unguarded)]
    assert caches == ["miss", "miss", "hit", "hit"]
