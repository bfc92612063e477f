"""The cameras that are plugged in, and which of them is meant."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from kiosk.machine.finding import Finding, SystemFiles, first_line

VIDIOC_QUERYCAP = 0x80685600
CAPABILITY_SIZE = 104
DEVICE_CAPS_AT = 88
CAPTURE = 0x1 | 0x1000
"""V4L2_CAP_VIDEO_CAPTURE, with one plane or several."""

NUMBERED = re.compile(r"video\d+")


@dataclass(frozen=True)
class Camera:
    """One camera.

    Attributes:
        node: its node, which another one may have after the next start.
        name: what its driver calls it.
        pinned: a name of the node that stays with the camera, or with its plug; may be empty.
    """

    node: Path
    name: str
    pinned: str

    def __str__(self) -> str:
        return f"{self.node} ({self.name or 'without a name'})"


def look_at_cameras(source: str, files: SystemFiles) -> Finding:
    """Which cameras are here, and whether the configured one is sure to be found.

    Args:
        source: what vision is to look at.
        files: of the kernel.
    """
    found = _cameras(files)
    here = f"here: {', '.join(map(str, found)) or 'none'}"
    if not source.startswith(f"{files.dev}/"):
        return Finding("cameras", "ok", f"vision.source is a stream or a file; {here}")
    meant = next((one for one in found if one.node == Path(source).resolve()), None)
    if meant is None:
        return _missing(source, found, here)
    if len(found) > 1 and NUMBERED.fullmatch(Path(source).name):
        hint = f"set vision.source to {meant.pinned}" if meant.pinned else _look_up(files)
        return Finding(
            "cameras",
            "warn",
            f"{here}; {source} is used, and the numbers may change places at the next start",
            hint,
        )
    return Finding("cameras", "ok", f"{meant}" if len(found) == 1 else f"{meant} is used; {here}")


def _missing(source: str, found: list[Camera], here: str) -> Finding:
    if not found and Path(source).exists():
        return Finding("cameras", "ok", f"{source} is there; the kernel tells of no camera by name")
    if not found:
        return Finding(
            "cameras",
            "fail",
            f"vision.source {source} is not there, and no other camera is",
            "plug the camera in; adverts play untargeted without it",
        )
    other = found[0].pinned or str(found[0].node)
    state = "it is no camera" if Path(source).exists() else "it is not there"
    return Finding(
        "cameras",
        "fail",
        f"vision.source {source}: {state}; {here}",
        f"plug it in again, or set vision.source to {other}",
    )


def _look_up(files: SystemFiles) -> str:
    return f"set vision.source to its name in {files.dev}/v4l/by-id or by-path"


def _cameras(files: SystemFiles) -> list[Camera]:
    links = [
        link
        for folder in ("by-id", "by-path")
        for link in sorted(files.dev.glob(f"v4l/{folder}/*"))
    ]
    found = []
    entries = (files.sys / "class/video4linux").glob("video*")
    for entry in sorted(entries, key=lambda one: (len(one.name), one.name)):
        node = files.dev / entry.name
        # A webcam has a second node that gives no pictures but numbers about them.
        if first_line(entry / "index") not in ("", "0") or not _captures(node):
            continue
        pinned = next((str(link) for link in links if link.resolve() == node.resolve()), "")
        found.append(Camera(node, first_line(entry / "name"), pinned))
    return found


def _captures(node: Path) -> bool:
    """Whether a node gives pictures; what does not let itself be asked is taken for a camera.

    Decoders and scalers of a board have nodes too.
    """
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        told = fcntl.ioctl(descriptor, VIDIOC_QUERYCAP, bytes(CAPABILITY_SIZE))
    except OSError:
        return True
    finally:
        os.close(descriptor)
    (capabilities,) = struct.unpack_from("I", told, DEVICE_CAPS_AT)
    return bool(capabilities & CAPTURE)
