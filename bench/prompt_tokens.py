"""Tokens of prompts, schema and reply, by the local model's own tokenizer: `python -m bench.prompt_tokens`."""

import json
from collections.abc import Callable

import httpx
from rich.console import Console
from rich.table import Table

from bench.answers import STRONG
from service.bootstrap import ONE_CALL, WORDINGS
from service.catalog import read_catalog, read_prompts
from service.core.answer import Answer
from service.core.rubric import Pitfall, Point
from service.judges.one_call import reply_schema
from service.judges.per_criterion import passages_of
from service.judges.signals import kind_of
from service.models.schemas import without_bounds
from service.models.weights import fetch
from tests.processes import model_server

_MARK = "0123456789abcdef"
_KEY = "sk-bench"
_console = Console(width=150)


def main() -> None:
    fetch()
    with model_server(key=_KEY) as address:
        headers = {"Authorization": f"Bearer {_KEY}"}
        with httpx.Client(base_url=address.removesuffix("/v1"), headers=headers, timeout=300) as client:

            def count(text: str) -> int:
                return len(client.post("/tokenize", json={"content": text}).json()["tokens"])

            _one_call(count)
            _per_criterion(count)


def _one_call(count: Callable[[str], int]) -> None:
    """A rubric of twelve criteria and an answer of 200 words, and a reply with six words of reason each."""
    table = Table(title="one call: 12 criteria, an answer of 200 words")
    for column in (
        "question",
        "rules",
        "rubric and answer",
        "schema",
        "prompt and schema",
        "reply",
        "of it white space apart",
    ):
        table.add_column(column, justify="right")
    template = read_prompts()[ONE_CALL]
    for name in ("4.1", "5.1"):
        rubric = read_catalog().rubric_for(name)
        answer = Answer.of(" ".join(f"{rubric.example_answer} {STRONG}".split()[:200]))
        rules = template.render("system")
        user = template.render(
            "user", question=rubric.question, criteria=rubric.judged, mark=_MARK, sentences=answer.sentences
        )
        schema = json.dumps(without_bounds(reply_schema(rubric.judged)), separators=(",", ":"))
        reply = {
            c.id: {"at": [2, 5], "why": "names two steps and their reason", "level": "partial"}
            if isinstance(c, Point)
            else {"at": [], "as": "omits", "why": "no word of it in the answer", "level": "absent"}
            for c in rubric.judged
        }
        spaced, tight = count(json.dumps(reply)), count(json.dumps(reply, separators=(",", ":")))
        parts = [count(rules), count(user), count(schema)]
        table.add_row(f"{name} ({len(rubric.judged)})", *map(str, [*parts, sum(parts), spaced, tight]))
    _console.print(table)


def _per_criterion(count: Callable[[str], int]) -> None:
    """What the model reads once for all answers, once an answer, and what each criterion adds to it.

    Each criterion is asked about twice, with other beginnings of the reply: the second time no more than those are new.
    """
    table = Table(title="per criterion: question 2.2, the strong answer")
    for column in ("read once", "once an answer", "points", "pitfalls", "STAR parts", "added in all", "longest"):
        table.add_column(column, justify="right")
    templates = read_prompts()
    rubric = read_catalog().rubric_for("2.2")
    answer = Answer.of(STRONG)
    added: dict[str, list[int]] = {"point": [], "pitfall": [], "star": []}
    once = an_answer = 0
    for criterion in rubric.judged:
        kind = "pitfall" if isinstance(criterion, Pitfall) else kind_of(criterion)
        template = templates[WORDINGS[0].prompts[kind_of(criterion)]]
        text = template.render(
            "user", question=rubric.question, mark=_MARK, passages=passages_of(answer.sentences), criterion=criterion
        )
        before, fence, after = text.rpartition(f"</answer-{_MARK}>")
        once, an_answer = count(template.render("system")), count(before + fence)
        added[kind].append(count(after))
    means = [f"{sum(counts) / len(counts):.0f} × {len(counts)}" for counts in added.values()]
    each = [n for counts in added.values() for n in counts]
    table.add_row(str(once), str(an_answer), *means, str(sum(each)), str(max(each)))
    _console.print(table)


if __name__ == "__main__":
    main()
