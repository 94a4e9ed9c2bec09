"""Prompt files as templates: sections of text, a digest that tells the truth, and rendering that trusts nobody."""

import hashlib
import hmac
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import DictLoader, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.core.answer import Answer

_SECTION = re.compile(r"^## (\w+)\n", re.MULTILINE)
# Of chat templates: <|…|>, </s>, <start_of_turn>, <<SYS>>, [INST]; a plain "x < 5" stays.
_CONTROL = re.compile(r"<(?=[A-Za-z|｜/<])|>(?<=[|｜]>)|\[(?=/?[A-Z_]{2,}\])")  # each begins with what is rare
_FENCE = "<answer-{{ mark }}>"
_DRAWS_IN = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


@dataclass(frozen=True)
class Prompt:
    """What a model is given. `start` is the beginning of its own reply, to be carried on; "" for none.

    `schema` is the JSON schema of the reply, or None; `odds` is how many of the likeliest first tokens to report.
    `system` and the first `shared` characters of `user` are the same for every answer to a question.
    `about` is for whoever records: what is being asked. The model never sees it.
    """

    system: str
    user: str
    most_tokens: int
    start: str = ""
    schema: Mapping[str, Any] | None = None
    odds: int = 0
    shared: int = 0
    about: str = ""


@dataclass(frozen=True)
class PromptTemplate:
    """One file of `prompts/`, with what it includes. `digest` is the sha256 of all that text."""

    name: str
    digest: str
    _sections: Mapping[str, "_Section"] = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """`name@digest`, shortened: what each verdict bears."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def sections(self) -> frozenset[str]:
        """Their names."""
        return frozenset(self._sections)

    def render(self, section: str, **values: object) -> str:
        """One section's text. Raises jinja2.UndefinedError if a value it names was not given."""
        before, fenced = self._sections[section]
        if not values:
            return (_rendered(before, ()) + _rendered(fenced, ())).strip()
        return (before.render(**values) + fenced.render(**values)).strip()

    def render_around(self, section: str, shared: Mapping[str, Hashable], own: Mapping[str, object]) -> tuple[str, str]:
        """The section's text in two: what stands before the answer's fence, of the `shared` values alone, and the rest.

        The first is remembered, since all answers to a question share it. The two together are what `render` gives.
        """
        before, fenced = self._sections[section]
        return _rendered(before, tuple(shared.items())).lstrip(), fenced.render(**shared, **own).rstrip()


class _Section(NamedTuple):
    """A section before the line that opens the answer's fence, and from there on; all of it where none does."""

    before: Template
    fenced: Template


@lru_cache(maxsize=256)
def _rendered(template: Template, values: tuple[tuple[str, Hashable], ...]) -> str:
    return template.render(**dict(values))


class _Sandbox(ImmutableSandboxedEnvironment):
    """What may be asked of a value hangs on its type, so it is worked out once for each type: prompts have loops."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._safe: dict[tuple[type, str], bool] = {}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        safe = self._safe.get((type(obj), attr))
        if safe is None:
            safe = self._safe[type(obj), attr] = super().is_safe_attribute(obj, attr, value)
        return safe


def templates_of(files: Mapping[str, str]) -> dict[str, PromptTemplate]:
    """Templates by name, from the text of each prompt file. TemplateSyntaxError names the broken one."""
    environment = _Sandbox(
        loader=DictLoader(dict(files)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["safe_text"] = safe_text
    return {name: _template(environment, name, files) for name in files}


def _template(environment: ImmutableSandboxedEnvironment, name: str, files: Mapping[str, str]) -> PromptTemplate:
    digest = hashlib.sha256("\0".join(files[f] for f in _with_included(environment, name, files)).encode())
    text = files[name]
    headings = list(_SECTION.finditer(text))
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    sections = {}
    for heading, end in zip(headings, ends, strict=False):  # a file only included has no heading
        fence = max(text.find(_FENCE, heading.end(), end), heading.end())
        before = text[heading.end() : fence] + "\n"  # Jinja drops one at the end
        sections[heading[1]] = _Section(
            _compiled(environment, name, text.count("\n", 0, heading.end()), before),
            _compiled(environment, name, text.count("\n", 0, fence), text[fence:end]),
        )
    return PromptTemplate(name, digest.hexdigest(), sections)


def _compiled(environment: ImmutableSandboxedEnvironment, name: str, lines_above: int, text: str) -> Template:
    comment = "{#" + "\n" * lines_above + "#}"  # so that an error tells the file's line
    code = environment.compile(comment + text, name)
    return Template.from_code(environment, code, environment.make_globals(None))


def _with_included(environment: ImmutableSandboxedEnvironment, name: str, files: Mapping[str, str]) -> list[str]:
    """The file and all that it draws in. A name worked out while rendering is refused: no digest could cover it."""
    included: set[str] = set()
    for node in environment.parse(files[name], name).find_all(_DRAWS_IN):
        template = dict(node.iter_fields())["template"]
        found = template.value if isinstance(template, nodes.Const) else None
        if not isinstance(found, str) or found not in files:
            raise TemplateSyntaxError(f"includes {found!r}; include a prompt file by its name", node.lineno, name)
        included.add(found)
    return [name, *(inner for f in sorted(included) for inner in _with_included(environment, f, files))]


def safe_text(text: str) -> str:
    """A stranger's text as it may stand in a prompt: no chat template's control tokens can be spelt in it."""
    return _CONTROL.sub(lambda match: "›" if match.group() == ">" else "‹", " ".join(text.split()))


def fence_mark(secret: bytes, answer: Answer) -> str:
    """16 hex digits that no candidate can know, to fence this answer with."""
    return hmac.new(secret, b"fence\0" + answer.fingerprint.encode(), hashlib.sha256).hexdigest()[:16]
