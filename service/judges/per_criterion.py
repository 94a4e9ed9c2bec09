"""Ask about one criterion at a time, and read the verdict from the odds of the reply's first token.

Made for small local models: a worked example is a prefix that the model reads once for all answers, question and answer
are one that it reads once an answer, and each criterion adds a short question. What the odds are worth is a matter of
calibration: a few numbers per kind of criterion, fitted on golden answers, that set them against the odds of answers
which are known (`known`). Which sentence shows the thing is asked right after, at three tokens each. A question without
content is asked first, to learn which marks the model favours whatever it is asked, and how ready it is to say yes.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from service.core.answer import Sentence
from service.core.calibration import STATED, Calibration, Direction, Scale
from service.core.errors import ImpossibleOption
from service.core.prompt import Prompt, PromptTemplate
from service.core.rubric import Criterion, Pitfall, PitfallKind, Point
from service.core.verdict import Level, Mention, Verdict
from service.judges import Case, Judgement, total_usd
from service.judges.known import KnownAnswer, KnownOdds, kept_odds, key_of, known_answers
from service.judges.signals import Asked, Told, kind_of, log_odds, signals_of, told_by
from service.models import Completion, Model

# Marks that are one token each in the vocabularies we know: "12" would be two, and its odds half of them.
MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ODDS, _FEW_ODDS = 3000, 40  # likeliest first tokens to be told; telling 3000 takes a tenth of what asking does
_LEAST = 1e-4  # odds of a mark that is not among them
_POINT: tuple[Level, ...] = ("missed", "partial", "met")
_STAR: tuple[Level, ...] = ("absent", "partial", "present")
_TRUST = 0.7  # in what the neutral question tells; 1 would believe the odds of rare marks too much


class Passage(NamedTuple):
    """Neighbouring sentences under one mark; one sentence each, unless there are more sentences than marks."""

    mark: str
    text: str
    sentences: tuple[int, ...]


class PerCriterion:
    """A judge over a model that tells its first token's odds. Raises ImpossibleOption for one that doesn't."""

    name = "per_criterion"
    rounds = 1  # the same odds would come again

    def __init__(
        self,
        model: Model,
        templates: Mapping[str, PromptTemplate],
        calibration: Calibration,
        known: KnownOdds | None = None,
    ) -> None:
        if not model.gives_odds:
            raise ImpossibleOption(
                "judge", f"per_criterion needs the odds of a model's first token, and {model.name!r} gives none"
            )
        self.model = model
        self._templates = templates
        self.calibration = calibration
        self._known_file = known
        self._kept: MutableMapping[str, Told] | None = None
        self._asks_all = False

    @property
    def identity(self) -> str:
        shared = " ".join(self._templates[name].label for name in ("neutral", "empty"))
        return f"{self.name} {self.model.identity} {self.calibration.digest} {shared}"

    @property
    def known(self) -> MutableMapping[str, Told]:
        """What the model, which must be warm, has told before known answers, by key."""
        if self._kept is None:
            self._kept = kept_odds(self._known_file, self.model.identity, self.calibration)
        return self._kept

    def ask_all_known(self) -> None:
        """Forget what the file tells, and ask from here on about all known answers, whatever the scales look at."""
        self.known.clear()
        self._asks_all = True

    @property
    def reads_example(self) -> bool:
        return any(looks_at(scale, "example") for scale in self.calibration.scales.values())

    @property
    def _looks_far(self) -> bool:
        """Whether more than yes and no is looked at, or to be kept for a calibration that does."""
        return self._asks_all or bool(self.calibration.directions)

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:
        return self._templates[kind_of(criterion)]

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        known = await self.known_odds(case, criteria)  # first, so that the candidate's answer is then read once
        passages = passages_of(case.heard)
        without_content = self._templates["neutral"]
        prompt = self._prompt(without_content, case, passages)
        neutral = log_odds((await self._asked(case, prompt)).first_token_odds or {}) or 0.0
        usual = marked((await self._pointed(case, prompt, without_content)).first_token_odds or {}, passages)
        for criterion in criteria:
            template = self.prompt_for(criterion)
            prompt = self._prompt(template, case, passages, criterion)
            reply = await self._asked(case, prompt)
            pointed = await self._pointed(case, prompt, template)
            marks = marked(pointed.first_token_odds or {}, passages)
            asked = Asked(reply.first_token_odds or {}, marks, neutral, known[criterion.id])
            scale = self._scale(case, criterion)
            signals = signals_of(criterion, case.answer, asked, self._direction(case, criterion))
            verdict = signals and verdict_from(signals, marks, criterion, passages, usual, scale)
            if verdict:
                signed = verdict.model_copy(update={"model": reply.model, "prompt": template.label})
                yield Judgement(signed, total_usd((reply.cost_usd, pointed.cost_usd)))

    async def known_odds(self, case: Case, criteria: Sequence[Criterion]) -> dict[str, dict[str, Told]]:
        """By criterion id and name of the known answer; of those alone that its scale looks at.

        The model is asked about those that were never asked before.
        """
        found: dict[str, dict[str, Told]] = {criterion.id: {} for criterion in criteria}
        for known in self._known_answers(case):
            for criterion in criteria:
                if self._asks_all or looks_at(self._scale(case, criterion), known.name):
                    found[criterion.id][known.name] = await self._known_one(case, known, criterion)
        return found

    async def get_known(self, case: Case, criteria: Sequence[Criterion]) -> None:
        """Ask about every known answer, whatever the scales look at."""
        for known in self._known_answers(case):
            for criterion in criteria:
                await self._known_one(case, known, criterion)

    def _known_answers(self, case: Case) -> Iterator[KnownAnswer]:
        return known_answers(self._templates["empty"].render("answer"), case.example)

    async def _known_one(self, case: Case, known: KnownAnswer, criterion: Criterion) -> Told:
        """Nothing either way where the model wanted to say neither yes nor no."""
        template = self.prompt_for(criterion)
        key = key_of(template, case.question, known.answer, criterion)
        if self.calibration.says_stated(kind_of(criterion), case.example is not None):
            key = f"{key} {STATED}"  # how far it lies along another direction is another figure
        if key not in self.known:
            before = replace(case, answer=known.answer, fence=known.mark, unheard=frozenset())
            prompt = self._prompt(template, before, passages_of(before.heard), criterion)
            reply = await self._asked(case, replace(prompt, about=f"{prompt.about} {known.name}"))
            told = told_by(reply.first_token_odds or {}, self._direction(case, criterion))
            self.known[key] = told or Told(0.0)
        return self.known[key]

    def _scale(self, case: Case, criterion: Criterion) -> Scale:
        return self.calibration.scale_of(kind_of(criterion), case.example is not None)

    def _direction(self, case: Case, criterion: Criterion) -> Direction | None:
        return self.calibration.direction_of(kind_of(criterion), case.example is not None)

    def _prompt(
        self, template: PromptTemplate, case: Case, passages: Sequence[Passage], criterion: Criterion | None = None
    ) -> Prompt:
        return Prompt(
            system=template.render("system"),
            user=template.render(
                "user", question=case.question, mark=case.fence, passages=passages, criterion=criterion
            ),
            start=template.render("start"),
            most_tokens=1,
            odds=_ODDS if criterion and self._looks_far else _FEW_ODDS,
            about=f"{template.label} {criterion.id if criterion else ''}".strip(),
        )

    async def _asked(self, case: Case, prompt: Prompt) -> Completion:
        reply = await self.model.complete(prompt, case.seconds_left())
        case.completions.append(reply)
        return reply

    async def _pointed(self, case: Case, question: Prompt, template: PromptTemplate) -> Completion:
        """The same question, its reply begun so that it goes on with a mark."""
        begun = replace(question, start=template.render("evidence"), odds=_FEW_ODDS, about=f"{question.about} evidence")
        return await self._asked(case, begun)


def looks_at(scale: Scale, known: str) -> bool:
    """Whether what the model tells of this known answer shapes the verdict."""
    return not scale.weights.keys().isdisjoint((known, "lift"))


def verdict_from(
    signals: Mapping[str, float],
    marks: Mapping[str, float],
    criterion: Criterion,
    passages: Sequence[Passage],
    usual: Mapping[str, float],
    scale: Scale,
) -> Verdict:
    """What the signals decide by this scale; `marks` are the sentences' odds, `usual` those for the question without
    content.
    """
    height, confidence, probability = scale.read(signals)
    level, mention = _decided(criterion, height)
    return Verdict(
        criterion_id=criterion.id,
        level=level,
        mention=mention,
        sentences=likeliest(passages, marks, usual) if _found(criterion, level) else (),
        confidence=confidence,
        probability=probability,
    )


def _decided(criterion: Criterion, height: int) -> tuple[Level, Mention | None]:
    """The criterion's own level of that height, and how the answer touches a pitfall."""
    match criterion:
        case Point():
            return _POINT[height], None
        case Pitfall(kind=kind):
            if not height:
                return "avoided", Mention.NONE
            return "committed", Mention.OMITS if kind is PitfallKind.OMISSION else Mention.ASSERTS
        case _:
            return _STAR[height], None


def _found(criterion: Criterion, level: Level) -> bool:
    """Whether there is a passage to point at: where the verdict says yes to what was asked.

    Of an omission that is what it would leave out, of the other pitfalls the fault itself.
    """
    if isinstance(criterion, Pitfall):
        return (level == "committed") != (criterion.kind is PitfallKind.OMISSION)
    return level not in ("missed", "absent")


def passages_of(sentences: Sequence[Sentence]) -> list[Passage]:
    """The sentences, evenly grouped where there are more of them than marks."""
    groups = min(len(sentences), len(MARKS))
    cuts = [round(i * len(sentences) / groups) for i in range(groups + 1)]
    return [
        Passage(MARKS[i], " ".join(s.text for s in sentences[a:b]), tuple(s.number for s in sentences[a:b]))
        for i, (a, b) in enumerate(pairwise(cuts))
    ]


def marked(odds: Mapping[str, float], passages: Sequence[Passage]) -> dict[str, float]:
    """The odds of the passages' marks among those of all tokens; of marks that were not told, none."""
    by_token = {token.strip(): p for token, p in odds.items()}
    return {passage.mark: by_token[passage.mark] for passage in passages if passage.mark in by_token}


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
