"""The one file that outlives a power cut: plays, open-hour counts, outbox, last health.

Comes in: rows from the director and the uplink. Goes out: the same rows, after a commit that has
reached the disk (SQLite, WAL, ``synchronous=FULL``). Sequence numbers are given in the transaction
that writes the payload. Never holds anything about a single viewer.
"""

from kiosk.state.health import read_health, write_health
from kiosk.state.hours import OpenHour, close_hour, open_hours, published_hours, save_hour
from kiosk.state.outbox import Backlog, Message, Outbox
from kiosk.state.plays import EndedPlay, PlayBook, PlayStart, RecentPlay
from kiosk.state.store import Store, examine_store, open_store

__all__ = [
    "Backlog",
    "EndedPlay",
    "Message",
    "OpenHour",
    "Outbox",
    "PlayBook",
    "PlayStart",
    "RecentPlay",
    "Store",
    "close_hour",
    "examine_store",
    "open_hours",
    "open_store",
    "published_hours",
    "read_health",
    "save_hour",
    "write_health",
]
