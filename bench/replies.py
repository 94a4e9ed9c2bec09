"""What is graded and what is asked again when a reply is not as wanted (scripted model): `python -m bench.replies`."""

import asyncio
import json
import re

from rich.console import Console
from rich.table import Table

from service.bootstrap import ONE_CALL
from service.cache import MemoryStore
from service.catalog import read_prompts
from service.core.rubric import Pitfall, Point, Rubric, RubricSet
from service.grading import Grader, Wish
from service.judges.one_call import OneCall
from service.models.scripted import ScriptedModel

RUBRIC = Rubric(
    question="What went wrong with the pump?",
    points=(Point(id="p1", text="Names the cause"), Point(id="p2", text="Names the cure")),
    pitfalls=(Pitfall(id="f1", text="Blames a colleague"),),
)
ANSWER = "The pump leaked because a seal was old. I changed the seal. Since then it holds."
WHOLE = {
    "p1": {"at": [1], "why": "old seal", "level": "met"},
    "p2": {"at": [2], "why": "changed it", "level": "met"},
    "f1": {"at": [], "as": "none", "why": "blames nobody", "level": "absent"},
}
TEXT = json.dumps(WHOLE)
REPLIES = {
    "as wanted": TEXT,
    "fenced, with prose around": f"Here is my verdict:\n```json\n{TEXT}\n```\nI hope it helps!",
    "ids, keys and levels in other case": re.sub(r'"(p1|p2|f1|at|level|met|absent)"', lambda m: m[0].upper(), TEXT),
    "truncated in the middle": TEXT[: TEXT.index('"f1"') - 20],
    "an invented id": json.dumps({**WHOLE, "p9": WHOLE["p1"]}),
    "one sentence number out of range": TEXT.replace("[1]", "[1, 99]"),
    "all sentence numbers out of range": TEXT.replace("[1]", "[98, 99]"),
    "met, and no sentence to show it": TEXT.replace("[1]", "[]"),
    "mention contradicts level": TEXT.replace('"as": "none"', '"as": "asserts"'),
    "an unescaped quote in one reason": TEXT.replace("old seal", 'the "old" seal'),
    "no JSON at all": "A good answer, 8 out of 10.",
}


async def _graded(reply: str) -> tuple[str, ...]:
    model = ScriptedModel([reply, "{}"])
    grader = Grader({"one_call": (OneCall(model, read_prompts()[ONE_CALL]),)}, "one_call", MemoryStore(9, 60), b"s", 60)
    try:
        grade = await grader.grade(RUBRIC, RubricSet(), ANSWER, Wish())
    except Exception as error:
        return (type(error).__name__, "", _asked_again(model), "")
    criteria = [*grade.points, *grade.pitfalls]
    verdicts = ", ".join(f"{c.id} {c.verdict}" for c in criteria)
    return (grade.status, verdicts, _asked_again(model), f"{grade.score} {list(grade.score_bounds or ())}")


def _asked_again(model: ScriptedModel) -> str:
    again = [prompt.user for prompt in model.prompts[1:]]
    return ", ".join(re.findall(r"^([pf]\d):", again[0], re.MULTILINE)) if again else "nothing"


def main() -> None:
    table = Table(title="replies of a scripted model; asked again, it says nothing")
    for column in ("first reply", "status", "verdicts", "asked again", "score and bounds"):
        table.add_column(column)
    for name, reply in REPLIES.items():
        table.add_row(name, *asyncio.run(_graded(reply)))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
