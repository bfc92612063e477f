"""The `measured:` part of cards and bundles, written without touching another line of the file."""

from __future__ import annotations

import contextlib
import os
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from kiosk import strict
from kiosk.errors import ModelError
from kiosk.models.evaluate.scores import FIGURES, Figure, Scores
from kiosk.models.evaluate.tables import with_interval
from kiosk.vision import BundleCards, Card, load_bundle

SECTIONS: Final = {
    "detection": ("detection",),
    "age": ("age", "minor"),
    "gender": ("gender",),
    "emotion": ("emotion",),
}
"""Sections of the figures that are about one task."""

SETS: Final = {"detection": "boxes", "age": "faces", "gender": "faces", "emotion": "moods"}
"""Which sets a task is measured on."""

WIDTH: Final = 98


def write_card(models_dir: Path, scores: Scores) -> list[Path]:
    """Write the main figures, with data and date, into the bundle's file and its models' cards.

    A card says what its model does in this bundle, and with which others; its figures in other
    bundles stay. Comments and the order of keys stay; only what stands under ``measured:`` is
    written anew.

    Args:
        models_dir: folder of cards and bundles.
        scores: of all the data; figures of a quick look have no place in a card.

    Returns:
        The files that were written.

    Raises:
        ModelError: the scores are of a quick look, or a file cannot be written.
    """
    if scores.limit is not None:
        raise ModelError(
            f"the figures are of at most {scores.limit} pictures of each set",
            hint="write cards without --limit",
        )
    bundle = load_bundle(models_dir, scores.bundle)
    sentences = {task: sentence(scores, task) for task in SECTIONS}
    files = {
        models_dir / "bundles" / f"{scores.bundle}.yaml": {
            task: text for task, text in sentences.items() if text
        }
    }
    for card in bundle.cards:
        entries = {}
        for task in _tasks(card):
            if sentences[task]:
                entries[f"{scores.bundle} {task}"] = sentences[task] + _others(bundle, card, task)
        files[models_dir / card.name / "card.yaml"] = entries
    written = [(path, replaced(path, entries)) for path, entries in files.items() if entries]
    for path, text in written:
        _write(path, text)
    return [path for path, _ in written]


def sentence(scores: Scores, task: str) -> str:
    """The main figures of one task in words, with data and date; empty if there are none."""
    parts = [
        f"{figure.key} {with_interval(scores.figures[figure.key], figure.unit)}"
        for figure in _about(task)
        if figure.key in scores.figures
    ]
    if not parts:
        return ""
    names = scores.sets[SETS[task]]
    sets = ", ".join(f"{name} ({scores.counts[name].used} pictures)" for name in names)
    return f"{'; '.join(parts)}; on {sets}, {scores.day.isoformat()}"


def _about(task: str) -> Iterator[Figure]:
    for figure in FIGURES:
        about = figure.section in SECTIONS[task] or figure.key == f"ece.{task}"
        if (figure.main and about) or figure.key.startswith(f"unknown.{task}."):
            yield figure


def _tasks(card: Card) -> list[str]:
    return [str(task) for task in card.heads] if card.heads else ["detection"]


def _others(bundle: BundleCards, card: Card, task: str) -> str:
    peers = [
        other.name
        for other in (bundle.detector if task == "detection" else bundle.heads)
        if other.name != card.name and task in _tasks(other)
    ]
    return f"; together with {', '.join(peers)}" if peers else ""


def replaced(path: Path, entries: Mapping[str, str]) -> str:
    """The text of a YAML file in which ``measured:`` has these entries, and its others still.

    Raises:
        BadInputError: the file is not YAML.
        ModelError: the text would say something else elsewhere, which is not written.
    """
    before = strict.read(path).data
    text = path.read_text(encoding="utf-8")
    measured = {**(before.get("measured") or {}), **entries}
    lines = text.splitlines(keepends=True)
    start, end = _span(lines)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    after = "".join([*lines[:start], *_block(measured), *lines[end:]])
    if _parsed(after) != {**before, "measured": measured}:
        raise ModelError(
            f"{path}: the figures cannot be written without changing another key",
            hint="give `measured:` lines of its own, indented by two spaces",
        )
    return after


def _span(lines: list[str]) -> tuple[int, int]:
    """First line of ``measured:`` and the line after its last; both the end if it is not there."""
    for start, line in enumerate(lines):
        if line.startswith("measured:"):
            end = start + 1
            while end < len(lines) and (lines[end][0] in " \t" or not lines[end].strip()):
                end += 1
            # Empty lines after it belong to what comes next.
            while not lines[end - 1].strip():
                end -= 1
            return start, end
    return len(lines), len(lines)


def _block(measured: Mapping[str, str]) -> Iterator[str]:
    yield "measured:\n"
    for key, text in measured.items():
        yield f"  {key}: >-\n"
        # A dash at the start of a folded line would still be text, but a line broken at a hyphen
        # would be read with a space in it.
        for line in textwrap.wrap(text, WIDTH - 4, break_long_words=False, break_on_hyphens=False):
            yield f"    {line}\n"


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that nobody ever reads half of it."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as bad:
        raise ModelError(f"{path}: cannot be written: {bad.strerror}") from bad
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        made.chmod(path.stat().st_mode)
        made.replace(path)
    except OSError as bad:
        raise ModelError(f"{path}: cannot be written: {bad.strerror}") from bad
    finally:
        with contextlib.suppress(FileNotFoundError):
            made.unlink()
