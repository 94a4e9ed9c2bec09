"""Turn a page of interview questions and advice into draft rubrics, for a person to complete."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from service.core.rubric import PitfallKind, Rubric

_ROLE = re.compile(r"\d+[.)]\s+(?P<role>.+?)\s+interview questions\b.*", re.IGNORECASE)
_QUESTION = re.compile(r"(?P<number>\d+\.\d+)[.):]\s*(?P<question>\S.*)")
_BULLET = re.compile(r"[-•*–—]\s+(?P<text>\S.*)")
_SECTIONS = ("introduction", "how to answer", "what not to say", "example answer", "skills tested", "question type")

_STAR_BULLET = re.compile(
    r"(?i:\bstar[\s-]+(?:method|framework|structure|format|technique|approach|pattern)\b)"
    r"|(?i:\b(?:use|using|follow|following|apply|applying|with|in)(?:\s+the)?)\s+STAR\b"
    r"|(?i:\bsituation\b.*\btask\b.*\bactions?\b.*\bresults?\b)"
)

_ASKS_TO_TELL = (
    r"\b(?:tell|describe|walk|talk|share|give|recall|recount|think of|discuss)\b(?:\s+(?:me|us|with|about|through|of))*"
)
_WHICH = r"\s+(?:an?|one|the|some|your)(?:\s+(?!(?:for|of|in|to|an?|the|with|about|how)\b)[\w-]+){0,3}?\s+"
_IN_FACT = r"\b(?:you|your)\b(?!\s+(?:would|could|might|will|should)\b|['’](?:d|ll)\b)"
_PAST_VERB = (
    r"\byou(?:\s+have|['’]ve)?\s+(?:\w+ly\s+)?(?:\w{2,}ed|led|built|took|made|had|ran|wrote|found|chose|dealt|did|were"
    r"|got|gave|went|saw|brought|taught|held|cut|set|put|won|lost|drove|grew|met|kept|left|began|broke|fought)\b"
)
_PAST_EXPERIENCE = re.compile(
    # A time or an experience lies in the past by itself; a project or an example, only with a verb that puts it there.
    rf"{_ASKS_TO_TELL}{_WHICH}(?:time|situation|occasion|instance|moment|experience)\b[^.?!]*?{_IN_FACT}"
    rf"|{_ASKS_TO_TELL}{_WHICH}(?:project|example|case|challenge|problem|initiative|decision)\b[^.?!]*?{_PAST_VERB}"
    r"|\bhave you (?:ever|already)\b",
    re.IGNORECASE,
)
_HYPOTHETICAL = re.compile(
    r"\b(?:imagine|suppose|hypothetical\w*|scenario|what if|if you (?:were|had)|what would you do)\b"
    r"|\bhow (?:do|would) you (?:handle|deal|respond|react|proceed|investigate|prioriti[sz]e)\b"
    r"|\basks? you to\b|^you(?:r)?\b",
    re.IGNORECASE,
)

_OPENS_WITH_OMISSION = re.compile(
    r"(?:no|not|never|without)\b|leav(?:e|ing) out\b"
    r"|(?:neglect|fail|omit|avoid|ignor|skip|overlook|forget|miss|lack)(?:t?ing|ping|e)?\b",
    re.IGNORECASE,
)
_NOTHING_ELSE = re.compile(r"\b(?:solely|only|exclusively|merely|nothing (?:but|except|beyond))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Draft:
    """A rubric as far as the page tells it: no `met_when` and the like, and a guessed format and kinds."""

    rubric: Rubric

    @property
    def id(self) -> str:
        assert self.rubric.id is not None
        return self.rubric.id

    def to_mapping(self) -> dict[str, Any]:
        """What to write as YAML, in the keys and order of `rubrics/*.yaml`; defaults are left out."""
        return self.rubric.model_dump(mode="json", exclude_unset=True)


class Drafts(NamedTuple):
    """`skipped`: numbers of the questions under which no bullet stands."""

    drafts: tuple[Draft, ...]
    skipped: tuple[str, ...]


@dataclass
class _Asked:
    """A question while its part of the page is being read: lines by section, '' where a blank line stood."""

    number: str
    role: str | None
    sections: dict[str, list[str]] = field(default_factory=dict)

    def bullets(self, section: str) -> list[str]:
        """The section's bullets, each joined from its lines."""
        found: list[list[str]] = []
        current: list[str] | None = None
        for line in self.sections.get(section, ()):
            bullet = _BULLET.fullmatch(line)
            if bullet:
                current = [bullet["text"]]
                found.append(current)
            elif not line:
                current = None
            elif current is not None:
                current.append(line)
        return [_unmarked(" ".join(lines)) for lines in found]

    def prose(self, section: str) -> str | None:
        return _unmarked(" ".join(line for line in self.sections.get(section, ()) if line)) or None

    @property
    def question(self) -> str:
        """The lines up to the first blank one: what follows it is no part of the question."""
        lines = self.sections["question"]
        return _unmarked(" ".join(lines[: lines.index("")] if "" in lines else lines))


