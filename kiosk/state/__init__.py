"""The one file that outlives a power cut: plays, open-hour counts, outbox, last health, orders.

Comes in: rows from the director and the uplink. Goes out: the same rows, after a commit that has
reached the disk (SQLite, WAL, ``synchronous=FULL``). Sequence numbers are given in the transaction
that writes the payload. Never holds anything about a single viewer.
"""

from kiosk.state.boots import Boot, read_boots, save_boot
from kiosk.state.health import read_health, write_health
from kiosk.state.hours import (
    Closing,
    OpenHour,
    close_hour,
    forget_tables,
    move_hours,
    open_hours,
    published_hours,
    save_hour,
)
from kiosk.state.orders import Order, forget_order, note_command, pending_orders, place_order
from kiosk.state.outbox import Backlog, Message, Outbox
from kiosk.state.plays import EndedPlay, PlayBook, PlayStart, RecentPlay
from kiosk.state.reading import (
    Glimpse,
    LedgerRow,
    PublishedHour,
    published_tables,
    read_glimpse,
    read_hours,
    read_ledger,
)
from kiosk.state.store import Store, examine_store, open_store

__all__ = [
    "Backlog",
    "Boot",
    "Closing",
    "EndedPlay",
    "Glimpse",
    "LedgerRow",
    "Message",
    "OpenHour",
    "Order",
    "Outbox",
    "PlayBook",
    "PlayStart",
    "PublishedHour",
    "RecentPlay",
    "Store",
    "close_hour",
    "examine_store",
    "forget_order",
    "forget_tables",
    "move_hours",
    "note_command",
    "open_hours",
    "open_store",
    "pending_orders",
    "place_order",
    "published_hours",
    "published_tables",
    "read_boots",
    "read_glimpse",
    "read_health",
    "read_hours",
    "read_ledger",
    "save_boot",
    "save_hour",
    "write_health",
]
