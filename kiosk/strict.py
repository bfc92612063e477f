"""Read a YAML or JSON file into a pydantic model, and blame the exact line when it does not fit.

Comes in: a path and a model. Goes out: the model's instance, or one :class:`BadInputError` whose
sentence names file, line, key, and the nearest valid name. Never guesses and never drops a key.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from kiosk.errors import BadInputError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[Union[str, int], ...]


MAX_KEYS = 100_000
"""Keys and items of one file: aliases of aliases make more of a small file than memory holds."""

MAX_DEPTH = 20
"""Levels of one file: an alias of its own parent has no last one."""


class Document:
    """A parsed YAML document that remembers where every key came from.

    Attributes:
        data: plain dicts, lists and scalars.
        lines: one-based line of each key or item, by its path.
        sources: keys that do not come from the file, and what gave them.
    """

    def __init__(self, path: Path, text: str, error: type[BadInputError]) -> None:
        self.path = path
        self.lines: dict[Location, int] = {}
        self.sources: dict[Location, str] = {}
        self._error = error
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            self._walk(node, ())
            data = loader.construct_document(node) if node is not None else None
            self.data: Any = {} if data is None else data
        except yaml.MarkedYAMLError as bad:
            mark = bad.problem_mark or bad.context_mark
            line = mark.line + 1 if mark is not None else 1
            raise error(f"{path}:{line}: not valid YAML: {bad.problem or bad.context}") from bad
        except (yaml.YAMLError, ValueError, OverflowError) as bad:
            # PyYAML lets the fault of a date such as 2026-13-01 through as it is.
            raise error(f"{path}: not valid YAML: {bad}") from bad
        except RecursionError as bad:
            raise error(f"{path}: nested too deeply") from bad

    def _walk(self, node: yaml.Node | None, where: Location) -> None:
        if len(where) > MAX_DEPTH or len(self.lines) > MAX_KEYS:
            raise self._error(f"{self.path}:{self.line(where)}: nested too deeply or too large")
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode):
                    raise self._error(f"{self.path}:{line}: a key has to be a plain word")
                here = (*where, key.value)
                if here in self.lines:
                    raise self._error(
                        f"{self.path}:{line}: {dotted(here)}: given twice"
                        f" (first on line {self.lines[here]}); remove one"
                    )
                self.lines[here] = line
                self._walk(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.lines[(*where, index)] = value.start_mark.line + 1
                self._walk(value, (*where, index))

    def line(self, where: Location) -> int:
        """The line of a path, or of its nearest ancestor that is written in the file."""
        while where:
            if where in self.lines:
                return self.lines[where]
            where = where[:-1]
        return 1

    def place(self, where: Location) -> str:
        """Where a value was given: file and line, or the source that is no line of the file."""
        return self.sources.get(where) or f"{self.path}:{self.line(where)}"

    def written(self, location: Location) -> Location:
        """A validator's location without what stands in no file: the names of union members."""
        where: Location = ()
        for part in location:
            named = isinstance(part, str) and ("[" in part or "(" in part)
            if not named or (*where, part) in self.lines:
                where = (*where, part)
        return where


def dotted(where: Location) -> str:
    """``('creatives', 2, 'kind')`` as ``creatives[2].kind``."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def read(path: Path, error: type[BadInputError] = BadInputError) -> Document:
    """Parse ``path`` as YAML (of which JSON is a part).

    Raises:
        BadInputError: (or the subclass given as ``error``) when it is absent or not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as bad:
        reason = bad.strerror if isinstance(bad, OSError) else "it is not UTF-8 text"
        raise error(f"{path}: cannot be read: {reason}") from bad
    return Document(path, text, error)


def validate(
    document: Document,
    model: type[Model],
    error: type[BadInputError] = BadInputError,
    context: dict[str, Any] | None = None,
) -> Model:
    """Check a parsed document against ``model``.

    Raises:
        BadInputError: (or the subclass given as ``error``) with one sentence per fault.
    """
    if not isinstance(document.data, dict):
        raise error(f"{document.path}:1: a mapping of keys is expected at the top")
    try:
        return model.model_validate(document.data, context=context)
    except ValidationError as bad:
        raise error("\n".join(_sentence(document, model, item) for item in bad.errors())) from bad


def load(path: Path, model: type[Model], error: type[BadInputError] = BadInputError) -> Model:
    """Read ``path`` into ``model``; raises as :func:`read` and :func:`validate` do."""
    return validate(read(path, error), model, error)


def _sentence(document: Document, model: type[BaseModel], item: Any) -> str:
    where = document.written(item["loc"])
    head = f"{document.place(where)}: {dotted(where) or '(file)'}"
    kind = item["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(where[-1]), _names_at(model, where[:-1]), n=1)
        return f"{head}: unknown key" + (f'; did you mean "{near[0]}"?' if near else "; remove it")
    if kind == "missing":
        return f"{head}: this key is required"
    if kind == "literal_error":
        return f"{head}: {item['input']!r} is not one of {item['ctx']['expected']}"
    message = item["msg"].removeprefix("Value error, ")
    return f"{head}: {message[:1].lower()}{message[1:]} (found {item['input']!r:.80})"


def _names_at(model: type[BaseModel], where: Location) -> list[str]:
    parts = iter(where)
    for part in parts:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field is not None else None
        if field is None or inner is None:
            return []
        if get_origin(field.annotation) is dict:
            next(parts, None)
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
