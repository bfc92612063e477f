"""mpv in the browser's place: one decoder and one window, for devices too light for a browser.

Comes in: what the director tells a page over its WebSocket. Goes out: pictures and films, the
notice over them, and the same reports as a page's. Never shows HTML, and says so when it connects;
never opens what the director does not serve; is never without a picture once it had one.
"""

from kiosk.screen.mpv.command import KINDS, PROGRAM, mpv_command
from kiosk.screen.mpv.player import Mpv

__all__ = ["KINDS", "PROGRAM", "Mpv", "mpv_command"]
