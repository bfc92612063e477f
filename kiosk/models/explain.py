"""Which pixels of a face carried each model's answer: for whoever asks why glasses look angry.

RISE (Petsiuk, Das and Saenko 2018, arXiv:1806.07421): parts of the face are hidden at random, and
a pixel matters by how much surer the answer is while it can be seen. It needs nothing of a model
but its answers, so it explains the very file that runs on the device. The maintained libraries for
this are made for training frameworks and would bring one along.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import BadInputError
from kiosk.models.evaluate.pictures import read_picture

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

CELLS = 7
"""Cells per side of the grid that is hidden at random."""

SHOWN = 0.5
"""Share of the cells that can be seen at a time."""

BLUR_SHARE = 0.12
"""What hides a pixel is its surroundings: the chip, blurred by this share of its side."""


@dataclass(frozen=True)
class Saliency:
    """One answer of one model, and what carried it.

    Attributes:
        model, task: who answered what.
        answer: in words, with its probability.
        chip: uint8 BGR [side, side, 3], what the model looked at.
        heat: float32 [side, side], 0 (did not matter) to 1 (mattered most).
    """

    model: str
    task: str
    answer: str
    chip: Image
    heat: Floats


def explain(examiner: Any, photo: Path, masks: int) -> list[Saliency]:
    """Ask every model of a bundle about the main face of a photo, with parts of it hidden.

    Args:
        examiner: :class:`kiosk.vision.stills.Examiner`.
        photo: any picture that OpenCV reads.
        masks: how many times each model is asked.

    Raises:
        BadInputError: the picture cannot be read, there is no face in it, or no model for it.
    """
    image = read_picture(photo)
    if not len(examiner.main_face(image)):
        raise BadInputError(
            f"{photo}: no face is found in it", hint="take one in which the face is larger"
        )
    if not examiner.heads:
        raise BadInputError("this bundle has no model that looks at a face", hint="see --bundle")
    keypoints = examiner.keypoints(image)
    found = []
    for head in examiner.heads:
        cut = head.chip(image, keypoints)
        said = head.ask(cut)
        hidden = _masks(cut.shape[0], masks)
        answers = {task: np.zeros(masks, np.float32) for task in said}
        blurred = _blurred(cut)
        for row, mask in enumerate(hidden):
            shown = mask[..., None]
            mixed = cut * shown + blurred * (1 - shown)
            for task, opinion in head.ask(mixed.astype(np.uint8)).items():
                answers[task][row] = _agreement(task, said[task], opinion)
        for task, opinion in said.items():
            found.append(
                Saliency(
                    model=head.card.name,
                    task=task,
                    answer=_in_words(task, opinion, examiner.labels.get(task, [])),
                    chip=np.asarray(np.broadcast_to(cut, (*cut.shape[:2], 3)), np.uint8),
                    heat=_heat(hidden, answers[task]),
                )
            )
    return found


def _masks(side: int, count: int) -> Floats:
    """Random soft masks, float32 [count, side, side], 1 where a pixel can be seen."""
    import cv2

    random = np.random.default_rng(0)
    cell = -(-side // CELLS)
    size = (CELLS + 1) * cell
    masks = np.empty((count, side, side), np.float32)
    for row in range(count):
        grid = (random.random((CELLS + 1, CELLS + 1)) < SHOWN).astype(np.float32)
        large = cv2.resize(grid, (size, size), interpolation=cv2.INTER_LINEAR)
        x, y = random.integers(0, cell, 2)
        masks[row] = large[y : y + side, x : x + side]
    return masks


def _blurred(cut: Image) -> Floats:
    import cv2

    soft = cv2.GaussianBlur(cut, (0, 0), BLUR_SHARE * cut.shape[0])
    return np.asarray(soft, np.float32).reshape(cut.shape)


def _agreement(task: str, first: Floats, now: Floats) -> float:
    """How much of the first answer is left: its probability, or for age how near the years are."""
    if task == "age":
        return float(np.exp(-abs(float(now[0] - first[0])) / 5.0))
    return float(np.exp(now[int(first.argmax())]))


def _heat(masks: Floats, answers: Floats) -> Floats:
    """Mean answer while a pixel is shown, less the mean while it is hidden; scaled to 0..1."""
    weights = answers - answers.mean()
    heat = np.einsum("n,nyx->yx", weights, masks - masks.mean(axis=0))
    heat = np.maximum(heat, 0)
    return np.asarray(heat / max(float(heat.max()), 1e-9), np.float32)


def _in_words(task: str, opinion: Floats, labels: list[str]) -> str:
    if task == "age":
        return f"{float(opinion[0]):.0f} years"
    p = np.exp(opinion - opinion.max())
    p /= p.sum()
    best = int(p.argmax())
    return f"{labels[best]}, {100 * float(p[best]):.0f} %"


def draw(found: list[Saliency], title: str, target: Path) -> None:
    """Write one PNG: for each answer what the model saw, and over it what carried the answer.

    Raises:
        BadInputError: it cannot be written there.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(found), 5.6), layout="constrained")
    figure.suptitle(title)
    rows: Any = figure.subplots(2, len(found), squeeze=False)
    for column, one in enumerate(found):
        rgb = one.chip[..., ::-1]
        above, below = rows[0][column], rows[1][column]
        above.imshow(rgb)
        above.set_title(f"{one.task}: {one.answer}", fontsize=10)
        below.imshow(rgb.mean(axis=2), cmap="gray")
        shown = below.imshow(one.heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
        below.set_title(one.model, fontsize=8)
        for axes in (above, below):
            axes.set_axis_off()
    figure.colorbar(shown, ax=rows[1].tolist(), shrink=0.7, label="carried the answer")
    try:
        figure.savefig(target, format="png", dpi=110)
    except OSError as bad:
        raise BadInputError(f"{target}: cannot be written: {bad.strerror}") from bad
