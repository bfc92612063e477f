"""One frame in, one record out: detect, track, judge, estimate, decide who looks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from kiosk.config import VisionSettings
from kiosk.vision.attributes import AttributeEstimator
from kiosk.vision.cards import load_bundle
from kiosk.vision.dark import Darkness
from kiosk.vision.faces import Faces, Image
from kiosk.vision.finders import NearFinder, make_finder
from kiosk.vision.liveness import Liveness
from kiosk.vision.meter import Meter
from kiosk.vision.records import Viewer, VisionRecord
from kiosk.vision.runtime import Models, OpenVinoNetwork, Runtime
from kiosk.vision.track import Pass, PassTracker
from kiosk.vision.view import head_direction_deg
from kiosk.vision.zones import Zones

EARLY = 0.9
"""Share of the time between two searches from which one is due."""


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
        cards = load_bundle(models_dir, settings.bundle)
        self._settings = settings
        self._source = source

        def load(models: Models) -> None:
            self._finder = make_finder(cards.detector, models, settings.detection)
            self._attributes = AttributeEstimator(cards, models, settings.attributes)

        self._runtime = Runtime(settings.inference, models_dir)
        self._runtime.on_first_device(load)
        finder = self._finder
        self._near_finder = finder if isinstance(finder, NearFinder) else None
        self._zones = Zones(settings.zones, settings.camera)
        self._tracker = PassTracker(settings.tracking)
        self._liveness = Liveness(settings.liveness)
        self._searched_s = float("-inf")
        self._darkness = Darkness()
        self._meter = Meter()

    @property
    def device(self) -> str:
        """Where the models run."""
        return self._runtime.device

    @property
    def networks(self) -> list[OpenVinoNetwork]:
        """Every network that is loaded, by its model's name."""
        return sorted(self._runtime.networks, key=lambda one: one.name)

    @property
    def somebody(self) -> bool:
        """A face was seen lately, confirmed or not."""
        return bool(self._tracker.known)

    def process(self, frame: Image, t_s: float) -> VisionRecord:
        """Look at one uint8 BGR frame [height, width, 3], taken at ``t_s`` (monotonic seconds).

        Raises:
            AcceleratorError: the processor failed, and no other one is configured.
        """
        self._runtime.between_frames()
        passes = self._tracker.update(self._faces(frame, t_s), t_s)
        self._liveness.update(frame, passes, t_s, searched=self._searched_s == t_s)
        people = [one for one in passes if self._liveness.live(one.id)]
        self._attributes.update(frame, people, t_s)
        self._forget_others(passes)
        self._meter.frame(self._runtime.take_inference_s())
        return VisionRecord(
            t_s=round(t_s, 4),
            frames=self._meter.frames,
            fps=round(self._meter.fps, 1),
            inference_ms=round(self._meter.inference_ms, 2),
            accelerator=self._runtime.device,
            source=self._source,
            viewers=tuple(self._viewers(passes, frame, t_s)),
            dark=self._darkness.update(frame, t_s),
        )

    def go_blind(self, t_s: float) -> None:
        """Know of a moment without a frame: who has not been seen for too long has passed.

        Nothing of the last picture is kept, either.
        """
        for network in self.networks:
            network.input[:] = 0
        self._forget_others(self._tracker.update(Faces.none(), t_s))

    def _forget_others(self, passes: list[Pass]) -> None:
        alive = {one.id for one in passes}
        self._attributes.forget(alive)
        self._liveness.forget(alive)

    def _faces(self, frame: Image, t_s: float) -> Faces:
        """The faces of a frame: searched for all over it, or looked at where they were."""
        limits = self._settings.detection
        near = [one for one in self._tracker.known if t_s - one.last_s <= limits.look_again_s]
        # A frame that comes a little early must not put the search off to the next one.
        due = t_s - self._searched_s >= EARLY * limits.search_interval_s
        if due or self._near_finder is None or len(near) > limits.look_again_faces:
            self._searched_s = t_s
            faces = self._finder.search(frame)
        elif near:
            boxes = np.stack([one.box_at(t_s) for one in near])
            faces = self._near_finder.look_again(frame, boxes)
        else:
            return Faces.none()
        wide = faces.boxes[:, 2] - faces.boxes[:, 0] >= limits.min_face_px
        return self._zones.keep(faces.take(np.flatnonzero(wide)), frame.shape[1], frame.shape[0])

    def _viewers(self, passes: list[Pass], frame: Image, now_s: float) -> list[Viewer]:
        height, width = frame.shape[:2]
        return [self._viewer(one, width, height, now_s) for one in passes]

    def _viewer(self, one: Pass, width: int, height: int, now_s: float) -> Viewer:
        yaw, pitch = head_direction_deg(one.keypoints)
        limits = self._settings.looking
        facing = abs(yaw) <= limits.max_yaw_deg and abs(pitch) <= limits.max_pitch_deg
        thought = self._attributes.of(one.id)
        left, top, right, bottom = one.box.tolist()
        x1, x2 = (min(max(value, 0.0), width) for value in (left, right))
        y1, y2 = (min(max(value, 0.0), height) for value in (top, bottom))
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
            live=self._liveness.live(one.id),
        )
