"""One photo after the other through the models and the choice of the adverts."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.ads import HOUSE_CAMPAIGN, Campaign, load_campaign
from kiosk.clock import Clock
from kiosk.config import Settings, installed_campaign
from kiosk.errors import BadInputError, CampaignError
from kiosk.suggest.answer import Suggestion
from kiosk.suggest.choosing import Chooser
from kiosk.vision import open_photo_reader

if TYPE_CHECKING:
    from kiosk.vision import Photo, PhotoReader

MOST_FACES = 40
"""More are no audience of one screen, and would take a small computer many seconds."""

LIMIT_S = 20.0
"""Longest time for one photo: forty faces take two seconds on one core of a desk computer."""


def read_photo(path: Path, most_bytes: int) -> bytes:
    """The bytes of a photo, and no more of a large file than shows that it is too large.

    Raises:
        BadInputError: it cannot be read.
    """
    try:
        # A pipe or a device may never end.
        if not stat.S_ISREG(path.stat().st_mode):
            what = "it is a folder; name the photos in it" if path.is_dir() else "it is no file"
            raise BadInputError(f"{path}: {what}")
        with path.open("rb") as file:
            return file.read(most_bytes + 1)
    except FileNotFoundError:
        raise BadInputError(f"{path}: there is no such photo") from None
    except OSError as bad:
        raise BadInputError(f"{path}: cannot be read: {bad.strerror}") from bad


def open_suggester(settings: Settings, clock: Clock) -> Suggester:
    """Load the models and the campaign.

    Raises:
        ModelError: a model is missing, altered, or not what its card says.
        AcceleratorError: no configured processor can run them.
    """
    return Suggester(settings, clock, open_photo_reader(settings.seeing))


class Suggester:
    """Answers about photos, one at a time; keeps none of them.

    Attributes:
        campaign: what is chosen from: the one that plays on this device.
    """

    def __init__(self, settings: Settings, clock: Clock, reader: PhotoReader) -> None:
        self._settings = settings
        self._clock = clock
        self._reader = reader
        self._chooser = Chooser(settings, clock)
        self._stamp: tuple[Path, int, int] | None = None
        self._complaint = ""
        self.campaign: Campaign = HOUSE_CAMPAIGN

    @property
    def most_bytes(self) -> int:
        """Bytes of the largest photo that is read."""
        return self._reader.most_bytes

    def about(self) -> dict[str, object]:
        """What a page needs to know before the first photo."""
        seeing = self._settings.seeing
        self._look_at_campaign()
        return {
            "device": self._settings.device.name,
            "campaign": self.campaign.name,
            "policy": self._settings.privacy.policy,
            "estimated": list(self._reader.estimated),
            "min_face_px": seeing.detection.min_face_px,
            "camera": {"width_px": seeing.camera.width_px, "height_px": seeing.camera.height_px},
            "most_bytes": self.most_bytes,
            "bundle": seeing.bundle,
        }

    def of(self, data: bytes, name: str = "photo") -> Suggestion:
        """Who is on a photo, and what would play for them now.

        Args:
            data: the file.
            name: of it, for the answer alone.

        Raises:
            BadInputError: it is no photo that can be read; the sentence does not name it.
            KioskError: it takes too long, or no processor is left.
        """
        until_s = self._clock.monotonic() + LIMIT_S
        photo = self._reader.read(data, MOST_FACES, lambda: self._clock.monotonic() < until_s)
        self._look_at_campaign()
        seeing, adverts = self._settings.seeing, self._chooser.choose(self.campaign, photo)
        return Suggestion(
            name=name,
            photo=photo,
            estimated=self._reader.estimated,
            min_face_px=seeing.detection.min_face_px,
            camera_width_px=seeing.camera.width_px,
            adverts=adverts,
            notes=tuple(filter(None, (*self._notes(photo), adverts.note))),
        )

    def _notes(self, photo: Photo) -> list[str]:
        notes = []
        small = sum(not face.large_enough for face in photo.faces)
        least = self._settings.seeing.detection.min_face_px
        if not photo.faces:
            notes.append("No face is found on it: this is what plays when nobody is in view.")
        if small:
            are = "is 1 face" if small == 1 else f"are {small} faces"
            notes.append(
                f"There {are} narrower than {least} pixels (vision.detection.min_face_px): kiosk"
                " passes over such."
            )
        if photo.left_out:
            notes.append(
                f"There are {len(photo.faces) + photo.left_out} faces on it; the"
                f" {len(photo.faces)} widest were looked at. Any other may be under 18, so nobody"
                " is targeted."
            )
        missing = [one for one in ("age", "gender", "mood") if one not in self._reader.estimated]
        if missing:
            notes.append(
                f"Not estimated here: {', '.join(missing)} (privacy.policy"
                f" {self._settings.privacy.policy}, vision.attributes.estimate, or the bundle)."
            )
        if self._complaint:
            notes.append(self._complaint)
        return notes

    def _look_at_campaign(self) -> None:
        """Read the campaign that plays, when it is another one than before."""
        try:
            installed = installed_campaign(self._settings.desired)
        except ValueError as bad:
            installed = None
            self._complaint = f"Head office's campaign cannot be used: {bad}."
        own = self._settings.ads.campaign
        path = own if installed is None or installed.file is None else installed.file
        try:
            found = path.stat()
            stamp = (path, found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return
            self.campaign = load_campaign(path)
        except (CampaignError, OSError) as bad:
            # As the director does: a card of our own plays.
            self.campaign, self._stamp = HOUSE_CAMPAIGN, None
            self._complaint = f"The campaign cannot be used, so a card of our own plays: {bad}"
        else:
            self._stamp, self._complaint = stamp, ""
