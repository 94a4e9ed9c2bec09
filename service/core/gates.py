"""What is decided without a model: answers with nothing to grade, and passages that speak to the grader."""

import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from service.core.answer import Answer, Span, words_of
from service.core.frozen import Frozen
from service.core.rubric import Rubric

FEWEST_WORDS = 5
_ECHO_QUESTION = 0.8  # share of the answer's three-word runs that stand in the question
_ECHO_RUBRIC = 0.7
_REPEATED = 0.34  # share of its five-word runs that are new: a passage said three times or more
_ENOUGH_TO_REPEAT = 15  # words


class FlagKind(StrEnum):
    """Why an answer was not graded, or needs a human's eye (`injection_suspected`)."""

    EMPTY = "empty"
    NO_CONTENT = "no_content"
    TOO_SHORT = "too_short"
    ECHO_QUESTION = "echo_question"
    ECHO_RUBRIC = "echo_rubric"
    REPEATED = "repeated"
    INJECTION_SUSPECTED = "injection_suspected"


class Flag(Frozen):
    """A thing seen in the answer without a model; start and end are code points of it as received."""

    kind: FlagKind
    start: int
    end: int


# Phrases that open an answer, or decline one, and say nothing. Compared as words, so case and punctuation don't matter.
_NO_CONTENT = frozenset(
    words_of(phrase)
    for phrase in """
    thought process|my thought process|thinking process|reasoning|solution|the solution|answer|the answer|my answer
    let's solve this problem step by step|let us solve this problem step by step|let's think step by step
    let me think|let's think|to be determined|tbd|todo|n/a|na|none|nothing|no answer|no response|no comment|no idea
    empty submission|not answered|i don't know|i dont know|i do not know|don't know|idk|not sure|i am not sure|i'm not sure
    i have no idea|sorry i don't know|pass|skip|test|asdf|lorem ipsum|yes|no|ok|okay|hello|hi|final answer|here is my answer
    respuesta|solución|la respuesta|no sé|no lo sé|no tengo idea|sin respuesta|proceso de pensamiento|pensemos paso a paso
    resolvamos este problema paso a paso|resposta|solução|a resposta|não sei|não faço ideia|sem resposta
    vamos resolver este problema passo a passo|processo de pensamento|réponse|la réponse|je ne sais pas|aucune idée
    pas de réponse|résolvons ce problème étape par étape|antwort|lösung|ich weiß nicht|keine ahnung|解|答|解答|答案|かいせつ|解説
    """.replace("\n", "|").split("|")
    if phrase.strip()
)

_INJECTIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:rubric|instruction|prompt|criteri|rule|guideline|evaluation|above|previous)\w*",
        r"\b(?:ignora|olvida|ignore|esqueça|oublie[rz]?)\b[^.\n]{0,40}\b(?:instruc|rúbrica|rubrica|instruç|consigne|critère|critério|criterio)\w*",
        r"<\|?/?(?:system|assistant|im_start|im_end|user|instructions?|answer|grader)\b[^>\n]{0,40}\|?>",
        r"\[/?(?:INST|SYSTEM|SYS)\]|<<SYS>>|^\s*#{0,3}\s*(?:system|assistant)\s*(?::|override|prompt|message)",
        r"\byou are (?:now )?(?:the|a|an) [^.\n]{0,30}\b(?:grader|judge|evaluator|examiner|assessor|interviewer)\b",
        r"\b(?:verdict|score|grade|rating|status|confidence|result)\b[\"'*]{0,3}\s*(?:is|=|:|of|to)?\s*[\"'*]{0,3}(?:pass(?:ed)?\b|met\b|approved\b|\d{1,3}\s*(?:/|out of)\s*\d{1,3}|100\s*%|full marks)",
        r"\b(?:output|return|emit|give|assign|award|mark|set|grant|report)\b[^.\n]{0,40}\b(?:pass|approved|full marks|full (?:credit|score)|maximum (?:score|grade|marks)|perfect score|all (?:criteria|points) (?:as )?met|a 10|10/10|100/100|top band)\b",
        r"\b(?:all|every|\d+/\d+)\s+(?:criteria|criterion|points?|rubric items?)\b[^.\n]{0,20}\b(?:met|satisfied|passed|fulfilled)\b",
        r"(?:-{2,}|={2,}|#{2,})\s*(?:end of|begin)?[^\n]{0,30}\b(?:candidate|answer|evaluation|grading|submission)\b[^\n]{0,30}(?:-{2,}|={2,}|#{2,}|$)",
        r"\b(?:as|this is) (?:an?|the) (?:ai|llm|automated)\b[^.\n]{0,20}\b(?:grader|judge|evaluator)\b|\bdear (?:grader|judge|evaluator)\b",
        r"\b(?:system|policy|developer) (?:override|update|notice|message)\b",
    )
)


def flags_of(answer: Answer, rubric: Rubric) -> tuple[Flag, ...]:
    """All that can be seen without a model; at most one reason not to grade, the first that holds."""
    reason = _reason_not_to_grade(answer, rubric)
    whole = (Flag(kind=reason, start=0, end=len(answer.received)),) if reason else ()
    return whole + tuple(
        Flag(kind=FlagKind.INJECTION_SUSPECTED, start=span.start, end=span.end) for span in _injections(answer)
    )


def nothing_to_grade(flags: Iterable[Flag]) -> bool:
    """Whether the flags are a reason to abstain."""
    return any(flag.kind is not FlagKind.INJECTION_SUSPECTED for flag in flags)


def _reason_not_to_grade(answer: Answer, rubric: Rubric) -> FlagKind | None:
    words = answer.words
    if not answer.text:
        return FlagKind.EMPTY
    if not words or words in _NO_CONTENT:
        return FlagKind.NO_CONTENT
    if len(words) < FEWEST_WORDS:
        return FlagKind.TOO_SHORT
    if _share_from(words, [rubric.question]) >= _ECHO_QUESTION:
        return FlagKind.ECHO_QUESTION
    if _share_from(words, _wording(rubric)) >= _ECHO_RUBRIC:
        return FlagKind.ECHO_RUBRIC
    if len(words) >= _ENOUGH_TO_REPEAT and _share_new(words) <= _REPEATED:
        return FlagKind.REPEATED
    return None


def _wording(rubric: Rubric) -> list[str]:
    texts: list[str | None] = [rubric.question]
    for point in rubric.points:
        texts += [point.text, point.met_when, point.partial_when]
    for pitfall in rubric.pitfalls:
        texts += [pitfall.text, pitfall.expected, pitfall.committed_when]
    return [text for text in texts if text]


def _runs(words: tuple[str, ...], length: int) -> list[tuple[str, ...]]:
    return [words[i : i + length] for i in range(len(words) - length + 1)]


def _share_from(words: tuple[str, ...], sources: list[str]) -> float:
    known = {run for source in sources for run in _runs(words_of(source), 3)}
    runs = _runs(words, 3)
    return sum(run in known for run in runs) / len(runs)


def _share_new(words: tuple[str, ...]) -> float:
    runs = Counter(_runs(words, 5))
    return len(runs) / runs.total()


def _injections(answer: Answer) -> list[Span]:
    """Sentences that speak to the grader rather than to the interviewer."""
    return [s.span for s in answer.sentences if any(pattern.search(s.text) for pattern in _INJECTIONS)]
