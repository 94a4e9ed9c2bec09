"""Read rubrics/ and prompts/ once, at start-up; a bad file stops the service there."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import jinja2
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from service.core.errors import BadFile, UnknownQuestion
from service.core.prompt import PromptTemplate, templates_of
from service.core.rubric import Rubric, RubricSet
from service.metrics import REQUEST_SET

HOME = Path(__file__).resolve().parent.parent
RUBRICS = HOME / "rubrics"
PROMPTS = HOME / "prompts"

_AnyModel = TypeVar("_AnyModel", bound=BaseModel)

_MENDS = {
    "extra_forbidden": "unknown key; take it out, or check its spelling against docs/writing-rubrics.md",
    "missing": "is missing; add it",
    "string_type": "must be text; fill it in, or put it in quotes",
    "tuple_type": "must be a list; begin each item with a dash",
    "model_type": "must be made of `key: value` lines; docs/writing-rubrics.md shows them",
}


@dataclass(frozen=True)
class Catalog:
    """The rubrics by question id, in the order of their ids, and the rules of the set."""

    rubrics: Mapping[str, Rubric]
    rules: RubricSet

    def rubric_for(self, question_id: str) -> Rubric:
        """Raises UnknownQuestion."""
        try:
            return self.rubrics[question_id]
        except KeyError:
            raise UnknownQuestion(question_id) from None

    def set_of(self, question_id: str | None) -> str:
        """The question set as metrics name it: the document that a question was taken from, `catalog` where its rubric
        names none; `request` for a rubric that came with one (None), whatever that says of itself.
        """
        rubric = self.rubrics.get(question_id or "")
        if rubric is None:
            return REQUEST_SET
        return rubric.source.document if rubric.source else "catalog"

    @property
    def listed(self) -> tuple[Rubric, ...]:
        """All but those the set hides."""
        return tuple(rubric for name, rubric in self.rubrics.items() if name not in self.rules.hidden)


def read_catalog(folder: Path = RUBRICS) -> Catalog:
    """Every rubric of a folder; `_` files are no rubrics. Raises BadFile, telling all that is wrong in one file."""
    rules = _rules(folder / "_set.yaml")
    rubrics: dict[str, Rubric] = {}
    for path in sorted(folder.glob("*.yaml"), key=_natural):
        if path.name.startswith("_"):
            continue
        document = _document(path)
        rubric = _valid(path, document, Rubric)
        if rubric.id != path.stem:
            problem = f"id is {rubric.id!r}; it must be the file's name, {path.stem!r}"
            raise BadFile(path, [(_line(document, ("id",)), problem)])
        rubrics[path.stem] = rubric
    if not rubrics:
        raise BadFile(folder, [(None, "no rubrics (*.yaml) here; `grader rubrics import PAGE` drafts some")])
    return Catalog(rubrics, rules)


def read_yaml(path: Path, wanted: type[_AnyModel]) -> _AnyModel:
    """One YAML file as a value. Raises BadFile with the line of each thing that is wrong, and how to mend it."""
    return _valid(path, _document(path), wanted)


def read_json(path: Path, wanted: type[_AnyModel]) -> _AnyModel:
    """One JSON file as a value; a large one takes a hundredth of the time that it takes as YAML. Raises BadFile."""
    try:
        return wanted.model_validate_json(_text(path))
    except ValidationError as error:
        raise BadFile(path, [_problem(None, e["type"], e["loc"], e["msg"]) for e in error.errors()]) from error


def yaml_text(value: Mapping[str, Any]) -> str:
    """A mapping as YAML in its own order, long text wrapped."""
    writer, stream = YAML(), StringIO()
    writer.width = 110
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(dict(value), stream)
    return stream.getvalue()


def read_prompts(folder: Path = PROMPTS, own: Path | None = None) -> dict[str, PromptTemplate]:
    """The prompt templates by file name without `.md`; with one more of somebody's `own`, which may include the others.

    Raises BadFile on one broken, or changed after release.
    """
    files = {path.stem: _text(path) for path in sorted(folder.glob("*.md"))}
    if own:
        if own.stem in files and own.resolve() != (folder / f"{own.stem}.md").resolve():
            raise BadFile(own, [(None, f"bears the name of a prompt that ships, {own.stem}; give it another")])
        files[own.stem] = _text(own)
    try:
        templates = templates_of(files)
    except jinja2.TemplateSyntaxError as error:
        broken = own if own and error.name == own.stem else folder / f"{error.name}.md"
        raise BadFile(broken, [(error.lineno, str(error.message))]) from error
    released = _document(folder / "released.yaml") or {}
    if not isinstance(released, Mapping):
        raise BadFile(folder / "released.yaml", [(1, "must be made of `prompt name: digest` lines")])
    for name, digest in released.items():
        if name not in templates:
            raise BadFile(folder / f"{name}.md", [(None, "was released and is gone; bring it back")])
        if templates[name].digest != digest:
            problem = (
                "was released; it, or what it includes, has changed since: "
                "bring that back, and give the new wording a new file"
            )
            raise BadFile(folder / f"{name}.md", [(None, problem)])
    return templates


def _rules(path: Path) -> RubricSet:
    """The set's, refused where a score by them could leave 0 to 100 or its bounds; bands are for the lint to judge."""
    if not path.exists():
        return RubricSet()
    document = _document(path)
    rules = _valid(path, document, RubricSet)
    levels = rules.level_values
    if not math.isclose(rules.points_share + rules.star_share, 1):
        raise BadFile(path, [(_line(document, ("points_share",)), "points_share and star_share must add up to 1")])
    if not levels.missed <= levels.partial <= levels.met:
        raise BadFile(path, [(_line(document, ("level_values",)), "level_values must rise: missed, partial, met")])
    return rules


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, [(None, f"cannot be read as UTF-8 text: {error}")]) from error


def _document(path: Path) -> Any:
    try:
        return YAML(typ="rt", pure=True).load(_text(path))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadFile(path, [(line, f"not readable as YAML: {error.problem}")]) from error
    except (YAMLError, ValueError) as error:  # a control character; a date that is in no calendar
        raise BadFile(path, [(None, f"not readable as YAML: {' '.join(str(error).split())}")]) from error


def _valid(path: Path, document: Any, wanted: type[_AnyModel]) -> _AnyModel:
    try:
        return wanted.model_validate(_plain(document))
    except ValidationError as error:
        raise BadFile(path, [_problem(document, e["type"], e["loc"], e["msg"]) for e in error.errors()]) from error


def _natural(path: Path) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in path.stem.split(".")]


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _problem(document: Any, kind: str, where: tuple[int | str, ...], message: str) -> tuple[int | None, str]:
    name = ".".join(str(part) for part in where) or "the file"
    return _line(document, where), f"{name}: {_MENDS.get(kind, message.removeprefix('Value error, '))}"


def _line(document: Any, where: tuple[int | str, ...]) -> int | None:
    """The line of the deepest part of a path that the document holds; None where it holds nothing."""
    line = None
    for node, key in _walk(document, where):
        if isinstance(node, CommentedMap) and key in node:
            line = node.lc.key(key)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
            line = node.lc.item(key)[0] + 1
    return line or (1 if document is not None else None)


def _walk(document: Any, where: tuple[int | str, ...]) -> Iterator[tuple[Any, int | str]]:
    node = document
    for key in where:
        yield node, key
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return
