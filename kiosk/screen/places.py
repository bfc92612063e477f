"""Where the session keeps its sockets, and the environment that its programs see."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.errors import BadInputError

UNIT_FOLDER = Path("/run/kiosk-screen")
"""What kiosk-screen.service has systemd make (``RuntimeDirectory=``)."""

KEPT = (
    *("PATH", "LANG", "TZ"),
    # Where there is no graphics device: another backend, and whose window it is to be.
    *("WLR_BACKENDS", "WLR_RENDERER", "WLR_LIBINPUT_NO_DEVICES", "WAYLAND_DISPLAY"),
)
"""Of our own environment; the rest (sockets of systemd, credentials) is not theirs to know."""


LONGEST_FOLDER = 80
"""Bytes of the folder's path. Linux takes 107 for a socket (unix(7)), and behind the folder the
compositor puts a name with a user's and a process's number."""


@contextmanager
def session_folder() -> Iterator[Path]:
    """The folder of the session's sockets: what systemd made, else a temporary one.

    Raises:
        BadInputError: its path is too long for a socket in it.
    """
    with _some_folder() as folder:
        if len(os.fsencode(folder)) > LONGEST_FOLDER:
            raise BadInputError(
                f"{folder}: too long a path for the session's sockets",
                hint="point XDG_RUNTIME_DIR at a folder with a short path, as /run/user/1000",
            )
        yield folder


@contextmanager
def _some_folder() -> Iterator[Path]:
    given = os.environ.get("RUNTIME_DIRECTORY")
    if given:
        yield Path(given)
        return
    user = os.environ.get("XDG_RUNTIME_DIR")
    if user:
        folder = Path(user) / UNIT_FOLDER.name
        folder.mkdir(mode=0o700, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="kiosk-screen-") as made:
        yield Path(made)


def session_folders() -> list[Path]:
    """Where a session may be running, the appliance's own first."""
    user = os.environ.get("XDG_RUNTIME_DIR")
    return [UNIT_FOLDER, *([Path(user) / UNIT_FOLDER.name] if user else [])]


def display_socket(folder: Path) -> Path | None:
    """The compositor's socket for programs that draw, if there is one."""
    found = [path for path in sorted(folder.glob("wayland-*")) if path.is_socket()]
    return found[0] if found else None


def environment(folder: Path, home: Path) -> dict[str, str]:
    """What the compositor and the browser see.

    Args:
        folder: of the session's sockets.
        home: where programs put what they believe to keep; it goes with the session.
    """
    seen = {key: os.environ[key] for key in KEPT if key in os.environ}
    # No keyboard, pointer or touch device is opened: nobody in the shop can type, click, or switch
    # to a console, and there is no cursor.
    seen.setdefault("WLR_BACKENDS", "drm")
    return seen | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(folder),
        "SWAYSOCK": str(folder / "sway.sock"),
        "LIBSEAT_BACKEND": "seatd",
        # Without a session bus libraries would start one.
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
        "NO_AT_BRIDGE": "1",
    }
