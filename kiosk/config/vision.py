"""Settings of the vision process: source, models, accelerator, and what counts as a face."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Optional

from pydantic import Field, ValidationInfo, field_validator, model_validator

from kiosk.config.base import FilePath, Name, Seconds, Section, Share
from kiosk.config.privacy import Attribute
from kiosk.config.windows import WindowSettings

Accelerator = Literal["AUTO", "CPU", "GPU", "NPU", "MYRIAD"]


class CameraSettings(Section):
    """What a V4L2 camera is asked for, and how long it may be silent."""

    width_px: int = Field(1280, ge=160, le=7680, description="width asked of a V4L2 camera")
    height_px: int = Field(720, ge=120, le=4320, description="height asked of a V4L2 camera")
    fps: float = Field(30, ge=1, le=240, description="frames per second asked of a V4L2 camera")
    horizontal_fov_deg: float = Field(
        70, gt=1, lt=180, description="angle of view from left to right; for distances"
    )
    no_frame_s: Seconds = Field(5, description="silence after which the source is reopened")
    reopen_attempts: int = Field(
        3,
        ge=0,
        description="reopenings in a row of a camera that is there, before the process exits for"
        " its supervisor; one that is not there is waited for",
    )


class InferenceSettings(Section):
    """Which processor runs the models."""

    device: Accelerator = Field("CPU", description="where the models run")
    fallback: list[Accelerator] = Field(
        ["CPU"], description="tried in this order when the device cannot run them, or fails"
    )
    precision: Literal["fp16", "int8"] = Field(
        "fp16", description="int8: the quantised copy of each model that has one, or fp16"
    )
    threads: int = Field(1, ge=1, le=64, description="threads of OpenVINO and of OpenCV, each")
    standby: bool = Field(
        True, description="the first fallback has the models loaded too; memory for a quick change"
    )
    answer_s: Seconds = Field(
        5, description="longest wait for an accelerator's answer, before it counts as lost"
    )
    load_s: float = Field(
        30, gt=0, le=40, description="the same while it loads a model; under the unit's watchdog"
    )
    retry_min_s: Seconds = Field(
        5, description="until an accelerator that is lost is tried again; doubles each time"
    )
    retry_max_s: Seconds = Field(
        300, description="longest of those waits; one that works for as long starts anew"
    )

    @model_validator(mode="after")
    def _shortest_before_longest(self) -> InferenceSettings:
        if self.retry_min_s > self.retry_max_s:
            raise ValueError("retry_min_s: has to be at most retry_max_s")
        return self


class PaceSettings(Section):
    """How many frames are looked at."""

    full_fps: float = Field(
        30, gt=0, le=240, description="frames looked at per second while somebody is there"
    )
    idle_fps: float = Field(2, ge=1, le=240, description="the same in an empty, still view")
    idle_after_s: Seconds = Field(3, description="how long a view has to be empty for that")
    motion_fps: float = Field(
        6, ge=1, le=240, description="frames that are compared for motion meanwhile"
    )
    motion_share: Share = Field(
        0.003, description="share of the picture that has to change to be looked at at once"
    )
    warm_c: float = Field(
        78, description="temperature from which at most half of full_fps is looked at"
    )
    hot_c: float = Field(84, description="temperature from which only a quarter is used")
    heat_check_s: Seconds = Field(5, description="between two looks at the temperature")

    @model_validator(mode="after")
    def _warm_before_hot(self) -> PaceSettings:
        if self.warm_c >= self.hot_c:
            raise ValueError("warm_c: has to be less than hot_c")
        return self


class DetectionSettings(Section):
    """What counts as a face."""

    min_score: Share = Field(
        0, description="least detector score of a face; 0: what the model's card says"
    )
    nms_iou: Share = Field(0.4, description="overlap from which two boxes are one face")
    min_face_px: int = Field(24, ge=8, description="narrowest face, in pixels of the frame")
    search_interval_s: Seconds = Field(
        0.2, description="longest time between two searches of the whole frame for new faces"
    )
    look_again_s: Seconds = Field(
        0.3, description="how long after it was last seen a face is looked for where it was"
    )
    look_again_faces: int = Field(
        8, ge=0, description="with more faces, the whole frame is searched every time"
    )
    tiles_per_frame: int = Field(
        1,
        ge=0,
        le=8,
        description="square tiles searched beside the whole frame, in turn (bundle mediapipe)",
    )


class IgnoredZone(Section):
    """A part of the picture whose faces do not count: a mirror, a poster, the till."""

    name: Name = Field(description="what it is, for whoever reads this later")
    polygon: list[tuple[float, float]] = Field(
        max_length=64, description="corners as shares of the frame: x, y in 0..1"
    )

    @field_validator("polygon")
    @classmethod
    def _in_the_frame(cls, corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
        if len(corners) < 3:
            raise ValueError("a polygon has at least three corners")
        for x, y in corners:
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError(
                    f"the corner {x:g}, {y:g} lies outside the frame;"
                    " corners are shares of its width and height, 0 to 1"
                )
        around = zip(corners, [*corners[1:], corners[0]])
        if abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in around)) < 1e-6:
            raise ValueError("its corners enclose nothing; give them in order around it")
        return corners


class ZoneSettings(Section):
    """Where somebody has to be to count."""

    ignore: list[IgnoredZone] = Field(
        [], description="parts of the picture whose faces are passed over, before anything else"
    )
    max_distance_m: Optional[float] = Field(
        None, gt=0, description="faces farther away are passed over; empty: min_face_px alone"
    )
    face_width_m: float = Field(
        0.14, gt=0.05, lt=0.5, description="width of an adult's face box, for the distance"
    )


class TrackingSettings(Section):
    """How faces in successive frames become one pass."""

    gap_s: Seconds = Field(1.5, description="how long a face may be lost and stay the same pass")
    confirm_frames: int = Field(3, ge=2, description="frames until a new face is a viewer")
    confirm_gap_s: Seconds = Field(
        0.25, description="how long it may be lost until then: what only flickers is no face"
    )
    min_iou: Share = Field(0.1, description="least overlap of a face with its predicted place")


class AttributeSettings(Section):
    """How often a viewer is looked at closely, and when the answer is `unknown`."""

    estimate: Optional[list[Attribute]] = Field(
        None, description="what is estimated of a face; empty: what privacy.policy allows"
    )
    looks_per_frame: int = Field(
        2, ge=1, description="close looks in one frame; it bounds the frame's time"
    )
    identity_interval_s: Seconds = Field(
        0.3, description="after the first look for age and gender; later ones are further apart"
    )
    identity_estimates: int = Field(
        8, ge=1, description="looks after which age and gender are left alone"
    )
    mood_interval_s: Seconds = Field(0.2, description="between two looks at one viewer's mood")
    mood_memory_s: Seconds = Field(
        0.8, description="time constant of the mood's smoothing: older looks fade"
    )
    good_eye_distance_px: float = Field(
        14, gt=0, description="distance of the eyes from which a face is large enough"
    )
    good_sharpness: float = Field(
        0.25, gt=0, description="fine detail over all detail from which a face is sharp enough"
    )
    poor_view_age_sd_y: float = Field(
        25, ge=0, description="years of doubt added to an age as the view gets as poor as can be"
    )
    min_age_p: Optional[Share] = Field(
        None, description="below this probability the age band is unknown; empty: the bundle's own"
    )
    min_gender_p: Optional[Share] = Field(
        None, description="below this probability the gender is unknown; empty: the bundle's own"
    )
    min_mood_p: Optional[Share] = Field(
        None, description="below this probability the mood is unknown; empty: the bundle's own"
    )
    minor_p: Share = Field(
        0.2, description="probability of being under 18 from which a minor is possible"
    )


class LivenessSettings(Section):
    """When a face is a person's, and when a picture's: a poster, a mannequin, a screen."""

    check: bool = Field(True, description="pictures are not counted; false: every face counts")
    mean_s: Seconds = Field(0.5, description="time over which a face's places are averaged")
    rest_share: Share = Field(
        0.012, description="reach within which a face rests, in widths of the face"
    )
    moved_share: Share = Field(
        0.35, description="share of those means off its place from which a face is a person's"
    )
    person_share: Share = Field(
        0.6, description="share off its place over rest_s from which it stays a person's"
    )
    travel_share: float = Field(
        0.5, gt=0, description="way from its place that no picture goes, in widths of the face"
    )
    rest_s: Seconds = Field(
        10, description="net rest from which a face is a picture's, whatever it did before"
    )
    steady_interval_s: float = Field(
        0.1, ge=0, description="between two looks at how far the camera itself has moved"
    )
    frame_interval_s: Seconds = Field(
        0.5, description="between two looks for a frame around a face"
    )
    frame_checks: int = Field(3, ge=1, description="looks from which a frame is believed")
    framed_share: Share = Field(
        0.6, description="share of those looks that have to find one for a picture"
    )
    remembered_places: int = Field(
        16, ge=0, le=256, description="places of pictures that are remembered, the newest"
    )


class LookingSettings(Section):
    """When a face points at the screen."""

    max_yaw_deg: float = Field(28, gt=0, le=90, description="largest turn to the side")
    max_pitch_deg: float = Field(28, gt=0, le=90, description="largest tilt up or down")


class VisionSettings(Section):
    """Everything that the vision process is told."""

    source: str = Field(
        "/dev/video0", min_length=1, description="V4L2 device, RTSP URL, video file or GIF"
    )

    @field_validator("source")
    @classmethod
    def _from_config_folder(cls, source: str, info: ValidationInfo) -> str:
        folder = (info.context or {}).get("folder")
        return source if "://" in source or folder is None else str(Path(folder) / source)

    loop: bool = Field(False, description="start a file again at its end")
    as_fast_as_possible: bool = Field(
        False, description="read a file without waiting for its own pace"
    )
    off_hours: list[WindowSettings] = Field(
        [], description="weekly hours in which the camera is closed and nobody is looked at"
    )
    models_dir: FilePath = Field(Path("models_ir"), description="folder of the models")
    bundle: Name = Field("default", description="the set of models: a file in bundles/")
    camera: CameraSettings = CameraSettings()
    pace: PaceSettings = PaceSettings()
    inference: InferenceSettings = InferenceSettings()
    detection: DetectionSettings = DetectionSettings()
    zones: ZoneSettings = ZoneSettings()
    tracking: TrackingSettings = TrackingSettings()
    attributes: AttributeSettings = AttributeSettings()
    liveness: LivenessSettings = LivenessSettings()
    looking: LookingSettings = LookingSettings()
