"""What the director says of the page, asked on loopback."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from kiosk.config import PlayerSettings
from kiosk.errors import ConfigError

ANSWER_S = 2.0
ANSWER_MAX = 1 << 16


@dataclass(frozen=True)
class Page:
    """What the director knows of the page.

    Attributes:
        pages: how many are connected.
        beat_age_s: since the page last said that it draws; ``None``: it has not.
        own: ours is connected, whoever else is.
    """

    pages: int
    beat_age_s: float | None
    own: bool = False


class Director:
    """Asks; never fails."""

    def __init__(self, player: PlayerSettings) -> None:
        """Ask nothing yet.

        Raises:
            ConfigError: the page has no fixed port.
        """
        if not player.port:
            raise ConfigError(
                "player.port: 0 is any free port, which the screen cannot know",
                hint="set player.port, such as 8765",
            )
        self._host, self._port = player.host, player.port
        host = f"[{player.host}]" if ":" in player.host else player.host
        self.page_url = f"http://{host}:{player.port}/screen?main"

    def serves(self) -> bool:
        """The page can be asked for."""
        return self._get("/health") is not None

    def page(self) -> Page | None:
        """How the page is; ``None`` when nobody says."""
        try:
            screen = json.loads(self._get("/status") or b"")["screen"]
            age = screen["beat_age_s"]
            # What another browser on this machine shows is no sign of ours.
            pages = int(screen["pages"])
            own = pages > 0 and bool(screen.get("main", True))
            return Page(pages, float(age) if own and age is not None else None, own)
        except (ValueError, KeyError, TypeError):
            return None

    def _get(self, path: str) -> bytes | None:
        connection = HTTPConnection(self._host, self._port, timeout=ANSWER_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(ANSWER_MAX)
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        return body if answer.status == 200 else None
