"""What V4L2 itself says of a camera node, for errors that a technician can act on.

Opening a camera through OpenCV tells only that it did not work. Names and numbers are those of
linux/videodev2.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from pathlib import Path

from kiosk.errors import SourceError

VIDEO4LINUX_MAJOR = 81
VIDIOC_QUERYCAP = 0x80685600
VIDIOC_REQBUFS = 0xC0145608
CAPABILITY_SIZE = 104
DEVICE_CAPS_AT = 88
CAPTURE = 0x1 | 0x1000
"""V4L2_CAP_VIDEO_CAPTURE, with one plane or several."""
ONE_MAPPED_BUFFER = struct.pack("5I", 1, 1, 1, 0, 0)


def check_camera(device: str) -> None:
    """Refuse a node that OpenCV cannot open as a camera.

    Raises:
        SourceError: one sentence on why, with what to do.
    """
    path = Path(device)
    if not path.exists():
        raise SourceError(f"{device}: there is no camera", hint=_others())
    mode = path.stat()
    if not stat.S_ISCHR(mode.st_mode) or os.major(mode.st_rdev) != VIDEO4LINUX_MAJOR:
        raise SourceError(f"{device}: it is no camera", hint=_others())
    descriptor = _open(device)
    try:
        if not _captures(descriptor):
            raise SourceError(f"{device}: it is no camera that gives pictures", hint=_others())
    finally:
        os.close(descriptor)


def is_busy(device: str) -> bool:
    """Whether another program is streaming from a camera."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as bad:
        return bad.errno == errno.EBUSY
    try:
        fcntl.ioctl(descriptor, VIDIOC_REQBUFS, ONE_MAPPED_BUFFER)
    except OSError as bad:
        return bad.errno == errno.EBUSY
    finally:
        os.close(descriptor)
    return False


def who_holds(device: str, proc: Path = Path("/proc")) -> str:
    """Name and process id of another program that has ``device`` open, or an empty string.

    Only processes that we may look into are seen.
    """
    wanted = os.path.realpath(device)
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            links = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue
        if wanted in links:
            return f"{_name(process)} (process {process.name})"
    return ""


def _open(device: str) -> int:
    try:
        return os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        raise SourceError(
            f"{device}: no permission to read and write it",
            hint="add the user to the group `video`",
        ) from None
    except OSError as bad:
        raise SourceError(f"{device}: {bad.strerror}: is another program using it?") from bad


def _captures(descriptor: int) -> bool:
    try:
        told = fcntl.ioctl(descriptor, VIDIOC_QUERYCAP, bytes(CAPABILITY_SIZE))
    except OSError:
        return False
    (capabilities,) = struct.unpack_from("I", told, DEVICE_CAPS_AT)
    return bool(capabilities & CAPTURE)


def _others() -> str:
    found = []
    for node in sorted(Path("/dev").glob("video*")):
        try:
            descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            continue
        if _captures(descriptor):
            found.append(str(node))
        os.close(descriptor)
    return f"cameras here: {', '.join(found) or 'none; plug one in'}"


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "another program"
