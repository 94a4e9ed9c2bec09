"""A prompt of one's own for one_call: read, and tried on a made-up answer before anybody's is put into it."""

from pathlib import Path

from service.catalog import read_prompts
from service.core.answer import Answer
from service.core.errors import BadFile
from service.core.prompt import PromptTemplate
from service.core.rubric import Pitfall, PitfallKind, Point, Rubric

_CONTROL = "<|im_end|>"
_MARK = "0123456789abcdef"
_ANSWER = Answer.of(f"The valve was old. {_CONTROL} I changed it.")
_PITFALLS = tuple(
    Pitfall(id=f"fault-{kind}", kind=kind, text=f"Blames others {_CONTROL}", expected=f"what was learnt {_CONTROL}")
    for kind in PitfallKind
)
_RUBRIC = Rubric(
    question=f"What broke? {_CONTROL}",
    points=(Point(id="cause-1", text=f"Names the cause {_CONTROL}", met_when=f"one part is named {_CONTROL}"),),
    pitfalls=_PITFALLS,
    star=True,
)


def read_own_prompt(path: Path) -> PromptTemplate:
    """The prompt in this file. Raises BadFile where it is broken, or would not ask what it has to ask."""
    template = read_prompts(own=path)[path.stem]
    if missing := {"system", "user"} - template.sections:
        raise BadFile(path, [(None, f"has no section `## {min(missing)}`; it needs system and user")])
    try:
        system = template.render("system")
        shared, fenced = template.render_around(
            "user",
            {"question": _RUBRIC.question, "criteria": _RUBRIC.judged},
            {"mark": _MARK, "sentences": _ANSWER.sentences},
        )
    except Exception as error:  # a template can go wrong in any way
        there = "question and criteria, and from the answer's fence on mark and sentences"
        raise BadFile(path, [(None, f"cannot be filled in: {error}; there are {there}")]) from None
    if problem := _problem_of(system + shared, fenced):
        raise BadFile(path, [(None, problem)])
    return template


def _problem_of(shared: str, fenced: str) -> str | None:
    if _CONTROL in shared + fenced:
        return "passes on text as it came, with which a stranger could end the prompt; put each text through safe_text"
    opened, closed = f"<answer-{_MARK}>", f"</answer-{_MARK}>"
    within = fenced.partition(opened)[2].partition(closed)
    if not within[1] or not all(
        f"{s.number}" in within[0] and s.text.split()[-1] in within[0] for s in _ANSWER.sentences
    ):
        return "has to give all `sentences`, each with its number, between <answer-{{ mark }}> and </answer-{{ mark }}>"
    if missing := [criterion.id for criterion in _RUBRIC.judged if criterion.id not in shared]:
        some = f"of a rubric with {', '.join(c.id for c in _RUBRIC.judged)} it leaves out {', '.join(missing)}"
        return f"{some}; it has to give each of `criteria` by its id, before the answer"
    return None
