"""Model cards and bundles: what a model is, where it came from, and how its tensors are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kiosk import strict, terms
from kiosk.errors import BadInputError, ModelError

Task = Literal["age", "gender", "emotion"]
"""What a head estimates."""

Reader = Literal["tflite", "onnx", "openvino", "tfjs-graph", "keras", "faceapi", "mtcnn", "cascade"]
"""How the published files become a graph; a cascade is no graph and stays what it is."""

FaceDecoder = Literal["mediapipe-anchors", "yunet", "ssd", "tiny-yolo", "mtcnn", "haar"]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WheelSource(_Part):
    """Files inside a published Python wheel."""

    kind: Literal["wheel"]
    package: str
    version: str
    python_tag: str = Field(description="such as py3 or cp311")
    platform: str = Field(description="such as any or manylinux_2_28_x86_64")
    files: dict[str, Sha256] = Field(min_length=1, description="path inside it, and its hash")


class NpmSource(_Part):
    """Files inside a published npm package."""

    kind: Literal["npm"]
    package: str
    version: str
    files: dict[str, Sha256] = Field(min_length=1, description="path inside it, and its hash")


class UrlSource(_Part):
    """Files that their publisher serves, or a mirror laid out alike."""

    kind: Literal["url"]
    package: str = Field(description="folder of the mirror that holds this publisher's files")
    version: str
    base: str = Field(description="address that the paths of the files are joined to")
    files: dict[str, Sha256] = Field(min_length=1, description="path below it, and its hash")


Source = Annotated[Union[WheelSource, NpmSource, UrlSource], Field(discriminator="kind")]


class Input(_Part):
    """The converted model's input: one uint8 image, NHWC, that it scales by itself."""

    height_px: int = Field(gt=0)
    width_px: int = Field(gt=0)
    colour: Literal["BGR", "GREY"] = Field(description="what the converted model is fed")
    source_layout: Literal["NHWC", "NCHW"] = Field(description="of the published model")
    source_colour: Literal["RGB", "BGR", "GREY"] = Field(description="of the published model")
    mean: list[float] = Field(
        min_length=1, max_length=3, description="subtracted from 0..255 first, per source channel"
    )
    scale: float = Field(gt=0, description="then divided by this")

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return 1 if self.colour == "GREY" else 3

    @model_validator(mode="after")
    def _one_mean_per_channel(self) -> Input:
        if (self.colour == "GREY") != (self.source_colour == "GREY"):
            raise ValueError("colour and source_colour: grey in one is grey in the other")
        if len(self.mean) not in (1, self.channels):
            raise ValueError(f"mean: give 1 or {self.channels} numbers, not {len(self.mean)}")
        return self


class Crop(_Part):
    """The square chip that a head was trained on, fixed by where the eyes stand in it."""

    eye_y: float = Field(ge=0, le=1, description="height of both eyes, share of the side")
    eye_distance: float = Field(gt=0, le=1, description="between the eyes, share of the side")
    equalise: bool = Field(False, description="its histogram is equalised, as in its training")


class FaceDetection(_Part):
    """How a detector is run, and how its outputs become faces."""

    decoder: FaceDecoder
    outputs: list[str] = Field([], description="names of the tensors, in the decoder's order")
    min_score: float = Field(gt=0, lt=1, description="least score of a face, as it is given out")
    score_knots: list[tuple[float, float]] = Field(
        [], description="the network's score, and the share of such boxes that are faces"
    )
    min_face_px: int = Field(0, ge=0, description="narrowest face that it finds in its input")
    keypoints: list[str] = Field([], description="order of the keypoints; none: typical places")
    typical_eyes: Optional[Crop] = Field(
        None, description="without keypoints: where the eyes stand in a box of equal sides"
    )
    grid: int = Field(0, ge=0, description="cells per side, one anchor in the middle of each")
    near_px: int = Field(
        0, ge=0, description="side of the input that looks again at one known face; 0: it cannot"
    )


class HeadOutput(_Part):
    """How one output of a model becomes probabilities."""

    output: str = Field("", description="name of the tensor; empty: the only one")
    decoder: Literal["probabilities", "logits", "sigmoid", "years"] = Field(
        description="years: one number, the age over years[0]"
    )
    labels: list[str] = Field([], description="class names, in the tensor's order")
    years: list[float] = Field([], description="age of each class, in years")

    @property
    def known_labels(self) -> list[str]:
        """The labels in the order of :mod:`kiosk.terms`, whatever the tensor's."""
        words = (*terms.GENDERS, *terms.MOODS)
        return sorted(self.labels, key=words.index)

    @model_validator(mode="after")
    def _readable(self) -> HeadOutput:
        words = (*terms.GENDERS, *terms.MOODS)
        for label in self.labels:
            if label not in words:
                raise ValueError(f"labels: {label!r} is not one of {', '.join(words)}")
            if self.labels.count(label) > 1:
                raise ValueError(f"labels: {label!r} is given twice")
        if self.decoder == "sigmoid" and len(self.labels) != 2:
            raise ValueError("labels: a sigmoid tells two labels apart, the likelier one last")
        return self


