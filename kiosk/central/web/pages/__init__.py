"""The pages of head office, for people.

Comes in: requests of signed-in browsers, and what ``kiosk.central.reading`` answers. Goes out: HTML
that is whole without scripts; charts are drawn over its tables in the browser. Names that devices
sent are text, never markup. It never writes: forms go to the handlers that guard them.
"""

from kiosk.central.web.pages.render import STATIC, show_error, show_sign_in, static_files
from kiosk.central.web.pages.routes import router

__all__ = ["STATIC", "router", "show_error", "show_sign_in", "static_files"]
