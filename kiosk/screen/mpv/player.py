"""mpv as a child, and its client as a thread: started, watched and ended like the browser."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from kiosk.screen.children import Child
from kiosk.screen.mpv.client import Client
from kiosk.screen.mpv.command import mpv_command
from kiosk.screen.mpv.pipe import PipeError, RefusedError

log = logging.getLogger(__name__)

PATIENCE_S = 2.0
THREAD_S = 10.0
"""For the client to end: longer than any of its deadlines."""


class Mpv:
    """mpv and what speaks for it. Neither lives without the other."""

    def __init__(self, scratch: Path, env: Mapping[str, str], extra: Sequence[str] = ()) -> None:
        """Start nothing yet.

        Args:
            scratch: a folder in memory.
            env: what mpv sees, but for the display.
            extra: further options of mpv's.
        """
        self._extra = tuple(extra)
        self._scratch = scratch
        self._socket = scratch / "mpv.sock"
        self._env = dict(env)
        self._child: Child | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._why = ""
        self._display = True
        self._client: Client | None = None

    @property
    def started(self) -> bool:
        """It was started and not ended by us; it may have ended by itself."""
        return self._child is not None

    @property
    def alive(self) -> bool:
        """Both run."""
        child, thread = self._child, self._thread
        return child is not None and child.alive and thread is not None and thread.is_alive()

    @property
    def pid(self) -> int | None:
        """Of mpv, while it is started."""
        return self._child.pid if self._child is not None else None

    @property
    def ended_by(self) -> str:
        """How it ended."""
        if self._child is None:
            return "not started"
        return self._why if self._child.alive and self._why else self._child.ended_by

    def start(self, display: str, url: str) -> None:
        """Start mpv, and what speaks for it.

        Args:
            display: name of the compositor's socket.
            url: of the page that a browser would show; the director's server is where it is.
        """
        self._socket.unlink(missing_ok=True)
        env = self._env | ({"WAYLAND_DISPLAY": display} if display else {})
        self._child = Child([*mpv_command(self._socket), *self._extra], env)
        self._stop, self._why = threading.Event(), ""
        origin = url.partition("/screen")[0]
        self._thread = threading.Thread(
            target=self._speak, args=(origin, self._stop), name="mpv-client", daemon=True
        )
        self._thread.start()

    def end(self, patience_s: float = PATIENCE_S) -> None:
        """End both."""
        self._stop.set()
        if self._child is not None:
            self._child.end(patience_s)
        if self._thread is not None:
            self._thread.join(THREAD_S)
        self._child = self._thread = None

    def seen(self, display: bool) -> None:
        """Whether there is a display to be seen on."""
        self._display = display
        if (client := self._client) is not None:
            client.seen(display)

    def _speak(self, origin: str, stop: threading.Event) -> None:
        client = None
        try:
            self._client = client = Client(self._socket, self._scratch, origin, stop)
            client.seen(self._display)
            client.run()
        except (PipeError, RefusedError, OSError) as bad:
            self._why = " ".join(str(bad).split())
        except Exception as bad:
            log.debug("event=mpv_client_failed", exc_info=True)
            self._why = f"its client failed: {bad!r}"
        finally:
            if client is not None:
                with suppress(OSError):
                    client.close()
