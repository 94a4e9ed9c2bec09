"""Ask about one criterion at a time, and read the verdict from the odds of the reply's first token.

Made for small local models: question and answer are a prefix that the model reads once, each criterion adds a short
question to it, and the sentence that shows the thing is asked for only where the thing was found. A question without
content is asked first, to learn which marks the model favours whatever it is asked.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from service.core.answer import Answer
from service.core.errors import ImpossibleOption
from service.core.prompt import Prompt, PromptTemplate
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point
from service.core.verdict import Level, Mention, Verdict
from service.judges import Case, Judgement
from service.models import Model

# Marks that are one token each in the vocabularies we know: "12" would be two, and its odds half of them.
MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ODDS = 40  # likeliest first tokens to be told
_LEAST = 1e-4  # odds of a mark that is not among them
_TRUST = 0.7  # in what the neutral question tells; 1 would believe the odds of rare marks too much


@dataclass(frozen=True)
class Thresholds:
    """The least odds of 'Yes' for each level, by kind of criterion; docs/decisions/local-model.md says whence."""

    met: float = 0.66
    partial: float = 0.56
    present: float = 0.74
    half_present: float = 0.62
    asserted: float = 0.5
    mentioned: float = 0.66


class Passage(NamedTuple):
    """Neighbouring sentences under one mark; one sentence each, unless there are more sentences than marks."""

    mark: str
    text: str
    sentences: tuple[int, ...]


class PerCriterion:
    """A judge over a model that tells its first token's odds. Raises ImpossibleOption for one that doesn't."""

    name = "per_criterion"
    rounds = 1  # the same odds would come again

    def __init__(self, model: Model, templates: Mapping[str, PromptTemplate], thresholds: Thresholds) -> None:
        if not model.gives_odds:
            raise ImpossibleOption(
                "judge", f"per_criterion needs the odds of a model's first token, and {model.name!r} gives none"
            )
        self.model = model
        self._templates = templates
        self._thresholds = thresholds

    @property
    def identity(self) -> str:
        return f"{self.name} {self.model.identity} {self._thresholds} {self._templates['neutral'].label}"

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        match criterion:
            case Point():
                return self._templates["point"]
            case Pitfall(kind=kind):
                return self._templates[kind.value]
            case _:
                return self._templates["star"]

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        passages = passages_of(case.answer)
        neutral = self._templates["neutral"]
        usual = await self._marks(case, self._prompt(neutral, case, passages), neutral, passages)
        for criterion in criteria:
            template = self.prompt_for(criterion)
            prompt = self._prompt(template, case, passages, criterion=criterion)
            reply = await self.model.complete(prompt, case.seconds_left())
            case.completions.append(reply)
            yes = odds_of_yes(reply.first_token_odds or {})
            if yes is None:
                continue
            level, mention = self._level(criterion, yes)
            sentences: tuple[int, ...] = ()
            if _found(criterion, level):
                marks = await self._marks(case, prompt, template, passages)
                sentences = likeliest(passages, marks, usual)
            yield Judgement(
                Verdict(
                    criterion_id=criterion.id,
                    level=level,
                    mention=mention,
                    sentences=sentences,
                    confidence=round(max(yes, 1 - yes), 4),
                    probability=round(1 - yes if _asked_inverted(criterion) else yes, 4),
                    model=reply.model,
                    prompt=template.label,
                ),
                reply.cost_usd,
            )

    def _prompt(self, template: PromptTemplate, case: Case, passages: Sequence[Passage], **more: Criterion) -> Prompt:
        user = template.render("user", question=case.question, mark=case.fence, passages=passages, **more)
        return Prompt(system=template.render("system"), user=user, most_tokens=1, odds=_ODDS)

    async def _marks(
        self, case: Case, question: Prompt, template: PromptTemplate, passages: Sequence[Passage]
    ) -> dict[str, float]:
        """The odds of the marks when the reply is begun so that it goes on with one; fewer if it thinks of fewer."""
        begun = replace(question, start=template.render("start"))
        reply = await self.model.complete(begun, case.seconds_left())
        case.completions.append(reply)
        odds = {token.strip(): p for token, p in (reply.first_token_odds or {}).items()}
        return {passage.mark: odds[passage.mark] for passage in passages if passage.mark in odds}

    def _level(self, criterion: Criterion, yes: float) -> tuple[Level, Mention | None]:
        least = self._thresholds
        match criterion:
            case Point():
                return ("met" if yes >= least.met else "partial" if yes >= least.partial else "missed"), None
            case Pitfall(kind=PitfallKind.COMMISSION):
                return ("committed", Mention.ASSERTS) if yes >= least.asserted else ("avoided", Mention.NONE)
            case Pitfall(kind=kind):  # asked whether the thing is there, so the answer is inverted
                missing = Mention.OMITS if kind is PitfallKind.OMISSION else Mention.ASSERTS
                return ("avoided", Mention.NONE) if yes >= least.mentioned else ("committed", missing)
            case _:
                return (
                    "present" if yes >= least.present else "partial" if yes >= least.half_present else "absent"
                ), None


def _asked_inverted(criterion: Criterion) -> bool:
    """Whether the question is after what the fault leaves out, so that a yes clears the answer of it."""
    return isinstance(criterion, Pitfall) and criterion.kind is not PitfallKind.COMMISSION


def _found(criterion: Criterion, level: Level) -> bool:
    """Whether there is a passage to point at."""
    if isinstance(criterion, Pitfall):
        return (level == "committed") == (criterion.kind is PitfallKind.COMMISSION)
    return level not in ("missed", "absent")


def passages_of(answer: Answer) -> list[Passage]:
    """The sentences, evenly grouped where there are more of them than marks."""
    sentences = answer.sentences
    groups = min(len(sentences), len(MARKS))
    cuts = [round(i * len(sentences) / groups) for i in range(groups + 1)]
    return [
        Passage(MARKS[i], " ".join(s.text for s in sentences[a:b]), tuple(s.number for s in sentences[a:b]))
        for i, (a, b) in enumerate(pairwise(cuts))
    ]


def likeliest(passages: Sequence[Passage], marks: Mapping[str, float], usual: Mapping[str, float]) -> tuple[int, ...]:
    """The sentences under the mark whose odds rose most over its usual ones; none if no mark has any.

    Contextual calibration: Zhao et al., Calibrate Before Use, ICML 2021.
    """
    if not marks:
        return ()
    best = max(
        passages, key=lambda passage: marks.get(passage.mark, _LEAST) / usual.get(passage.mark, _LEAST) ** _TRUST
    )
    return best.sentences


def odds_of_yes(odds: Mapping[str, float]) -> float | None:
    """Odds of yes against no, however they are spelt; None if the model wanted to say neither."""
    said = {"yes": 0.0, "no": 0.0}
    for token, p in odds.items():
        word = token.strip().casefold()
        if word in said:
            said[word] += p
    total = said["yes"] + said["no"]
    return said["yes"] / total if total > 0 else None
