"""Prompt files as templates: sections of text, a digest that tells the truth, and rendering that trusts nobody."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import DictLoader, StrictUndefined, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.core.answer import Answer

_SECTION = re.compile(r"^## (\w+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Prompt:
    """What a model is given. `start` is the beginning of its own reply, to be carried on; "" for none.

    `schema` is the JSON schema of the reply, or None; `odds` is how many of the likeliest first tokens to report.
    """

    system: str
    user: str
    most_tokens: int
    start: str = ""
    schema: Mapping[str, Any] | None = None
    odds: int = 0


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
    """Templates by name, from the text of each prompt file. Raises jinja2.TemplateError on one that is broken."""
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(dict(files)), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["safe_text"] = safe_text
    return {name: _template(environment, name, files) for name in files}


def _template(environment: ImmutableSandboxedEnvironment, name: str, files: Mapping[str, str]) -> PromptTemplate:
    parts = _SECTION.split(files[name])[1:]
    sections = {parts[i]: environment.from_string(parts[i + 1]) for i in range(0, len(parts), 2)}
    digest = hashlib.sha256("\0".join(files[f] for f in _with_included(environment, name, files)).encode())
    return PromptTemplate(name, digest.hexdigest(), sections)


def _with_included(environment: ImmutableSandboxedEnvironment, name: str, files: Mapping[str, str]) -> list[str]:
    included = sorted(f for f in meta.find_referenced_templates(environment.parse(files[name])) if f)
    return [name, *(inner for f in included for inner in _with_included(environment, f, files))]


def safe_text(text: str) -> str:
    """A stranger's text as it may stand in a prompt: no chat template's control tokens can be spelt in it."""
    return re.sub(r"<(?=[|/])|(?<=\|)>", lambda match: "‹" if match.group() == "<" else "›", " ".join(text.split()))


def fence_mark(secret: bytes, answer: Answer) -> str:
    """16 hex digits that no candidate can know, to fence this answer with."""
    return hmac.new(secret, b"fence\0" + answer.fingerprint.encode(), hashlib.sha256).hexdigest()[:16]
