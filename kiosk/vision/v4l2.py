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

from kiosk.errors import CameraAwayError, SourceError

VIDEO4LINUX_MAJOR = 81
VIDIOC_QUERYCAP = 0x80685600
VIDIOC_REQBUFS = 0xC0145608
CAPABILITY_SIZE = 104
DEVICE_CAPS_AT = 88
CAPTURE = 0x1 | 0x1000
"""V4L2_CAP_VIDEO_CAPTURE, with one plane or several."""
TOUCH = 0x10000000
"""V4L2_CAP_TOUCH: a touch panel, which gives its measurements as if they were pictures."""
ONE_MAPPED_BUFFER = [struct.pack("5I", 1, kind, 1, 0, 0) for kind in (1, 9)]
"""V4L2_BUF_TYPE_VIDEO_CAPTURE, with one plane and with several; a camera refuses one of them."""


def check_camera(device: str) -> None:
    """Refuse a node that OpenCV cannot open as a camera.

    Raises:
        CameraAwayError: there is none now.
        SourceError: it will never be one, or is not ours to open.
    """
    path = Path(device)
    if not path.exists():
        raise CameraAwayError(f"{device}: there is no camera", hint=_others())
    mode = path.stat()
    if not stat.S_ISCHR(mode.st_mode) or os.major(mode.st_rdev) != VIDEO4LINUX_MAJOR:
        raise SourceError(f"{device}: it is no camera", hint=_others())
    descriptor = _open(device)
    try:
        if not _captures(descriptor):
            raise CameraAwayError(f"{device}: it is no camera that gives pictures", hint=_others())
    finally:
        os.close(descriptor)


def is_busy(device: str) -> bool:
    """Whether another program is streaming from a camera."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as bad:
        return bad.errno == errno.EBUSY
    try:
        return any(_refused_as_busy(descriptor, request) for request in ONE_MAPPED_BUFFER)
    finally:
        os.close(descriptor)


def who_holds(device: str, proc: Path = Path("/proc")) -> str:
    """Name and process id of another program that has ``device`` open, or an empty string.

    Only processes that we may look into are seen.
    """
    for process in proc.glob("[0-9]*"):
        if process.name != str(os.getpid()) and _holds(process, device):
            return f"{_name(process)} (process {process.name})"
    return ""


def is_held_here(device: str) -> bool:
    """Whether this process has ``device`` open, such as by a thread that hangs in its driver."""
    return _holds(Path("/proc/self"), device)


def _holds(process: Path, device: str) -> bool:
    wanted = os.path.realpath(device)
    try:
        return any(os.path.realpath(link) == wanted for link in (process / "fd").iterdir())
    except OSError:
        return False


def _open(device: str) -> int:
    try:
        return os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        # What a process may open is settled at its start, by its groups and its unit.
        raise SourceError(
            f"{device}: no permission to read and write it",
            hint="add the user to the group `video`",
        ) from None
    except OSError as bad:
        kind = SourceError if is_held_here(device) else CameraAwayError
        raise kind(f"{device}: {bad.strerror}: is another program using it?") from bad


def _refused_as_busy(descriptor: int, request: bytes) -> bool:
    try:
        fcntl.ioctl(descriptor, VIDIOC_REQBUFS, request)
    except OSError as bad:
        return bad.errno == errno.EBUSY
    return False


def _captures(descriptor: int) -> bool:
    try:
        told = fcntl.ioctl(descriptor, VIDIOC_QUERYCAP, bytes(CAPABILITY_SIZE))
    except OSError:
        return False
    (capabilities,) = struct.unpack_from("I", told, DEVICE_CAPS_AT)
    return bool(capabilities & CAPTURE) and not capabilities & TOUCH


def _others() -> str:
    found, closed = [], False
    for node in sorted(Path("/dev").glob("video*")):
        try:
            descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        except PermissionError:
            closed = True
            continue
        except OSError:
            continue
        if _captures(descriptor):
            found.append(str(node))
        os.close(descriptor)
    if closed and not found:
        return "cameras here: none that this user may open; add it to the group `video`"
    if not found:
        return "cameras here: none; plug one in"
    return f"cameras here: {', '.join(found)}; set vision.source to one, or plug the right one in"


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "another program"
