"""Where whole replies are kept, which are, and what makes those of an earlier release unfit."""

import json
from typing import Any

import pytest

from service.api.replies import FORM, Replies
from service.api.requests import OPEN_OWNER
from service.bootstrap import assemble
from service.cache import MemoryStore
from service.catalog import Catalog, read_prompts
from service.core.errors import JudgeUnavailable
from service.core.gates import Flag, FlagKind
from service.core.grade import Grade, JudgeReport, grade_of
from service.core.rubric import Rubric, RubricSet, digest_of
from service.core.verdict import Mention
from service.grading import Chain, Grader, Wish
from service.judges.one_call import OneCall
from service.models.scripted import ScriptedModel
from service.settings import Settings
from tests.builders import COMMISSION, OMISSION, ONLY, answer_of, rubric_of, verdict_of
from tests.service.api.doors import BODY, REPLY, RUBRIC, TEXT

RULES = RubricSet()


def named(name: str, *script: Any) -> ScriptedModel:
    """A scripted model under another name."""
    model = ScriptedModel(script)
    model.name = model.identity = name
    return model


def grader_of(chain: Chain, store: MemoryStore) -> Grader:
    return Grader({"one_call": chain}, "one_call", store, b"secret", 60)


async def hit_of(grader: Grader) -> bytes:
    """The body of a reply made of remembered verdicts."""
    rubric = Rubric.model_validate(RUBRIC)
    for _ in range(2):
        grade = await grader.grade(rubric, RULES, TEXT, Wish(request_id="r"))
    assert grade.cache == "hit"
    return grade.model_dump_json().encode()


def place_of(replies: Replies, body: dict[str, Any] | None = None, owner: str = OPEN_OWNER) -> tuple[str, str]:
    place = replies.place_of(json.dumps(body or BODY).encode(), owner)
    return place.slot, place.field


async def is_kept(replies: Replies, reply: bytes) -> bool:
    place = replies.place_of(json.dumps(BODY).encode(), OPEN_OWNER)
    await replies.keep(place, reply)
    return await replies.kept(place) is not None


async def test_only_the_reply_of_a_whole_hit_is_kept() -> None:
    store = MemoryStore(9, 60)
    grader = grader_of((OneCall(ScriptedModel([REPLY]), read_prompts()["grade-v1"]),), store)
    replies = Replies(grader, Catalog({}, RULES))
    hit = await hit_of(grader)
    for other in (
        hit.replace(b'"cache":"hit"', b'"cache":"mixed"'),
        hit.replace(b'"status":"graded"', b'"status":"partial"'),
        hit.replace(b'"request_id":"r"', b'"request_id":"r","more":1'),
    ):
        assert other != hit
        assert not await is_kept(replies, other)
    assert await is_kept(replies, hit)


async def test_what_a_fallback_decided_may_be_decided_otherwise_and_is_not_kept() -> None:
    store, template = MemoryStore(9, 60), read_prompts()["grade-v1"]
    away = OneCall(named("first", JudgeUnavailable("away")), template)
    grader = grader_of((away, OneCall(named("second", REPLY), template)), store)
    assert not await is_kept(Replies(grader, Catalog({}, RULES)), await hit_of(grader))

    store = MemoryStore(9, 60)
    grader = grader_of((OneCall(named("first", REPLY), template), OneCall(named("second", REPLY), template)), store)
    assert await is_kept(Replies(grader, Catalog({}, RULES)), await hit_of(grader))


@pytest.mark.parametrize(
    ("change", "owner", "same_slot"),
    [
        ({"answer": TEXT + " "}, "open", True),
        ({"answer": TEXT + "\u200b"}, "open", True),
        ({"answer": TEXT + "x"}, "open", False),
        ({}, "another", False),
        ({"rubric": {**RUBRIC, "title": "Pumps"}}, "open", True),
        ({"rubric": {**RUBRIC, "id": "pump"}}, "open", True),
        ({"rubric": {**RUBRIC, "points": RUBRIC["points"][::-1]}}, "open", True),
        ({"options": {"samples": 2}}, "open", True),
        ({"options": {"samples": 3}}, "open", True),
        ({"options": {"judge": "per_criterion"}}, "open", True),
    ],
)
def test_all_that_shapes_a_reply_is_in_its_place(change: dict[str, Any], owner: str, same_slot: bool) -> None:
    service = assemble(Settings(model="scripted", judge="one_call", _env_file=None), (ScriptedModel([REPLY]),))
    replies = Replies(service.grader, service.catalog)
    slot, field = place_of(replies)
    other_slot, other_field = place_of(replies, {**BODY, **change}, owner)
    assert (other_slot == slot) is same_slot
    assert (other_slot, other_field) != (slot, field)
    assert TEXT[:8] not in slot + field


@pytest.mark.parametrize("options", [{"judge": "default"}, {"judge": "one_call"}, {"deadline_seconds": 5}])
def test_what_shapes_no_reply_is_not_in_its_place(options: dict[str, Any]) -> None:
    service = assemble(Settings(model="scripted", judge="one_call", _env_file=None), (ScriptedModel([REPLY]),))
    replies = Replies(service.grader, service.catalog)
    assert place_of(replies, {**BODY, "options": options}) == place_of(replies)


def test_another_model_prompt_or_set_of_rules_has_another_place() -> None:
    prompts = read_prompts()
    fields = set()
    for model, prompt, rules in (
        ("m", "grade-v1", RULES),
        ("n", "grade-v1", RULES),
        ("m", "reading-v1", RULES),
        ("m", "grade-v1", RubricSet(review_below=0.7)),
    ):
        grader = grader_of((OneCall(named(model, REPLY), prompts[prompt]),), MemoryStore(9, 60))
        fields.add(place_of(Replies(grader, Catalog({}, rules)))[1])
    assert len(fields) == 4


def _bare(schema: Any) -> Any:
    """A schema without its words."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key not in ("description", "title")}
    return [_bare(value) for value in schema] if isinstance(schema, list) else schema


def test_form_is_raised_whenever_the_reply_or_what_code_makes_of_verdicts_changes() -> None:
    rubric, answer = rubric_of(4, COMMISSION, OMISSION, ONLY, star=True, derived=True), answer_of(6)
    verdicts = [
        verdict_of("p1", "met", 1, 2, confidence=0.9),
        verdict_of("p2", "partial", 4),
        verdict_of("p3", "missed"),
        verdict_of("f1", "committed", 5, mention=Mention.ASSERTS),
        verdict_of("f2", "avoided", 6, mention=Mention.NONE),
        verdict_of("f3", "committed", mention=Mention.OMITS),
        *(verdict_of(part, "present", number) for number, part in enumerate(("situation", "action", "result"), 1)),
        verdict_of("task", "absent"),
    ]
    flags = (Flag(kind=FlagKind.INJECTION_SUSPECTED, start=0, end=4),)
    grade = grade_of(
        rubric,
        RULES,
        answer,
        flags,
        {verdict.criterion_id: verdict for verdict in verdicts},
        judge=JudgeReport(name="one_call"),
        cache="hit",
        request_id="r",
    )
    made = digest_of([_bare(Grade.model_json_schema(mode="serialization")), grade.model_dump(mode="json")])[:16]
    told = "the reply is another now: raise FORM in service/api/replies.py, then note its number and digest here"
    assert (FORM, made) == (3, "c2345e1a32a8e757"), told
