"""Find in rubrics what docs/writing-rubrics.md warns of, by reading alone: no model is asked."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.core.rubric import Pitfall, PitfallKind, Point, Rubric, RubricSet


class Rule(StrEnum):
    """What a finding can be about."""

    SEVERAL_THINGS = "several_things"
    HEDGED = "hedged"
    UNANCHORED_ADJECTIVE = "unanchored_adjective"
    BOILERPLATE = "boilerplate"
    REPEATED = "repeated"
    OVERLAP = "overlap"
    MISSING = "missing"
    IDS = "ids"
    UNREACHABLE_BAND = "unreachable_band"
    TOO_LONG = "too_long"


@dataclass(frozen=True)
class Finding:
    """What is wrong and how to mend it. None for `rubric_id`: the whole set, or a rubric without an id."""

    rubric_id: str | None
    criterion_id: str | None
    rule: Rule
    message: str


_Worded = Point | Pitfall

_LIMITS: dict[type[_Worded], dict[str, int]] = {
    Point: {"text": 14, "met_when": 24, "partial_when": 16},
    Pitfall: {"text": 18, "committed_when": 22, "expected": 14},
}
"""Most words of each field."""
_WHENS = ("met_when", "partial_when", "committed_when")

_SEVERAL = re.compile(
    r"\b(?:and|or|nor|plus|as well as)\b|,[^,]+,|[:(][^,]*,|[a-z]{3}/[a-z]{3}",  # not the slash of CI/CD or A/B
    re.IGNORECASE,
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HOW_MANY = _set(
    "both either neither any all each every one two three four five six seven eight nine ten least most half together"
)
_NEGATIONS = _set("no none nor nobody nothing not never without only single alone more less fewer")
"""They bound what is left out; they do not say how much suffices."""
_COUNTS = _HOW_MANY | _NEGATIONS
_HEDGE = re.compile(
    # "May" with a capital is a month.
    r"\bmay\b|(?i:\b(?:might|could|ideally|possibly|perhaps|maybe|probably|presumably|somewhat|generally|typically"
    r"|sort of|kind of an?|(?:if|where|when|as) (?:possible|relevant|applicable|appropriate|needed)|and so on"
    r"|and the like|etc)\b)"
)
_ADJECTIVE = re.compile(
    r"(?<!if )(?<!as )(?<!where )(?<!when )"  # those are hedges
    r"\b(?:good|clear(?:ly)?|appropriate(?:ly)?|strong(?:ly)?|effective(?:ly)?|proper(?:ly)?|relevant|meaningful(?:ly)?"
    r"|robust(?:ly)?|adequate(?:ly)?|sufficient(?:ly)?|suitable|reasonable|solid|thorough(?:ly)?|comprehensive(?:ly)?"
    r"|insightful|convincing(?:ly)?|impressive|excellent|nice|high-quality|well-(?:chosen|designed|reasoned|structured|thought))\b"
    # Terms of the field: there the word is no judgement.
    r"(?![ -](?:consisten\w+|typ\w+|learners?|passwords?|sample|batch|dose|scoring|nouns?|subsets?|statistics"
    r"|regression|estimat\w+|scal(?:er|ing)|text|documents?|passages?)\b)",
    re.IGNORECASE,
)
_STOP = _set(
    "a an the this that these those it its they them their there here of in on at to by for from with within into as"
    " is are was were be been being has have had do does did done will would can and or but if so than then how what"
    " which who whom whose when where why while whether such some other another also just very too out up about"
)
_EMPTY = _set(
    "point pitfall criterion criteria answer answers answered candidate candidates response question topic subject"
    " thing things part parts aspect aspects detail details level degree extent way manner quality depth rubric"
    " requirement requirements met meets meet fulfilled fulfils fulfills satisfied committed commits present absent"
    " missing fully partly partially full partial complete completely entirely incomplete incompletely well poorly"
    " high low good bad covers covered cover addresses addressed address mentions mentioned mention describes"
    " described describe explains explained explain states stated state names named name gives given give says said"
    " say tells told tell discusses discussed discuss shows shown show includes included include demonstrates"
    " demonstrated understanding understood clear clearly vague vaguely superficial superficially adequately"
    " sufficient sufficiently correct correctly expectation expectations expected required asked wanted"
)
"""Words that would fit any criterion."""


def lint(rubrics: Sequence[Rubric], rules: RubricSet) -> tuple[Finding, ...]:
    """All findings: rubric by rubric in the order given, then likenesses between them, then the set's own."""
    return (*(f for rubric in rubrics for f in _of_rubric(rubric, rules)), *_repeated(rubrics), *_of_set(rules))


