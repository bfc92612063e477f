"""A picture of what is on the screen, for an operator who asks for it."""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

from kiosk.errors import BadInputError, KioskError
from kiosk.screen.children import needed
from kiosk.screen.places import display_socket, session_folders

log = logging.getLogger(__name__)

PNG = b"\x89PNG\r\n\x1a\n"
SHOT_S = 15.0


def take_shot(file: Path) -> None:
    """Write what is on the screen now as PNG that only its owner may read.

    There is no picture of the camera in it: the page has none.

    Raises:
        BadInputError: the file is there already, or cannot be made.
        KioskError: no session runs, or nothing can be seen of it.
    """
    needed("grim", "apt install grim")
    socket = _socket()
    # Before the picture is taken, and never over anything.
    try:
        made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as bad:
        raise BadInputError(f"{file}: it is there already", hint="name a new file") from bad
    except OSError as bad:
        raise BadInputError(f"{file}: it cannot be written: {bad.strerror}") from bad
    done = False
    try:
        with os.fdopen(made, "wb") as writing:
            writing.write(_picture(socket))
        done = True
    finally:
        if not done:
            file.unlink(missing_ok=True)
    log.info("event=screen_shot file=%s uid=%d", file, os.getuid())
    _tell_journal(f"event=screen_shot uid={os.getuid()}")


def _socket() -> Path:
    hint = "kiosk-screen.service has to be running; ask as root"
    for folder in session_folders():
        socket = display_socket(folder)
        if socket is not None:
            return socket
    raise KioskError("no screen session can be seen on this machine", hint=hint)


def _picture(socket: Path) -> bytes:
    owner = socket.stat()
    who: dict[str, object] = {}
    if os.geteuid() == 0 and owner.st_uid != 0:
        # What reads from the session does so with the session's rights, not with root's.
        who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    try:
        shot = subprocess.run(
            ["grim", "-t", "png", "-"],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "XDG_RUNTIME_DIR": str(socket.parent),
                "WAYLAND_DISPLAY": socket.name,
            },
            capture_output=True,
            check=False,
            timeout=SHOT_S,
            cwd="/",
            **who,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired as bad:
        raise KioskError(
            "the screen session does not answer", hint="journalctl -u kiosk-screen says why"
        ) from bad
    if shot.returncode != 0 or not shot.stdout.startswith(PNG):
        said = " ".join(shot.stderr.decode(errors="replace").split())
        raise KioskError(
            f"there is nothing to take a picture of: {said or 'grim gave no picture'}",
            hint="is a display connected? journalctl -u kiosk-screen says so",
        )
    return bytes(shot.stdout)


def _tell_journal(message: str) -> None:
    """Have the device remember it, whoever's terminal this is."""
    try:
        from systemd import journal  # noqa: PLC0415 - Linux under systemd only

        journal.send(message, SYSLOG_IDENTIFIER="kiosk-screen", KIOSK_EVENT="screen_shot")
    except (ImportError, OSError) as bad:
        log.debug("event=not_journaled reason=%s", bad)
