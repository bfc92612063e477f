"""mpv's playlist as a stage: what is on it, what comes next, and what to go back to.

When the first frame is on the screen: mpv sends ``playback-restart`` for a new file only after it
has handed the first frame to its video output and has waited until that one rendered it and its
flip returned (player/video.c: ``vo_wait_frame`` under "make sure to wait until the first frame is
visible", unless ``--video-latency-hacks``, which is off). With OpenGL on Wayland the flip returns
when the compositor took the frame: it is on the display one refresh later, two at most (33 ms at
60 Hz). With shared memory (wlshm, x11) it is committed and drawn at the compositor's next refresh.
Nothing in mpv 0.35 tells of a frame that never reached the compositor; that mpv still draws is what
the client asks again and again (client.py).

Until then the last frame of what was before stands (video/out/vo.c never lets go of it): opening
and decoding the next shows as a still and not as a black picture. Opening is done before, while
what is shown is read to its end (``--prefetch-playlist``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from kiosk.screen.mpv.command import beside
from kiosk.screen.mpv.pipe import Pipe, RefusedError
from kiosk.screen.mpv.turns import Creative

Happened = tuple[Literal["began", "failed", "broke_off"], str]
"""What became of a creative, and why."""

GPU_OUTPUTS = ("gpu", "gpu-next")
"""They fill what a picture leaves by themselves."""

FILLS = {"keepaspect": "no"}
"""The card is a colour gradient, without a shape to keep."""


class Stage:
    """The playlist: what is shown; then, once there is a next, that, what is shown again, the card.

    mpv goes on to what follows by itself when a file cannot be opened; with what is shown behind
    what comes next, the screen then keeps its picture.
    """

    def __init__(self, pipe: Pipe, where: Callable[[str], str], card: Path) -> None:
        """Show nothing yet.

        Args:
            pipe: to mpv.
            where: finds a creative's medium, by its path on the director's server.
            card: a picture for when there is nothing else.
        """
        self._pipe = pipe
        self._where = where
        self._card = card
        self._beside: dict[str, str] = {}
        self._playing = 0
        self._shown: str | None = None
        self._waits: tuple[int, str] | None = None
        self._coming: tuple[int, str] | None = None
        self._back: dict[int, str | None] = {}

    @property
    def on_card(self) -> bool:
        """The card is shown."""
        return self._shown is None

    def fit(self, width: int, height: int) -> None:
        """Say how large the screen is."""
        # A filter would take the picture out of the graphics card's hands, which needs none.
        with suppress(RefusedError):
            gpu = self._pipe.ask("get_property", "current-vo") in GPU_OUTPUTS
            self._beside = {} if gpu else {"vf": beside(width, height)}

    def begin(self) -> None:
        """Show the card."""
        self._shown = self._waits = self._coming = None
        self._pipe.ask("loadfile", str(self._card), "replace", _options(FILLS))

    def retire(self) -> None:
        """Show the card again."""
        self.begin()

    def queue(self, creative: Creative) -> None:
        """Open what comes next, with a way back behind it."""
        self._pipe.ask("playlist-clear")
        place = self._where(creative.url)
        self._waits = (self._append(place, self._beside), place)
        self._back = {}
        if self._shown is not None:
            self._back[self._append(self._shown, self._beside)] = self._shown
        self._back[self._append(str(self._card), FILLS)] = None

    def unqueue(self) -> None:
        """Forget it."""
        self._pipe.ask("playlist-clear")
        self._waits = None

    def swap(self) -> None:
        """Show it."""
        self._coming, self._waits = self._waits, None
        self._pipe.ask("playlist-next", "force")

    def give_up(self) -> None:
        """Go back."""
        self._coming = None
        self._pipe.ask("playlist-next", "force")

    def hear(self, event: dict[str, Any]) -> Happened | None:
        """What an event of mpv's means."""
        name, entry = event.get("event"), event.get("playlist_entry_id")
        if name == "start-file":
            self._playing = int(entry or 0)
        elif name == "playback-restart":
            return self._restarted()
        elif name == "end-file" and self._coming is not None and entry == self._coming[0]:
            self._coming = None
            why = event.get("file_error") or event.get("reason")
            return "failed", f"mpv: {why}"
        elif name == "property-change" and self._coming is None and _at_end(event):
            return "broke_off", "mpv: it ended before its time"
        return None

    def _restarted(self) -> Happened | None:
        """First frames only: a film that loops restarts each time."""
        if self._coming is not None and self._playing == self._coming[0]:
            if not self._has_picture():
                self.give_up()
                return "failed", "mpv: there is no picture in it"
            self._shown, self._coming = self._coming[1], None
            self._pipe.ask("playlist-clear")
            return "began", ""
        if self._playing in self._back:
            self._shown = self._back[self._playing]
        return None

    def _has_picture(self) -> bool:
        """A file of which not one frame could be decoded restarts, too, at its end."""
        try:
            self._pipe.ask("get_property", "video-params/w")
        except RefusedError:
            return False
        return True

    def _append(self, place: str, options: dict[str, str]) -> int:
        answer = self._pipe.ask("loadfile", place, "append", _options(options))
        try:
            return int(answer["playlist_entry_id"])
        except (TypeError, KeyError, ValueError) as bad:
            raise RefusedError("loadfile: mpv does not name the entry; it is too old") from bad


def _at_end(event: dict[str, Any]) -> bool:
    """It loops as long as there is something to loop."""
    return event.get("name") == "eof-reached" and event.get("data") is True


def _options(options: dict[str, str]) -> str:
    """As mpv takes them: a value after its length is taken as it stands."""
    return ",".join(f"{key}=%{len(value)}%{value}" for key, value in options.items())
