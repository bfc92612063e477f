"""Screen: a compositor with one browser in kiosk mode, or mpv, and what keeps both going.

Comes in: the configuration, and what the director says of the page (``/health``, ``/status``). Goes
out: the page on the display; on request of an operator, a picture of what is on it. Never opens a
connection that leaves the machine, never sees a camera, never writes to the disk.
"""

from kiosk.screen.browser import browser_command
from kiosk.screen.mpv import Mpv
from kiosk.screen.session import run, screen_programs
from kiosk.screen.shot import take_shot

__all__ = ["Mpv", "browser_command", "run", "screen_programs", "take_shot"]
