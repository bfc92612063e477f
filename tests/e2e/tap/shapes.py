"""A document against a frozen list of its fields: every path known, every value of its kind.

A path is what stands in :mod:`tests.e2e.tap.fields`: ``viewers[].box[]`` is each number of the box
of each viewer, ``mood{mood}`` a value whose key is one of the labels of :data:`KEYS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_DIGITS = 24
"""Characters of a number: a longer one is a message of its own."""


@dataclass(frozen=True)
class Kind:
    """What a value has to be.

    Attributes:
        says: in words, for an offence.
        holds: whether a value is of this kind.
    """

    says: str
    holds: Callable[[Any], bool]


Fields = Mapping[str, Kind]
Keys = Mapping[str, Callable[[str], bool]]


def number() -> Kind:
    return Kind(
        "a number",
        lambda v: (
            isinstance(v, (int, float)) and not isinstance(v, bool) and len(repr(v)) <= MOST_DIGITS
        ),
    )


def integer() -> Kind:
    return Kind(
        "an integer",
        lambda v: isinstance(v, int) and not isinstance(v, bool) and len(repr(v)) <= MOST_DIGITS,
    )


def flag() -> Kind:
    return Kind("true or false", lambda v: isinstance(v, bool))


def label(*labels: str) -> Kind:
    return Kind("one of " + ", ".join(labels), lambda v: isinstance(v, str) and v in labels)


def like(pattern: str) -> Kind:
    """Text of a form."""
    compiled = re.compile(pattern)
    return Kind(
        f"like {pattern}", lambda v: isinstance(v, str) and compiled.fullmatch(v) is not None
    )


def text(most: int) -> Kind:
    """One printable line."""
    return Kind(
        f"text of at most {most} characters",
        lambda v: isinstance(v, str) and len(v) <= most and v.isprintable(),
    )


def figure() -> Kind:
    """One figure, state or short text of a list whose names are not fixed."""
    one = text(500)
    return Kind(
        "one figure or short text",
        lambda v: v is None or isinstance(v, bool) or number().holds(v) or one.holds(v),
    )


def maybe(kind: Kind) -> Kind:
    return Kind(f"{kind.says}, or null", lambda v: v is None or kind.holds(v))


def row(length: int, of: Kind) -> Kind:
    """A list of a fixed length."""
    return Kind(
        f"{length} times {of.says}",
        lambda v: isinstance(v, list) and len(v) == length and all(of.holds(one) for one in v),
    )


def offences(document: Any, fields: Fields, keys: Keys, seen: set[str] | None = None) -> list[str]:
    """What is wrong with a document; ``seen`` gathers the paths that it has."""
    found = []
    for path, value in _leaves(document, "", fields, keys):
        if seen is not None:
            seen.add(path)
        kind = fields.get(path)
        if kind is None:
            found.append(f"{path or 'the document'}: no such field in the frozen list: {value!r}")
        elif not kind.holds(value):
            found.append(f"{path}: not {kind.says}: {value!r}")
    return [one[:300] for one in found]


def _leaves(value: Any, path: str, fields: Fields, keys: Keys) -> Iterator[tuple[str, Any]]:
    if value in ({}, []) and not _is_inside(path, fields):
        # Nothing is in it today; its name alone was not promised.
        yield path, value
    elif isinstance(value, dict) and (path not in fields or _is_inside(path, fields)):
        for key, inner in value.items():
            yield from _leaves(inner, _step(path, str(key), fields, keys), fields, keys)
    elif isinstance(value, (list, tuple)) and path not in fields:
        for inner in value:
            yield from _leaves(inner, f"{path}[]", fields, keys)
    elif value is None and path not in fields and _is_inside(path, fields):
        # An object that is not there says nothing.
        return
    else:
        yield path, value


def _step(path: str, key: str, fields: Fields, keys: Keys) -> str:
    plain = f"{path}.{key}" if path else key
    if plain in fields or _is_inside(plain, fields):
        return plain
    for name, holds in keys.items():
        if _is_inside(f"{path}{{{name}}}", fields) and holds(key):
            return f"{path}{{{name}}}"
        if f"{path}{{{name}}}" in fields and holds(key):
            return f"{path}{{{name}}}"
    return plain


def _is_inside(path: str, fields: Fields) -> bool:
    """Whether a field lies below a path."""
    return any(field.startswith((f"{path}.", f"{path}[", f"{path}{{")) for field in fields)