def drafts_of(page: str, document: str, prefix: str = "") -> Drafts:
    """A draft for each numbered question of the page, its id being `prefix` and the number.

    ValueError where the page holds no numbered question, one number twice, or a text that no rubric can hold.
    """
    asked = list(_asked(page))
    if not asked:
        raise ValueError(
            "no numbered question such as '1.1. How would you …?' was found; one is wanted, under a line of its own"
            " for 'How to answer' or 'What not to say', with bullets"
        )
    told = [a for a in asked if a.bullets("how to answer") or a.bullets("what not to say")]
    numbers = Counter(a.number for a in told)
    twice = [number for number, n in numbers.items() if n > 1]
    if twice:
        raise ValueError(f"question numbers must be unique on a page; found more than once: {twice}")
    skipped = dict.fromkeys(a.number for a in asked if a.number not in numbers)
    return Drafts(tuple(_draft(a, document, prefix) for a in told), tuple(skipped))


def _asked(page: str) -> Iterator[_Asked]:
    role, current, section = None, None, "question"
    for raw in page.removeprefix("\ufeff").splitlines():
        line = raw.strip()
        # A bullet is never a heading, whatever stands in it.
        bare = "" if _BULLET.fullmatch(line) else _heading(line)
        asked = _QUESTION.fullmatch(bare)
        heading = _ROLE.fullmatch(bare)
        if asked or heading:
            if current:
                yield current
            role = heading["role"] if heading else role
            current = _Asked(asked["number"], role, {"question": [asked["question"]]}) if asked else None
            section = "question"
        elif bare.rstrip(":").casefold() in _SECTIONS:
            section = bare.rstrip(":").casefold()
        elif current:
            current.sections.setdefault(section, []).append(line)
    if current:
        yield current


def _heading(line: str) -> str:
    """The line without the marks of a heading: '#', bold, underscores."""
    return line.lstrip("#").strip().strip("*_").strip()


def _unmarked(text: str) -> str:
    """Plain text on one line: no bold marks, no quotation marks around the whole."""
    plain = " ".join(text.replace("**", "").replace("__", "").split())
    quoted = re.fullmatch(r"“([^“”]*)”|\"([^\"]*)\"", plain)
    return (quoted[1] or quoted[2] or "") if quoted else plain


def _draft(asked: _Asked, document: str, prefix: str) -> Draft:
    how, what_not = asked.bullets("how to answer"), asked.bullets("what not to say")
    star = any(_asks_for_star(bullet) for bullet in how) or bool(_PAST_EXPERIENCE.search(asked.question))
    mapping = {
        "id": f"{prefix}{asked.number}",
        "question": asked.question,
        "role": asked.role,
        "format": _format(asked.question, star),
        "assesses": asked.prose("introduction"),
        "source": {"document": document, "number": asked.number},
        "star": star or None,
        "points": [_point(n, bullet) for n, bullet in enumerate(how, start=1)],
        "pitfalls": [
            {"id": f"f{n}", "kind": _kind(bullet).value, "text": bullet} for n, bullet in enumerate(what_not, start=1)
        ],
        "example_answer": asked.prose("example answer"),
    }
    try:
        return Draft(Rubric.model_validate({key: value for key, value in mapping.items() if value}))
    except ValidationError as error:
        raise ValueError(f"question {asked.number} makes no rubric: {_told(error)}") from error


def _told(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'rubric'}: {e['msg']}" for e in error.errors())


def _point(n: int, bullet: str) -> dict[str, str]:
    return {"id": f"p{n}", "text": bullet} | ({"decided_by": "star"} if _asks_for_star(bullet) else {})


def _asks_for_star(bullet: str) -> bool:
    return bool(_STAR_BULLET.search(bullet))


def _format(question: str, star: bool) -> str:
    if star:
        return "behavioral"
    return "situational" if _HYPOTHETICAL.search(question) else "technical"


def _kind(bullet: str) -> PitfallKind:
    # What opens the bullet counts first: "Ignoring drift and looking only at accuracy" is about the drift.
    if _OPENS_WITH_OMISSION.match(bullet):
        return PitfallKind.OMISSION
    return PitfallKind.ONLY if _NOTHING_ELSE.search(bullet) else PitfallKind.COMMISSION
