"""What stands over what plays, and whether it does: mpv's own overlays, one for each purpose."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kiosk.screen.mpv.pipe import Pipe, RefusedError
from kiosk.screen.mpv.words import (
    NO_SIZE,
    Size,
    aim_events,
    card_events,
    identify_events,
    notice_events,
    notice_turns,
)

CARD, AIM, IDENTIFY, NOTICE = 1, 2, 3, 4
"""From the lowest to the highest: nothing lies over the notice."""

MEASURED = 9
"""Never seen."""

TURN_S = 8.0
"""For one language, long enough to be read twice."""

IDENTIFY_S = 30.0
IDENTIFY_MAX_S = 600.0
AIM_MAX_S = 1800.0
"""Whatever is asked for: a shop's screen is for what plays."""


class Overlays:
    """Drawn again when the window's size or what they say changes."""

    def __init__(self, pipe: Pipe, aim_url: str) -> None:
        """Nothing stands yet.

        Args:
            pipe: to mpv.
            aim_url: where the aiming page is.
        """
        self._pipe = pipe
        self._aim_url = aim_url
        self._size = NO_SIZE
        self._notice: dict[str, Any] = {}
        self._notice_began = 0.0
        self._identify = ("", "")
        self._identify_until = self._aim_until = float("-inf")
        self._drawn: dict[int, object] = {}
        self._notice_there = False

    @property
    def size(self) -> Size:
        """Of the window, as it was last looked at."""
        return self._size

    @property
    def notice_stands(self) -> bool:
        """The notice is on the screen, all of it."""
        return self._notice_there

    def notice(self, now: float, notice: dict[str, Any]) -> None:
        """Put up what the director says."""
        if notice != self._notice:
            self._notice, self._notice_began = notice, now
        self._draw_notice(now)

    def identify(self, now: float, name: str, seconds: object, detail: str) -> None:
        """Say for a while which screen this is."""
        self._identify = (name, detail)
        self._identify_until = now + (_seconds(seconds, IDENTIFY_MAX_S) or IDENTIFY_S)
        self._draw_signs(now)

    def aim(self, now: float, seconds: object) -> None:
        """Cover what plays for so many seconds; 0 uncovers it."""
        self._aim_until = now + _seconds(seconds, AIM_MAX_S)
        self._draw_signs(now)

    def look(self, now: float, *, on_card: bool) -> None:
        """Have everything as it is to be; called about once a second."""
        size = self._window()
        if size != self._size:
            self._size, self._drawn = size, {}
        self._draw(CARD, on_card or None, lambda: card_events(self._size, self._measure))
        self._draw_signs(now)
        self._draw_notice(now)

    def _draw_signs(self, now: float) -> None:
        aiming = now < self._aim_until or None
        self._draw(AIM, aiming, lambda: aim_events(self._aim_url, self._size, self._measure))
        name, role = self._identify
        detail = f"{self._size.width} × {self._size.height}  ·  {role}"  # noqa: RUF001
        self._draw(
            IDENTIFY,
            self._identify if now < self._identify_until else None,
            lambda: identify_events(name, detail, self._size, self._measure),
        )

    def _draw_notice(self, now: float) -> None:
        turn = int((now - self._notice_began) / TURN_S) % notice_turns(self._notice)
        wanted = (turn, repr(self._notice)) if self._notice.get("show") else None
        self._draw(
            NOTICE,
            wanted,
            lambda: notice_events(self._notice, self._size, self._measure, turn),
        )
        self._notice_there = wanted is not None and self._drawn.get(NOTICE) == wanted

    def _draw(self, number: int, wanted: object, events: Any) -> None:
        if self._size.width <= 0 or self._drawn.get(number) == wanted:
            return
        lines = events() if wanted is not None else []
        self._put(number, lines)
        if lines:
            self._drawn[number] = wanted
        else:
            self._drawn.pop(number, None)

    def _put(self, number: int, lines: list[str], **more: object) -> Any:
        named = {
            "id": number,
            "format": "ass-events" if lines else "none",
            "data": "\n".join(lines),
            "res_x": self._size.width,
            "res_y": self._size.height,
            "z": number,
        }
        return self._pipe.ask("osd-overlay", named=named | more)

    def _measure(self, event: str) -> tuple[float, float]:
        answer = self._put(MEASURED, [event], hidden=True, compute_bounds=True)
        try:
            width, height = answer["x1"] - answer["x0"], answer["y1"] - answer["y0"]
        except (TypeError, KeyError):
            # No window yet, or nothing in it.
            return 0.0, 0.0
        return float(width), float(height)

    def _window(self) -> Size:
        with suppress(RefusedError, TypeError, KeyError, ValueError):
            answer = self._pipe.ask("get_property", "osd-dimensions")
            return Size(int(answer["w"]), int(answer["h"]))
        return NO_SIZE


def _seconds(value: object, most_s: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        return 0.0
    return min(float(value), most_s)
