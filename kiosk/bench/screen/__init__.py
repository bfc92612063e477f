"""What a screen really shows: plays of all kinds, read from the framebuffer of a display.

Comes in: a backend that is told a display and a page. Goes out: black frames, how late each play
begins, how much memory is kept. The plays are those of the player's own schedule and page.
"""

from kiosk.bench.screen.backends import BACKENDS
from kiosk.bench.screen.run import ScreenPlan, run_screen_bench
from kiosk.bench.screen.table import as_table

__all__ = ["BACKENDS", "ScreenPlan", "as_table", "run_screen_bench"]
