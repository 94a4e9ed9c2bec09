"""A grade as a page to read: the score, each verdict with its evidence, what to mend, who judged."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.cli.console import counted, quoted, shown
from service.core.answer import Answer
from service.core.feedback import Feedback
from service.core.gates import Flag
from service.core.grade import CriterionGrade, Grade, JudgeReport, PartGrade, PitfallGrade, StarGrade
from service.core.rubric import Rubric, StarPart

_GOOD, _HALF, _BAD, _UNKNOWN = ("✓", "green"), ("~", "yellow"), ("✗", "red"), ("?", "magenta")
_LOOKS = {
    **dict.fromkeys(("met", "present", "avoided"), _GOOD),
    "partial": _HALF,
    **dict.fromkeys(("missed", "absent", "committed"), _BAD),
    "unassessed": _UNKNOWN,
}
_BANDS = {"weak": "red", "developing": "yellow", "solid": "green", "strong": "bold green"}


def page(rubric: Rubric, grade: Grade, answer: str) -> Group:
    """The whole page. An answer with nothing to grade gets its reason and no list of verdicts."""
    parts: list[RenderableType] = [_heading(rubric), _score(grade)]
    if grade.status != "abstained":
        parts += _criteria("Points", grade.points)
        parts += _criteria("Pitfalls", grade.pitfalls)
        parts += _star(grade.star) if grade.star else ()
        parts += _feedback(grade.feedback)
    parts += _flags(grade, Answer.of(answer).received)
    return Group(*parts, Text(), _judge(grade.judge, grade.cache))


def _heading(rubric: Rubric) -> Text:
    return shown(f"{rubric.id}  {rubric.title or rubric.question}", "bold")


def _score(grade: Grade) -> Text:
    if grade.status == "abstained":
        return Text("0  nothing to grade; no model was asked", "red")
    line = Text("no score" if grade.score is None else f"{grade.score:g} of 100", "bold")
    if grade.band:
        line.append(f" · {grade.band}", _BANDS[grade.band])
    if grade.status == "partial":
        bounds = grade.score_bounds
        between = f", between {bounds[0]:g} and {bounds[1]:g} once all is assessed" if bounds else ""
        line.append(f"  partial: some criteria are unassessed{between}", "magenta")
    return line


def _criteria(title: str, criteria: Iterable[CriterionGrade]) -> Iterator[RenderableType]:
    rows = [(c.id, c.verdict, shown(c.text), _mention(c), c) for c in criteria]
    if rows:
        yield from (Text(), Text(title, "bold"), _table(rows))


def _mention(criterion: CriterionGrade) -> str:
    mention = criterion.mention if isinstance(criterion, PitfallGrade) else None
    return f" ({mention.value})" if mention and mention != "none" else ""


def _star(star: StarGrade) -> Iterator[RenderableType]:
    parts: dict[str, PartGrade] = {part.value: getattr(star, part.value) for part in StarPart}
    yield from (Text(), Text("STAR", "bold"))
    yield _table((name, part.verdict, None, "", part) for name, part in parts.items())
    facts = [
        f"order kept: {_yes(star.order_kept)}",
        f"a number in the result: {_yes(star.quantified_result)}",
    ]
    if star.ownership:
        facts.append(f"first person: {star.ownership.singular} singular, {star.ownership.plural} plural")
    yield Padding(Text("; ".join(facts), "dim"), (0, 0, 0, 2))


def _yes(fact: bool | None) -> str:
    return "unknown" if fact is None else "yes" if fact else "no"


def _table(rows: Iterable[tuple[str, str, Text | None, str, CriterionGrade | PartGrade]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, verdict, text, mention, decided in rows:
        sign, style = _LOOKS[verdict]
        table.add_row(Text(sign, style), name, Text(verdict + mention, style), _grounds(text, decided))
    return table


def _grounds(text: Text | None, decided: CriterionGrade | PartGrade) -> Group:
    """What was asked, what stands in the answer, and why it was decided so."""
    lines = [text] if text else []
    lines += [quoted(span.text) for span in decided.evidence]
    why = [decided.reason] if decided.reason else []
    why += [f"{decided.confidence:.0%} sure"] if decided.confidence is not None else []
    why += ["the readings disagree"] if decided.disputed else []
    return Group(*lines, *([shown("; ".join(why), "dim")] if why else []))


def _feedback(feedback: Feedback) -> Iterator[RenderableType]:
    lines = [shown(f"Strength: {feedback.strength}")] if feedback.strength else []
    lines += [shown(gap) for gap in feedback.gaps]
    lines += [shown(f"Next step: {feedback.next_step}")] if feedback.next_step else []
    lines += [shown(feedback.note, "magenta")] if feedback.note else []
    if lines:
        yield from (Text(), Text("Feedback", "bold"))
        yield Padding(Group(*lines), (0, 0, 0, 2))


def _flags(grade: Grade, received: str) -> Iterator[RenderableType]:
    if grade.flags or grade.needs_review:
        yield Text()
    for flag in grade.flags:
        yield _flag(flag, received)
    if grade.needs_review:
        yield Text("Needs review by a person.", "bold yellow")


def _flag(flag: Flag, received: str) -> Text:
    line = Text(f"Flag: {flag.kind.value.replace('_', ' ')}", "yellow")
    part = received[flag.start : flag.end]
    return line if part == received else line.append(" ").append(quoted(part))


def _judge(judge: JudgeReport, cache: str | None) -> Text:
    said = [judge.name, judge.model or "no model asked", counted(judge.calls, "call")]
    said.append(f"{judge.input_tokens:,} tokens in ({judge.cached_input_tokens:,} cached), {judge.output_tokens:,} out")
    said.append(f"{judge.seconds:.1f} s")
    said.append("price unknown" if judge.cost_usd is None else f"${judge.cost_usd:.4f}")
    said += [f"cache {cache}"] if cache not in (None, "miss") else []
    return shown(" · ".join(said), "dim")
