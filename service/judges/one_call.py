"""Ask about the whole rubric in one request, and read a JSON reply. Made for hosted models."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from service.core.errors import JudgeFailed
from service.core.prompt import Prompt, PromptTemplate
from service.core.rubric import Criterion, Pitfall, Point
from service.core.verdict import Mention, Verdict, read_verdicts
from service.judges import Case, Judgement
from service.models import Completion, Model

_TOKENS_EACH = 60  # room for one criterion's entry; twice what a typical one takes
_TOKENS_AROUND = 60


class OneCall:
    """A judge that makes one request an answer, and one more for what the first reply left unreadable."""

    name = "one_call"
    rounds = 2

    def __init__(self, model: Model, template: PromptTemplate) -> None:
        self.model = model
        self._template = template

    @property
    def identity(self) -> str:
        return f"{self.name} {self.model.identity}"

    def prompt_for(self, criterion: Criterion) -> PromptTemplate:  # noqa: ARG002 - one template serves all kinds
        return self._template

    async def assess(self, case: Case, criteria: Sequence[Criterion]) -> AsyncGenerator[Judgement, None]:
        shared, own = self._template.render_around(
            "user",
            {"question": case.question, "criteria": tuple(criteria)},
            {"mark": case.fence, "sentences": case.heard},
        )
        prompt = Prompt(
            system=self._template.render("system"),
            user=shared + own,
            shared=len(shared),
            most_tokens=_TOKENS_AROUND + _TOKENS_EACH * len(criteria),
            schema=reply_schema(criteria),
        )

        def read(text: str, model: str) -> list[Verdict]:
            return read_verdicts(text, criteria, case.heard, model=model, prompt=self._template.label)

        if not case.early:
            reply = await self.model.complete(prompt, case.seconds_left())
            for judgement in _priced(read(reply.text, reply.model), reply, case):
                yield judgement
            return
        async with aclosing(self._early(prompt, case, read)) as judgements:
            async for judgement in judgements:
                yield judgement

    async def _early(
        self, prompt: Prompt, case: Case, read: Callable[[str, str], list[Verdict]]
    ) -> AsyncGenerator[Judgement, None]:
        """Each verdict as soon as its entry is whole, and all of them again once the price is known.

        Both times the text is read by the same reader, to which a part of a reply tells nothing that the whole unsays.
        """
        told: list[Verdict] = []
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        writing = asyncio.create_task(self.model.complete(prompt, case.seconds_left(), pieces.put_nowait))

        def end(_: object) -> None:
            pieces.put_nowait(None)
            if not writing.cancelled():
                writing.exception()  # seen, even where nobody is left to hear of it

        writing.add_done_callback(end)
        try:
            text = ""
            while (piece := await pieces.get()) is not None:
                text += piece
                if "}" not in piece:  # no entry ends here
                    continue
                known, told = len(told), read(text, self.model.name)
                for verdict in told[known:]:
                    yield Judgement(verdict, None, final=False)
            reply = await writing
            for judgement in _priced(read(reply.text, reply.model), reply, case):
                yield judgement
        except JudgeFailed:
            for verdict in told:  # they were whole before it failed
                yield Judgement(verdict, None)
            raise
        finally:
            writing.cancel()


def _priced(verdicts: Sequence[Verdict], reply: Completion, case: Case) -> list[Judgement]:
    """The verdicts with their shares of what the reply cost; the reply goes to the case's account."""
    case.completions.append(reply)
    share = reply.cost_usd / len(verdicts) if verdicts and reply.cost_usd is not None else None
    return [Judgement(verdict, share) for verdict in verdicts]


def reply_schema(criteria: Sequence[Criterion]) -> dict[str, Any]:
    """The JSON schema of a reply: one entry per criterion, the level last. Small, as it is paid for in tokens."""
    kinds = {c.id: _kind(c) for c in criteria}
    return {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{kind}"} for name, kind in kinds.items()},
        "required": list(kinds),
        "additionalProperties": False,
        "$defs": {kind: _entry(kind) for kind in dict.fromkeys(kinds.values())},
    }


def _kind(criterion: Criterion) -> str:
    return "p" if isinstance(criterion, Point) else "f" if isinstance(criterion, Pitfall) else "s"


def _entry(kind: str) -> dict[str, Any]:
    levels = {"p": ["met", "partial", "missed"], "f": ["present", "absent"], "s": ["present", "partial", "absent"]}
    fields: dict[str, Any] = {"at": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 5}}
    if kind == "f":
        fields["as"] = {"enum": [mention.value for mention in Mention]}
    fields |= {"why": {"type": "string", "maxLength": 60}, "level": {"enum": levels[kind]}}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
