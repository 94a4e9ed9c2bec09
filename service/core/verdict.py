"""A Verdict is what was decided on one criterion; here a judge's words become one, or don't."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from operator import itemgetter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from service.core.answer import Sentence
from service.core.frozen import Frozen
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point, Rubric, StarPart

PointLevel = Literal["met", "partial", "missed"]
PitfallLevel = Literal["committed", "avoided"]
StarLevel = Literal["present", "partial", "absent"]
Level = Literal["met", "partial", "missed", "committed", "avoided", "present", "absent"]
SaidLevel = Literal["met", "partial", "missed", "present", "absent"]

MOST_EVIDENCE = 8  # sentences a verdict keeps
LONGEST_REASON = 200  # characters
# Only where JSON has a key: quotation marks that a reason forgot to escape open no entry in mid-sentence.
_ENTRY = re.compile(r'(?:^|[{},\[\n])[^\S\n]*"([^"\\]{1,40})"\s*:\s*(?={)')


class Mention(StrEnum):
    """How an answer touches a pitfall's subject."""

    ASSERTS = "asserts"
    WARNS = "warns"
    NEGATES = "negates"
    QUOTES = "quotes"
    OMITS = "omits"
    NONE = "none"


class Verdict(Frozen):
    """What was decided on one criterion. A criterion without one is unassessed: that is never a level.

    `sentences` are numbers of the answer's sentences; `mention` is for pitfalls; `confidence` in the level and
    `probability`, that it is met, committed or present, are in [0, 1] and None where the judge had neither odds nor
    samples; `disputed`: several readings did not all agree on the level; `model` and `prompt` (name@digest) say who
    decided. Both are empty where code did.
    """

    criterion_id: str
    level: Level
    mention: Mention | None = None
    sentences: tuple[int, ...] = ()
    reason: str | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    probability: float | None = Field(default=None, ge=0, le=1)
    disputed: bool = False
    model: str = ""
    prompt: str = ""


Verdicts = Mapping[str, Verdict]


def _plain(value: Any) -> Any:
    return value.strip(" .\n\t").casefold() if isinstance(value, str) else value


def _numbers(value: Any) -> list[Any]:
    """What can be sentence numbers, alone or in a list."""
    listed = value if isinstance(value, list) else [value]
    return [n for n in listed if type(n) is int or (isinstance(n, str) and n.strip().isdecimal())]


class Claim(Frozen):
    """A judge's words on one criterion, in the order in which it is made to say them; more words are passed over."""

    model_config = ConfigDict(extra="ignore")

    at: Annotated[tuple[int, ...], BeforeValidator(_numbers)] = ()
    mention: Annotated[Mention | None, BeforeValidator(_plain)] = Field(default=None, alias="as")
    why: str = ""
    level: Annotated[SaidLevel, BeforeValidator(_plain)]


def read_verdicts(
    reply: str, criteria: Iterable[Criterion], shown: Iterable[Sentence], *, model: str, prompt: str
) -> list[Verdict]:
    """The verdicts that can be read and verified in a judge's reply, which may be fenced, cut off or still growing.

    What is unreadable, contradicts itself, points at no sentence that was `shown`, or is on a criterion not asked about
    is left out: to the caller it is still outstanding. A longer part of the same reply only ever adds verdicts, so of
    two entries on one criterion the first that can be accepted stands.
    """
    exact = {criterion.id: criterion for criterion in criteria}
    wanted = {name.casefold(): criterion for name, criterion in exact.items()} | exact
    numbers = {sentence.number for sentence in shown}
    found: dict[str, Verdict] = {}
    for name, words in _objects(reply):
        criterion = wanted.get(name) or wanted.get(name.casefold())
        verdict = criterion and _verified(criterion, words, numbers, model, prompt)
        if verdict:
            found.setdefault(verdict.criterion_id, verdict)
    return list(found.values())


def _objects(reply: str) -> list[tuple[str, dict[str, Any]]]:
    """Each `"name": {…}` that is whole, in the order in which they end; what wraps others comes after them.

    Found one by one, so that a break in the text costs one and not the rest.
    """
    decoder = json.JSONDecoder(strict=False)
    whole: list[tuple[int, str, dict[str, Any]]] = []
    for match in _ENTRY.finditer(reply):
        with suppress(ValueError, RecursionError):
            value, end = decoder.raw_decode(reply, match.end())
            whole.append((end, match.group(1), value))
    return [(name, value) for _, name, value in sorted(whole, key=itemgetter(0))]


