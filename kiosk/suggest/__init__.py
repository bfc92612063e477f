"""Suggest: a photo in, who is on it and the adverts that would be chosen for them out.

Comes in: the bytes of a photo, from a file or from the page on loopback. Goes out: labels with
their doubt, boxes, likely adverts and why the others are not. A command that somebody runs by hand,
never a part of the device at work. Never keeps a picture, never sends one back, never writes one
unless a folder was asked for, and never judges whether a face on a photo is a person.
"""

from kiosk.suggest.answer import Suggestion
from kiosk.suggest.copies import write_copy
from kiosk.suggest.suggester import Suggester, open_suggester, read_photo
from kiosk.suggest.web import make_app, serve_page
from kiosk.suggest.words import suggestion_text

__all__ = [
    "Suggester",
    "Suggestion",
    "make_app",
    "open_suggester",
    "read_photo",
    "serve_page",
    "suggestion_text",
    "write_copy",
]
