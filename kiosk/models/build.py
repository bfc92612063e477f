"""Build, list and verify the models of a bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kiosk.errors import ModelError
from kiosk.models.sources import Sources
from kiosk.vision import BUILT, Card, checked_ir, load_bundle

FACES = "face-detection"
"""What a detector's card is for, in a list beside the tasks of the heads."""


@dataclass(frozen=True)
class ModelState:
    """One model of a bundle, and whether its files are what was built.

    Attributes:
        tasks: what it is for: ``face-detection``, or of ``age``, ``gender`` and ``emotion``.
        state: ``ok``; ``missing`` (not built); ``altered``.
        message: what is wrong, empty when nothing is.
        difference: largest difference from the published model seen when it was built.
    """

    name: str
    tasks: list[str]
    licence: str
    source: str
    state: Literal["ok", "missing", "altered"]
    message: str
    difference: float | None


def bundles(models_dir: Path) -> list[str]:
    """Names of the bundles that a device can select."""
    return sorted(found.stem for found in (models_dir / "bundles").glob("*.yaml"))


def list_models(models_dir: Path, bundle: str) -> list[ModelState]:
    """The models of a bundle and their state on this machine.

    Raises:
        ModelError: the bundle or a card cannot be read.
    """
    return [_state(models_dir, card) for card in load_bundle(models_dir, bundle).cards]


def verify_bundle(models_dir: Path, bundle: str) -> list[ModelState]:
    """As :func:`list_models`, but refuses a bundle that cannot run.

    Raises:
        ModelError: one sentence per model that is missing or altered.
    """
    states = list_models(models_dir, bundle)
    bad = [state.message for state in states if state.state != "ok"]
    if bad:
        raise ModelError("\n".join(bad), hint=f"run `kiosk models build --bundle {bundle}`")
    return states


def build_bundle(
    models_dir: Path,
    bundle: str,
    say: Callable[[str], None],
    *,
    again: bool = False,
    mirror: str = "",
) -> list[str]:
    """Fetch and convert what is missing or altered.

    Args:
        models_dir: folder of cards and bundles.
        bundle: which set of models.
        say: told a line per model.
        again: build also what is there and sound.
        mirror: folder or address to read in place of the publishers' addresses.

    Returns:
        Names of the models that were built.

    Raises:
        ModelError: a download, hash or comparison failed; models built before it stay.
    """
    return build_bundles(models_dir, [bundle], say, again=again, mirror=mirror)


def build_bundles(
    models_dir: Path,
    names: list[str],
    say: Callable[[str], None],
    *,
    again: bool = False,
    mirror: str = "",
) -> list[str]:
    """Build several bundles, each model and download once; as :func:`build_bundle` otherwise."""
    cards = {card.name: card for name in names for card in load_bundle(models_dir, name).cards}
    built = []
    with Sources(mirror) as sources:
        for card in cards.values():
            if not again and _is_current(models_dir, card):
                continue
            say(f"{card.name}: fetching {card.source.package} {card.source.version}")
            difference = _build(models_dir, card, sources)
            say(f"{card.name}: built; differs from the published model by {difference:.2g} at most")
            built.append(card.name)
    return built


def _build(models_dir: Path, card: Card, sources: Sources) -> float:
    import openvino

    from kiosk.models.convert import make

    files, difference = make(card, sources, models_dir / card.name)
    record = {
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        **_made_from(card),
        "openvino": openvino.__version__,
        "difference": difference,
    }
    (models_dir / card.name / BUILT).write_text(json.dumps(record, indent=1) + "\n")
    return difference


def _made_from(card: Card) -> dict[str, Any]:
    """All that what is built depends on."""
    from kiosk.models.convert import RECIPE

    return {
        "recipe": RECIPE,
        "source_sha256": dict(card.source.files),
        "reader": [card.reader, card.network, *card.keep],
        "input": card.input.model_dump(mode="json"),
    }


def _is_current(models_dir: Path, card: Card) -> bool:
    if _state(models_dir, card).state != "ok":
        return False
    record = json.loads((models_dir / card.name / BUILT).read_text())
    return all(record.get(key) == value for key, value in _made_from(card).items())


def _state(models_dir: Path, card: Card) -> ModelState:
    folder = models_dir / card.name
    state: Literal["ok", "missing", "altered"] = "ok"
    message, difference = "", None
    try:
        checked_ir(models_dir, card.name)
        difference = json.loads((folder / BUILT).read_text()).get("difference")
    except ModelError as bad:
        message = str(bad)
        state = "altered" if (folder / BUILT).is_file() else "missing"
    tasks = [FACES] if card.faces is not None else [str(task) for task in card.heads]
    source = f"{card.source.package} {card.source.version}"
    return ModelState(card.name, tasks, card.licence, source, state, message, difference)
