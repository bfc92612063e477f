"""The plain recipe of the published systems: Haar cascade, then Keras on every face of every frame.

Started by measure.py, in an environment of its own, as
``python -m tests.bench.peers.plain_peer CLIP_JSON`` with the weights' folder in ``PEER_WEIGHTS``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.bench.peers.worker import Look, Seen, serve

SCALE_FACTOR = 1.3
MIN_NEIGHBORS = 5
EMOTION_MARGIN = (20, 40)
GENDER_MARGIN = (30, 60)
"""Pixels added on each side of a face: across, up and down."""
GENDERS = ("female", "male")

Predict = Callable[[np.ndarray], np.ndarray]


def start() -> tuple[str, Look]:
    """Load the cascade and the two networks."""
    import tensorflow as tf
    import tf_keras

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(1)
    weights = Path(os.environ["PEER_WEIGHTS"])
    cascade = cv2.CascadeClassifier(
        str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml")
    )
    emotion, gender = (
        _ways(tf, tf_keras.models.load_model(weights / name, compile=False))
        for name in ("fer2013_mini_XCEPTION.102-0.66.hdf5", "gender_mini_XCEPTION.21-0.95.hdf5")
    )

    def look(frame: np.ndarray, _t_s: float, variant: str) -> Seen:
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        faces = cascade.detectMultiScale(cv2.equalizeHist(grey), SCALE_FACTOR, MIN_NEIGHBORS)
        genders = []
        for box in faces:
            emotion[variant](_chip(grey, box, EMOTION_MARGIN))
            genders.append(GENDERS[gender[variant](_chip(grey, box, GENDER_MARGIN)).argmax()])
        return Seen(faces=len(faces), genders=genders, ages=[])

    return f"OpenCV {cv2.__version__}, TensorFlow {tf.__version__} with Keras 2, 1 thread", look


def _ways(tf: Any, model: Any) -> dict[str, Predict]:
    """The ways to run one network, the published one first, each kinder than the one before."""
    traced = tf.function(lambda chip: model(chip, training=False))
    return {
        "model.predict": lambda chip: model.predict(chip, verbose=0),
        "direct call": lambda chip: model(chip, training=False).numpy(),
        "traced": lambda chip: traced(tf.constant(chip)).numpy(),
    }


def _chip(grey: np.ndarray, box: np.ndarray, margin: tuple[int, int]) -> np.ndarray:
    """The face with its margin as [1, 64, 64, 1] in -1..1."""
    x, y, width, height = box
    top, left = max(0, y - margin[1]), max(0, x - margin[0])
    crop = grey[top : y + height + margin[1], left : x + width + margin[0]]
    chip = cv2.resize(crop, (64, 64)).astype(np.float32) / 255
    return ((chip - 0.5) * 2)[None, :, :, None]


if __name__ == "__main__":
    serve(start)
