"""A display without a screen (Xvfb), whose framebuffer is a file that can be looked at."""

from __future__ import annotations

import mmap
import os
import select
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kiosk.errors import KioskError

START_S = 10.0
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of this run's own is made in it
XWD_FIELDS = 20
"""Numbers at the head of an X window dump (XWDFile.h): size of the head is the first, then width,
height, bytes of a line and entries of the colour map are the 5th, 6th, 13th and 20th."""
XWD_COLOUR_BYTES = 12

Pixels = npt.NDArray[np.uint8]


class Framebuffer:
    """What is on the display now.

    Attributes:
        pixels: height x width x 4 (blue, green, red, nothing), always the newest; never written to.
    """

    def __init__(self, file: Path) -> None:
        """Map the dump that Xvfb keeps up to date."""
        with file.open("rb") as dump:
            self._map = mmap.mmap(dump.fileno(), 0, access=mmap.ACCESS_READ)
        head = struct.unpack_from(f">{XWD_FIELDS}I", self._map)
        begin = head[0] + head[19] * XWD_COLOUR_BYTES
        width, height, line = head[4], head[5], head[12]
        flat: Pixels = np.frombuffer(self._map, np.uint8, count=height * line, offset=begin)
        self.pixels: Pixels = flat.reshape(height, line)[:, : width * 4].reshape(height, width, 4)

    def picture(self) -> Pixels:
        """A copy, height x width x 3 (blue, green, red)."""
        return self.pixels[:, :, :3].copy()


@contextmanager
def display(width: int, height: int) -> Iterator[tuple[str, Framebuffer]]:
    """A display for as long as the context lasts.

    Yields:
        its name, such as ``:5``, and what is on it.

    Raises:
        KioskError: Xvfb is not installed or does not start.
    """
    program = shutil.which("Xvfb")
    if program is None:
        raise KioskError("Xvfb is not installed", hint="apt install xvfb")
    with tempfile.TemporaryDirectory(prefix="kiosk-fb-", dir=MEMORY) as folder:
        told, tell = os.pipe()
        running = subprocess.Popen(
            [
                *(program, "-displayfd", str(tell), "-screen", "0", f"{width}x{height}x24"),
                *("-fbdir", folder, "-nolisten", "tcp", "-noreset"),
            ],
            pass_fds=[tell],
            stderr=subprocess.DEVNULL,
        )
        os.close(tell)
        try:
            yield f":{_number(told)}", Framebuffer(Path(folder) / "Xvfb_screen0")
        finally:
            os.close(told)
            running.terminate()
            running.wait(START_S)


def _number(told: int) -> int:
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([told], [], [], START_S)
        part = os.read(told, 16) if ready else b""
        if not part:
            raise KioskError("Xvfb did not start", hint="run `Xvfb :99` to see why")
        said += part
    return int(said)
