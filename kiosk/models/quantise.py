"""INT8 copies of models, kept only where they are faster and as right.

NNCF's post-training quantisation, calibrated on the user's own labelled pictures. Some of them are
held back, and each copy is compared on these with the model that it comes from.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.config import InferenceSettings, VisionSettings
from kiosk.errors import BadInputError
from kiosk.models.evaluate.datasets import (
    BoxPicture,
    FacePicture,
    Labelled,
    MoodPicture,
    read_labelled,
)
from kiosk.models.evaluate.metrics.detection import HIT, IGNORED, average_precision, match
from kiosk.models.evaluate.pictures import fitted, read_picture
from kiosk.vision import BUILT, BundleCards, Card, int8_name, load_bundle, open_examiner

Image = NDArray[np.uint8]

CALIBRATION_PICTURES = 300
LEAST_PICTURES = 50
HELD_BACK = 2
"""Every so manyth picture calibrates; the others compare."""

LARGEST_LOSS_POINTS = 0.5
"""Of accuracy or average precision, in percentage points."""

LARGEST_LOSS_YEARS = 0.1
LEAST_GAIN = 1.1
TIMED_RUNS = 15
ROUNDS = 3


@dataclass(frozen=True)
class Int8Result:
    """One model and its quantised copy.

    Attributes:
        model: its name.
        kept: the copy is faster and as right.
        before, after: what is measured of each task on the held-back pictures: accuracy or average
            precision in per cent, mean absolute error of the age in years.
        ms, int8_ms: of one inference on this processor, measured in turn.
        gain: ``ms`` over ``int8_ms``.
        why: why it was not kept, else empty.
    """

    model: str
    kept: bool
    before: dict[str, float]
    after: dict[str, float]
    ms: float
    int8_ms: float
    gain: float
    why: str


@dataclass
class _Scores:
    """Sums over the held-back pictures."""

    right: dict[str, list[float]] = field(default_factory=dict)

    def add(self, task: str, value: float) -> None:
        self.right.setdefault(task, []).append(value)

    def means(self) -> dict[str, float]:
        return {
            task: round(float(np.mean(values)) * (1 if task == "age" else 100), 3)
            for task, values in self.right.items()
        }


def quantise_bundle(
    models_dir: Path, bundle: str, data: Path, say: Callable[[str], None]
) -> list[Int8Result]:
    """Quantise what can be, compare, keep what pays.

    Args:
        models_dir: folder of the models, built.
        bundle: which of them.
        data: labelled pictures, laid out like the measuring data.
        say: told a line per step.

    Raises:
        BadInputError: there are too few pictures for a task of the bundle.
        ModelError: a model is not built.
    """
    cards = load_bundle(models_dir, bundle)
    labelled = read_labelled(data)
    plain = open_examiner(VisionSettings(models_dir=models_dir, bundle=bundle))
    precise = InferenceSettings(precision="int8")
    settings = VisionSettings(models_dir=models_dir, bundle=bundle, inference=precise)
    try:
        # What was never compared must not stay, whatever ends this.
        made = _make_copies(models_dir, cards, labelled, plain, say)
        copies = open_examiner(settings)
        say("comparing on the pictures that were held back")
        results = _compare(
            [one for one in cards.cards if one.name in made], labelled, plain, copies
        )
    except BaseException:
        for card in cards.cards:
            _forget(models_dir, card)
        raise
    for result in results:
        if not result.kept:
            _forget(models_dir, next(card for card in cards.cards if card.name == result.model))
    return results


def _make_copies(
    models_dir: Path,
    cards: BundleCards,
    labelled: Labelled,
    examiner: Any,
    say: Callable[[str], None],
) -> set[str]:
    """Quantised copies beside the models that have pictures to calibrate on; their names."""
    made = set()
    # NNCF makes OpenVINO cores of its own, which end in any order; see `openvino_core`.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for card in cards.cards:
            if card.reader == "cascade" or (card.faces is not None and len(cards.detector) > 1):
                say(f"{card.name}: cannot be compared by itself; left as it is")
                continue
            inputs = _inputs(card, labelled, examiner)
            if len(inputs) < LEAST_PICTURES:
                say(f"{card.name}: {len(inputs)} pictures are too few; left as it is")
                continue
            say(f"{card.name}: quantising on {len(inputs)} pictures")
            pool.submit(_quantise, models_dir, card.name, inputs).result()
            made.add(card.name)
    if not made:
        raise BadInputError(
            f"no model of bundle {cards.bundle.name} has {LEAST_PICTURES} labelled pictures",
            hint="give a folder laid out like the measuring data with --data",
        )
    return made


def _inputs(card: Card, labelled: Labelled, examiner: Any) -> list[Image]:
    """What a model would be fed with the pictures that calibrate, uint8 [1, height, width, c]."""
    if card.faces is not None:
        boxes = [one for group in labelled.boxes for one in group.pictures]
        size = (card.input.width_px, card.input.height_px)
        return [fitted(read_picture(one.path), *size)[None] for one in _calibrating(boxes)]
    wanted = [one for one in _pictures(labelled) if _tasks_of(one) & set(card.heads)]
    head = next(one for one in examiner.heads if one.card.name == card.name)
    chips = []
    for one in _calibrating(wanted):
        image = read_picture(one.path)
        chips.append(head.chip(image, examiner.keypoints(image))[None])
    return chips


def _pictures(labelled: Labelled) -> list[FacePicture | MoodPicture]:
    faces = [one for group in labelled.faces for one in group.pictures]
    moods = [one for group in labelled.moods for one in group.pictures]
    return [*faces, *moods]


def _tasks_of(picture: FacePicture | MoodPicture) -> set[str]:
    return {"age", "gender"} if isinstance(picture, FacePicture) else {"emotion"}


def _calibrating(pictures: Sequence[Any]) -> Iterable[Any]:
    chosen = pictures[::HELD_BACK]
    step = max(1, len(chosen) // CALIBRATION_PICTURES)
    return chosen[::step][:CALIBRATION_PICTURES]


def _held_back(pictures: Sequence[Any]) -> list[Any]:
    return [one for place, one in enumerate(pictures) if place % HELD_BACK]


def _quantise(models_dir: Path, name: str, inputs: list[Image]) -> None:
    import nncf
    import openvino as ov

    folder = models_dir / name
    model = ov.Core().read_model(str(folder / f"{name}.xml"))
    nncf.set_log_level("ERROR")
    copy = nncf.quantize(model, nncf.Dataset(inputs), subset_size=len(inputs))
    target = folder / f"{int8_name(name)}.xml"
    ov.save_model(copy, str(target))
    record = json.loads((folder / BUILT).read_text())
    for path in (target, target.with_suffix(".bin")):
        record["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / BUILT).write_text(json.dumps(record, indent=1) + "\n")


def _forget(models_dir: Path, card: Card) -> None:
    """Remove a copy, and its hashes."""
    folder = models_dir / card.name
    record = json.loads((folder / BUILT).read_text())
    for suffix in (".xml", ".bin"):
        path = folder / f"{int8_name(card.name)}{suffix}"
        record["sha256"].pop(path.name, None)
        path.unlink(missing_ok=True)
    (folder / BUILT).write_text(json.dumps(record, indent=1) + "\n")


def _compare(
    cards: Sequence[Card], labelled: Labelled, plain: Any, copies: Any
) -> list[Int8Result]:
    scores = {card.name: (_Scores(), _Scores()) for card in cards}
    for one in _held_back(_pictures(labelled)):
        image = read_picture(one.path)
        keypoints = plain.keypoints(image)
        for heads in zip(plain.heads, copies.heads, strict=True):
            name = heads[0].card.name
            if name in scores and _tasks_of(one) & heads[0].tasks:
                cut = heads[0].chip(image, keypoints)
                for head, score in zip(heads, scores[name], strict=True):
                    _judge(one, head.ask(cut), plain.labels, score)
    boxes = _held_back([one for group in labelled.boxes for one in group.pictures])
    for card in cards:
        if card.faces is not None:
            for examiner, score in zip((plain, copies), scores[card.name], strict=True):
                score.add("faces", _precision(examiner, boxes))
    times = _times(plain, copies, read_picture(_any_path(labelled)))
    results = []
    for card in cards:
        before, after = (score.means() for score in scores[card.name])
        key = "frame" if card.faces is not None else card.name
        results.append(_result(card.name, before, after, times[0][key], times[1][key]))
    return results


def _any_path(labelled: Labelled) -> Path:
    first: FacePicture | MoodPicture | BoxPicture = next(
        one
        for groups in (labelled.boxes, labelled.faces, labelled.moods)
        for group in groups
        for one in group.pictures
    )
    return first.path


def _judge(
    one: FacePicture | MoodPicture, said: Any, labels: dict[str, list[str]], score: _Scores
) -> None:
    if isinstance(one, FacePicture):
        if "age" in said:
            score.add("age", abs(float(said["age"][0]) - one.age))
        if "gender" in said:
            score.add("gender", float(labels["gender"][int(said["gender"].argmax())] == one.gender))
    elif "emotion" in said and one.mood in labels["emotion"]:
        score.add("emotion", float(labels["emotion"][int(said["emotion"].argmax())] == one.mood))


def _precision(examiner: Any, pictures: list[BoxPicture]) -> float:
    found, hits, faces = [], [], 0.0
    for one in pictures:
        boxes, sure = examiner.find(read_picture(one.path))
        truth = np.asarray([(b.xmin, b.ymin, b.xmax, b.ymax) for b in one.boxes], float)
        difficult = np.asarray([b.difficult for b in one.boxes], bool)
        matched = match(boxes, sure, truth, difficult)
        counted = matched.outcome != IGNORED
        found.append(np.asarray(sure, float)[counted])
        hits.append(matched.outcome[counted] == HIT)
        faces += float((~difficult).sum())
    return average_precision(np.concatenate(found), np.concatenate(hits), faces)


def _times(plain: Any, copies: Any, image: Image) -> tuple[dict[str, float], dict[str, float]]:
    """Least of a few medians each, taken in turn, so that both meet the same noise."""
    best: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for _ in range(ROUNDS):
        for examiner, into in zip((plain, copies), best, strict=True):
            for name, ms in examiner.time_ms(image, TIMED_RUNS).items():
                into[name] = min(ms, into.get(name, float("inf")))
    return best


def _result(
    name: str, before: dict[str, float], after: dict[str, float], ms: float, int8_ms: float
) -> Int8Result:
    gain = ms / max(int8_ms, 1e-6)
    faults = [f"{gain:.2f} times as fast is no gain"] if gain < LEAST_GAIN else []
    for task, value in before.items():
        loss = after[task] - value if task == "age" else value - after[task]
        if loss > (LARGEST_LOSS_YEARS if task == "age" else LARGEST_LOSS_POINTS):
            unit = "years" if task == "age" else "points"
            faults.append(f"{task} loses {loss:.2f} {unit}")
    return Int8Result(
        name, not faults, before, after, ms, int8_ms, round(gain, 2), "; ".join(faults)
    )


def int8_table(results: Sequence[Int8Result]) -> str:
    """A line per model: times, gain, what is measured before and after, the verdict."""
    lines = [f"{'model':28} {'ms':>7} {'int8':>7} {'gain':>5}  before -> after"]
    for one in results:
        figures = ", ".join(
            f"{task} {value:g} -> {one.after[task]:g}" for task, value in one.before.items()
        )
        verdict = "kept" if one.kept else f"not kept: {one.why}"
        lines.append(
            f"{one.model:28} {one.ms:7.2f} {one.int8_ms:7.2f} {one.gain:5.2f}  {figures}; {verdict}"
        )
    return "\n".join(lines)
