"""One frame in, one record out: detect, track, estimate, decide who looks."""

from __future__ import annotations

from pathlib import Path

import cv2

from kiosk.config import VisionSettings
from kiosk.vision.attributes import AttributeEstimator
from kiosk.vision.cards import load_bundle
from kiosk.vision.detect import Detector
from kiosk.vision.faces import Image, head_direction_deg
from kiosk.vision.ir import checked_ir
from kiosk.vision.meter import Meter
from kiosk.vision.records import Viewer, VisionRecord
from kiosk.vision.runtime import Network, Runtime
from kiosk.vision.track import Pass, PassTracker


class Pipeline:
    """The models of one bundle on one processor, and the passes in view."""

    def __init__(self, settings: VisionSettings, source: str) -> None:
        """Load the bundle.

        Args:
            settings: of the vision process.
            source: name of the source, for the records.

        Raises:
            ModelError: a model is missing, altered, or not what its card says.
            AcceleratorError: no configured processor can run them.
        """
        cv2.setNumThreads(settings.inference.threads)
        models_dir = Path(settings.models_dir)
        _, cards = load_bundle(models_dir, settings.bundle)
        self._runtime = Runtime(settings.inference)
        loaded = self._runtime.load_all(
            [checked_ir(models_dir, card.name) for card in cards.values()]
        )
        networks: dict[str, Network] = dict(zip(cards, loaded))
        self._settings = settings
        self._source = source
        self._detector = Detector(
            networks["face-detection"], cards["face-detection"], settings.detection
        )
        self._tracker = PassTracker(settings.tracking)
        self._attributes = AttributeEstimator(networks, cards, settings.attributes)
        self._meter = Meter()

    @property
    def device(self) -> str:
        """Where the models run."""
        return self._runtime.device

    def process(self, frame: Image, t_s: float) -> VisionRecord:
        """Look at one uint8 BGR frame [height, width, 3], taken at ``t_s`` (monotonic seconds)."""
        faces = self._detector.detect(frame)
        passes = self._tracker.update(faces, t_s)
        self._attributes.update(frame, passes, t_s)
        self._attributes.forget({one.id for one in passes})
        self._meter.frame(self._runtime.take_inference_s())
        return VisionRecord(
            t_s=round(t_s, 4),
            frames=self._meter.frames,
            fps=round(self._meter.fps, 1),
            inference_ms=round(self._meter.inference_ms, 2),
            accelerator=self._runtime.device,
            source=self._source,
            viewers=tuple(self._viewers(passes, frame, t_s)),
        )

    def _viewers(self, passes: list[Pass], frame: Image, now_s: float) -> list[Viewer]:
        height, width = frame.shape[:2]
        return [self._viewer(one, width, height, now_s) for one in passes]

    def _viewer(self, one: Pass, width: int, height: int, now_s: float) -> Viewer:
        yaw, pitch = head_direction_deg(one.keypoints)
        limits = self._settings.looking
        facing = abs(yaw) <= limits.max_yaw_deg and abs(pitch) <= limits.max_pitch_deg
        thought = self._attributes.of(one.id)
        x1, x2 = (min(max(float(value), 0.0), width) for value in one.box[[0, 2]])
        y1, y2 = (min(max(float(value), 0.0), height) for value in one.box[[1, 3]])
        return Viewer(
            id=one.id,
            first_s=round(one.first_s, 4),
            last_s=round(one.last_s, 4),
            box=(
                round(x1 / width, 4),
                round(y1 / height, 4),
                round((x2 - x1) / width, 4),
                round((y2 - y1) / height, 4),
            ),
            looking=facing and one.last_s == now_s,
            age_band=thought.age.label,
            age_p=thought.age.p,
            gender=thought.gender.label,
            gender_p=thought.gender.p,
            mood=thought.mood.label,
            mood_p=thought.mood.p,
            minor_possible=thought.minor_possible,
        )
