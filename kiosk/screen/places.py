"""Where the session keeps its sockets, and the environment that its programs see."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNIT_FOLDER = Path("/run/kiosk-screen")
"""What kiosk-screen.service has systemd make (``RuntimeDirectory=``)."""

KEPT = (
    *("PATH", "LANG", "TZ"),
    # Where there is no graphics device: another backend, and whose window it is to be.
    *("WLR_BACKENDS", "WLR_RENDERER", "WLR_LIBINPUT_NO_DEVICES", "WAYLAND_DISPLAY"),
)
"""Of our own environment; the rest (sockets of systemd, credentials) is not theirs to know."""


@contextmanager
def session_folder() -> Iterator[Path]:
    """The folder of the session's sockets: what systemd made, else a temporary one."""
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
