"""Player: a creative in, pixels out, and the proof that it was shown.

Comes in: choices of the ads room. Goes out: messages to the screen's page, which it serves on
loopback, and plays with their true start and end. Never cuts a play, never goes without a next
one, and plays on by its own clock when no screen is connected, marking such plays as not presented.
"""

from kiosk.player.asking import ask_to_aim
from kiosk.player.media import Media
from kiosk.player.proof import exported_plays, plays_payload
from kiosk.player.quarantine import LeftOut
from kiosk.player.schedule import Play, Schedule
from kiosk.player.screens import Screens, media_url
from kiosk.player.web import AIM_MOST_S, WebServer, make_app

__all__ = [
    "AIM_MOST_S",
    "LeftOut",
    "Media",
    "Play",
    "Schedule",
    "Screens",
    "WebServer",
    "ask_to_aim",
    "exported_plays",
    "make_app",
    "media_url",
    "plays_payload",
]