class Card(_Part):
    """One model."""

    name: str
    title: str
    upstream: str = Field(description="where its authors describe it")
    licence: str
    source: Source
    reader: Reader
    network: str = Field("", description="which architecture, where the files hold only weights")
    keep: list[str] = Field([], description="output nodes that are read; others are cut off")
    input: Input
    faces: Optional[FaceDetection] = None
    heads: dict[Task, HeadOutput] = {}
    crop: Optional[Crop] = None
    tolerance: float = Field(gt=0, description="largest difference from the published model")
    measured: dict[str, str] = Field({}, description="figures seen, with data and date")
    notes: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Card:
        if (self.faces is None) == (not self.heads):
            raise ValueError("a card describes either `faces` or `heads`")
        if self.heads and self.crop is None:
            raise ValueError("crop: the card of an attribute model needs it")
        for task, head in self.heads.items():
            _check_head(task, head)
        return self


def _check_head(task: Task, head: HeadOutput) -> None:
    if task == "age":
        if not head.years or head.labels:
            raise ValueError("heads.age: years are needed, and no labels")
        return
    words = terms.GENDERS if task == "gender" else terms.MOODS
    if head.years or head.decoder == "years":
        raise ValueError(f"heads.{task}: years are of ages")
    if not head.labels:
        raise ValueError(f"heads.{task}: labels are needed")
    for label in head.labels:
        if label not in words:
            raise ValueError(f"heads.{task}: {label!r} is not one of {', '.join(words)}")


class Fusion(_Part):
    """How the heads of one task become one calibrated answer.

    Gender and emotion: logarithms of the heads' probabilities, weighted, plus a bias per label,
    normalised (a logarithmic opinion pool; with one head, temperature scaling). Age: the heads'
    mean years, weighted, then corrected along straight lines between knots.
    """

    weights: dict[str, float] = Field({}, description="of each head, by the model's name")
    bias: dict[str, float] = Field({}, description="added for a label")
    knots: list[tuple[float, float, float]] = Field(
        [], description="estimated years, true mean years, standard deviation in years"
    )
    unknown_below_p: float = Field(0, ge=0, lt=1, description="probability that is no answer")

    @model_validator(mode="after")
    def _rising(self) -> Fusion:
        said = [knot[0] for knot in self.knots]
        if said != sorted(said):
            raise ValueError("knots: the estimated years have to rise")
        if any(not (0 <= mean <= 120 and sd > 0) for _, mean, sd in self.knots):
            raise ValueError("knots: true years are 0 to 120, and a deviation is above 0")
        if any(weight < 0 for weight in self.weights.values()):
            raise ValueError("weights: none is below 0")
        return self


class Bundle(_Part):
    """A set of models that a device can select."""

    name: str
    title: str
    detector: list[str] = Field(min_length=1, description="models of the face detector, in order")
    heads: list[str] = Field([], description="models that look at one face")
    fusion: dict[Task, Fusion] = {}
    measured: dict[str, str] = Field({}, description="figures seen, with data and date")


@dataclass(frozen=True)
class BundleCards:
    """A bundle and the cards of its models."""

    bundle: Bundle
    detector: tuple[Card, ...]
    heads: tuple[Card, ...]

    @property
    def tasks(self) -> frozenset[Task]:
        """What its heads estimate."""
        return frozenset(task for card in self.heads for task in card.heads)

    @property
    def cards(self) -> tuple[Card, ...]:
        """All of them, the detector's first."""
        return self.detector + self.heads


def load_card(models_dir: Path, name: str) -> Card:
    """Read ``models_dir/name/card.yaml``.

    Raises:
        ModelError: it is missing or does not fit, with file, line and key.
    """
    return strict.load(models_dir / name / "card.yaml", Card, _CardError)


def load_bundle(models_dir: Path, name: str) -> BundleCards:
    """Read a bundle and the cards of its models; raises as :func:`load_card` does."""
    path = models_dir / "bundles" / f"{name}.yaml"
    if not path.is_file():
        known = sorted(found.stem for found in path.parent.glob("*.yaml"))
        raise ModelError(
            f"{path}: there is no bundle {name!r}",
            hint=f"known here: {', '.join(known) or 'none; is vision.models_dir right?'}",
        )
    bundle = strict.load(path, Bundle, _CardError)
    detector = tuple(load_card(models_dir, model) for model in bundle.detector)
    heads = tuple(load_card(models_dir, model) for model in bundle.heads)
    for card in detector:
        if card.faces is None:
            raise _CardError(f"{path}: detector: {card.name} does not find faces")
    for card in heads:
        if not card.heads:
            raise _CardError(f"{path}: heads: {card.name} estimates nothing of a face")
    _check_labels(path, heads)
    for task, fusion in bundle.fusion.items():
        having = {card.name for card in heads if task in card.heads}
        for model in sorted(set(fusion.weights) - having):
            raise _CardError(f"{path}: fusion.{task}.weights.{model}: no head of this bundle")
        told = {label for card in heads if task in card.heads for label in card.heads[task].labels}
        for label in sorted(set(fusion.bias) - told):
            raise _CardError(f"{path}: fusion.{task}.bias.{label}: no label of its heads")
    return BundleCards(bundle, detector, heads)


def _check_labels(path: Path, heads: tuple[Card, ...]) -> None:
    """Opinions can only be pooled where they are on the same labels."""
    first: dict[Task, Card] = {}
    for card in heads:
        for task, head in card.heads.items():
            other = first.setdefault(task, card)
            if head.known_labels != other.heads[task].known_labels:
                raise _CardError(
                    f"{path}: heads: {card.name} and {other.name} have different labels for {task};"
                    " keep one of them"
                )


class _CardError(ModelError, BadInputError):
    """A card or bundle file that does not fit."""