def shared_runs(text: str, page: str, length: int = 8) -> list[str]:
    """The runs of `length` words in a row that both hold, as they follow in `text`; case and punctuation apart."""
    if length < 1:
        raise ValueError(f"length {length}: a run has at least one word")
    known = set(_runs(page, length))
    return [" ".join(run) for run in dict.fromkeys(_runs(text, length)) if run in known]


def _runs(text: str, length: int) -> list[tuple[str, ...]]:
    words = _words(text)
    return [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)*", text.casefold().replace("’", "'"))


def _stem(word: str) -> str:
    """The word without its commonest endings: enough to see 'validates' in 'validation'."""
    for ending in ("ations", "ation", "ating", "ated", "ates", "ate", "ments", "ment", "ings", "ing", "ions", "ion"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    for ending in ("ies", "ied", "es", "ed", "ly", "s", "e", "y"):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _content(text: str) -> set[str]:
    """Stems of the words that say what the text is about."""
    return {_stem(w) for w in _words(text) if w not in _STOP | _EMPTY | _COUNTS}


def _worded(rubric: Rubric) -> tuple[_Worded, ...]:
    return (*rubric.points, *rubric.pitfalls)


def _of_rubric(rubric: Rubric, rules: RubricSet) -> Iterator[Finding]:
    absent = [name for name in ("id", "title", "role", "format", "assesses", "source") if getattr(rubric, name) is None]
    if absent:
        yield Finding(rubric.id, None, Rule.MISSING, f"no {', '.join(absent)}: add what is not there")
    yield from _ids(rubric)
    for criterion in _worded(rubric):
        for rule, message in _of_criterion(criterion):
            yield Finding(rubric.id, criterion.id, rule, message)
    yield from _overlaps(rubric, rubric.points)
    yield from _overlaps(rubric, rubric.pitfalls)
    yield from _heavy_points(rubric, rules)


def _ids(rubric: Rubric) -> Iterator[Finding]:
    signs: tuple[tuple[str, Sequence[_Worded]], ...] = (("p", rubric.points), ("f", rubric.pitfalls))
    for letter, criteria in signs:
        for n, criterion in enumerate(criteria, start=1):
            if criterion.id != f"{letter}{n}":
                message = (
                    f"{criterion.id!r} stands where {letter}{n} is due: number them {letter}1, {letter}2 … in order"
                )
                yield Finding(rubric.id, criterion.id, Rule.IDS, message)


def _of_criterion(criterion: _Worded) -> Iterator[tuple[Rule, str]]:
    fields = _fields(criterion)
    absent = [name for name in _wanted(criterion) if name not in fields]
    if absent:
        yield Rule.MISSING, f"no {', '.join(absent)}: say what a judge is to look for"
    for name, text in fields.items():
        yield from _of_wording(name, text)
        limit, length = _LIMITS[type(criterion)][name], len(text.split())
        if length > limit:
            yield Rule.TOO_LONG, f"{name} has {length} words, {limit} are the most: shorten it or split the criterion"
        if name in _WHENS and _is_boilerplate(text, criterion.text):
            yield Rule.BOILERPLATE, f"{name} {text!r} would fit any criterion: name what must stand in the answer"
    name, counts = ("met_when", _HOW_MANY) if isinstance(criterion, Point) else ("committed_when", _COUNTS)
    if name in fields and _SEVERAL.search(criterion.text) and not counts.intersection(_words(fields[name])):
        message = f"text names several things and {name} not how many suffice: say both, any one of, at least two of …"
        yield Rule.SEVERAL_THINGS, message


def _fields(criterion: _Worded) -> dict[str, str]:
    """The worded fields that are there."""
    said = {name: getattr(criterion, name) for name in _LIMITS[type(criterion)]}
    return {name: text for name, text in said.items() if text is not None}


def _wanted(criterion: _Worded) -> tuple[str, ...]:
    if isinstance(criterion, Point):
        return () if criterion.decided_by == "star" else ("met_when", "partial_when")
    return ("committed_when",) if criterion.kind is PitfallKind.COMMISSION else ("expected", "committed_when")


def _of_wording(name: str, text: str) -> Iterator[tuple[Rule, str]]:
    for found in dict.fromkeys(_HEDGE.findall(text)):
        yield Rule.HEDGED, f"{name} hedges with {found!r}: say what is wanted, or leave it out"
    for found in dict.fromkeys(_ADJECTIVE.findall(text)):
        yield (
            Rule.UNANCHORED_ADJECTIVE,
            f"{name} says {found!r}: say what would show it, such as a number, a name or a reason",
        )


def _is_boilerplate(text: str, criterion: str) -> bool:
    if _content(text):
        return False
    # "Only one of the two is named" tells something where there are two to be named.
    return not (_SEVERAL.search(criterion) and _HOW_MANY.intersection(_words(text)))


def _overlaps(rubric: Rubric, criteria: Sequence[_Worded]) -> Iterator[Finding]:
    for i, later in enumerate(criteria):
        for earlier in criteria[:i]:
            one, other = _content(earlier.text), _content(later.text)
            shared = one & other
            if len(shared) >= 2 and len(shared) >= 0.7 * min(len(one), len(other)):
                message = f"asks for the same as {earlier.id}: merge the two, or say what only this one asks for"
                yield Finding(rubric.id, later.id, Rule.OVERLAP, message)


def _heavy_points(rubric: Rubric, rules: RubricSet) -> Iterator[Finding]:
    """Points whose loss alone makes an answer weak, everything else being met."""
    points, levels = rubric.points, rules.level_values
    whole = sum(point.weight for point in points)
    for point in points if len(points) > 1 else ():
        mean = (levels.met * (whole - point.weight) + levels.missed * point.weight) / whole
        best = rules.points_share * mean + rules.star_share * levels.met if rubric.star else mean
        if round(100 * best, 1) < rules.bands.developing:
            message = (
                f"weight {point.weight:g} of {whole:g}: an answer without it is weak, whatever else it holds; lower it"
            )
            yield Finding(rubric.id, point.id, Rule.UNREACHABLE_BAND, message)


def _repeated(rubrics: Sequence[Rubric]) -> Iterator[Finding]:
    seen: list[tuple[str, str, frozenset[str]]] = []
    for rubric in rubrics:
        for criterion in _worded(rubric):
            for name, text in _fields(criterion).items():
                if name not in _WHENS:
                    continue
                words = _words(text)
                said, bag = " ".join(words), frozenset(words)
                alike = next((where for where, other, its in seen if said == other or _near(bag, its)), None)
                if alike:
                    message = f"{name} is much as {alike}: say what is particular to this criterion"
                    yield Finding(rubric.id, criterion.id, Rule.REPEATED, message)
                seen.append((f"{name} of {criterion.id} in {rubric.id or 'a rubric without id'}", said, bag))


def _near(one: frozenset[str], other: frozenset[str]) -> bool:
    """Alike but for a word or two; not where a count or a 'no' makes the difference."""
    if min(len(one), len(other)) < 5 or (one ^ other) & _COUNTS:
        return False
    return len(one & other) >= 0.8 * len(one | other)


def _of_set(rules: RubricSet) -> Iterator[Finding]:
    for message in _set_faults(rules):
        yield Finding(None, None, Rule.UNREACHABLE_BAND, message)


def _set_faults(rules: RubricSet) -> Iterator[str]:
    bands, levels = rules.bands, rules.level_values
    shares = rules.points_share + rules.star_share
    if not 0 < bands.developing < bands.solid < bands.strong <= 100:
        yield (
            f"bands {bands.developing:g}, {bands.solid:g}, {bands.strong:g}: let them rise, above 0 and at most 100,"
            " or a band is never reached"
        )
    if not math.isclose(shares, 1):
        yield f"points_share and star_share add up to {shares:g}: make it 1"
    if not levels.missed <= levels.partial <= levels.met:
        yield f"level_values {levels.missed:g}, {levels.partial:g}, {levels.met:g}: let missed, partial, met rise"
    best, worst = 100 * levels.met * min(1, shares), 100 * (levels.missed - rules.max_deduction)
    if best < bands.strong:
        yield f"the best answer scores {best:g}, under {bands.strong:g}: lower bands.strong or raise level_values.met"
    if worst >= bands.developing:
        yield f"the worst answer scores {worst:g}, so none is weak: raise bands.developing or lower level_values.missed"
