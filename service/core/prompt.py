"""Prompt files as templates: sections of text, a digest that tells the truth, and rendering that trusts nobody."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.core.answer import Answer

_SECTION = re.compile(r"^## (\w+)\n", re.MULTILINE)
# Of chat templates: <|…|>, </s>, <start_of_turn>, <<SYS>>, [INST]; a plain "x < 5" stays.
_CONTROL = re.compile(r"<(?=[A-Za-z|｜/<])|(?<=[|｜])>|\[(?=/?[A-Z_]{2,}\])")
_DRAWS_IN = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


@dataclass(frozen=True)
class Prompt:
    """What a model is given. `start` is the beginning of its own reply, to be carried on; "" for none.

    `schema` is the JSON schema of the reply, or None; `odds` is how many of the likeliest first tokens to report.
    `about` is for whoever records: what is being asked. The model never sees it.
    """

    system: str
    user: str
    most_tokens: int
    start: str = ""
    schema: Mapping[str, Any] | None = None
    odds: int = 0
    about: str = ""


@dataclass(frozen=True)
class PromptTemplate:
    """One file of `prompts/`, with what it includes. `digest` is the sha256 of all that text."""

    name: str
    digest: str
    _sections: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """`name@digest`, shortened: what each verdict bears."""
        return f"{self.name}@{self.digest[:12]}"

    def render(self, section: str, **values: object) -> str:
        """One section's text. Raises jinja2.UndefinedError if a value it names was not given."""
        return str(self._sections[section].render(**values)).strip()


def templates_of(files: Mapping[str, str]) -> dict[str, PromptTemplate]:
    """Templates by name, from the text of each prompt file. TemplateSyntaxError names the broken one."""
    environment = ImmutableSandboxedEnvironment(
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
        lines_above = "\n" * text.count("\n", 0, heading.end())  # so that an error tells the file's line
        code = environment.compile(lines_above + text[heading.end() : end], name)
        sections[heading[1]] = Template.from_code(environment, code, environment.make_globals(None))
    return PromptTemplate(name, digest.hexdigest(), sections)


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