def _verified(criterion: Criterion, words: dict[str, Any], shown: set[int], model: str, prompt: str) -> Verdict | None:
    try:
        claim = Claim.model_validate({k.casefold(): v for k, v in words.items() if v is not None})
    except ValidationError:
        return None
    there = [n for n in dict.fromkeys(claim.at) if n in shown][:MOST_EVIDENCE]
    level = level_of(criterion, claim.level, claim.mention)
    if level is None or (claims_presence(criterion, level) and not there):
        return None
    if isinstance(criterion, Pitfall):
        mention = Mention.OMITS if level == "committed" and criterion.kind is PitfallKind.OMISSION else claim.mention
    else:
        mention = None
    return Verdict(
        criterion_id=criterion.id,
        level=level,
        mention=mention,
        sentences=tuple(sorted(there)) if level not in ("missed", "absent") and mention is not Mention.OMITS else (),
        # Half a surrogate pair can stand in JSON and could not be sent on.
        reason=" ".join(claim.why.encode(errors="replace").decode().split())[:LONGEST_REASON].rstrip() or None,
        model=model,
        prompt=prompt,
    )


def level_of(criterion: Criterion, said: SaidLevel, mention: Mention | None) -> Level | None:
    """The criterion's own level for what a judge said; None where that contradicts itself or is of another kind.

    On a pitfall the judge says whether a thing is `present`: for an omission the thing that should be there, for
    the other kinds the fault itself. Code applies the sign.
    """
    match criterion:
        case Point():
            return said if said in ("met", "partial", "missed") else None
        case Pitfall(kind=kind):
            if said not in ("present", "absent") or mention is None:
                return None
            if kind is PitfallKind.OMISSION:
                consistent = (said == "absent") == (mention in (Mention.OMITS, Mention.NONE))
                level: Level = "committed" if said == "absent" else "avoided"
            else:
                consistent = (said == "present") == (mention is Mention.ASSERTS)
                level = "committed" if said == "present" else "avoided"
            return level if consistent else None
        case _:
            return said if said in ("present", "partial", "absent") else None


def claims_presence(criterion: Criterion, level: Level) -> bool:
    """Whether a verdict says that something stands in the answer, and so has to show where.

    A committed commission is there to be seen, and so is the thing that no omission left out. An `only` is about the
    whole answer.
    """
    if isinstance(criterion, Pitfall):
        shown = {PitfallKind.COMMISSION: "committed", PitfallKind.OMISSION: "avoided"}
        return level == shown.get(criterion.kind)
    return level in ("met", "partial", "present")


def settle(rubric: Rubric, verdicts: Verdicts) -> dict[str, Verdict]:
    """The verdicts with those that code derives, where they are not there yet: a point decided_by star, from the parts.

    Four present is met, two or three partial, else missed. A part counts as there when present, as half there when
    partial: half there is not present. Left unassessed while an unassessed part could change it.
    """
    settled = dict(verdicts)
    derived = [point for point in rubric.points if point.decided_by == "star" and point.id not in verdicts]
    if not derived:
        return settled
    parts = [verdicts.get(part.value) for part in StarPart]
    present = sum(part is not None and part.level == "present" for part in parts)
    unknown = sum(part is None for part in parts)
    least, most = _story(present), _story(present + unknown)
    if least != most:
        return settled
    known = [part for part in parts if part]
    confidences = [part.confidence for part in known] or [None]
    for point in derived:
        settled[point.id] = Verdict(
            criterion_id=point.id,
            level=least,
            sentences=tuple(sorted({n for part in known if part.level == "present" for n in part.sentences[:1]})),
            reason=f"{present} of 4 STAR parts present",
            confidence=None if None in confidences else min(c for c in confidences if c is not None),
        )
    return settled


def _story(present: int) -> PointLevel:
    return "met" if present == 4 else "partial" if present >= 2 else "missed"


def outstanding(criteria: Sequence[Criterion], verdicts: Verdicts) -> tuple[Criterion, ...]:
    """The criteria nobody has decided yet, in their order."""
    return tuple(criterion for criterion in criteria if criterion.id not in verdicts)
