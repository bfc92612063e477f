"""The one file that outlives a power cut: plays, deliveries, counts, outbox, last health, orders.

Comes in: rows from the director and the uplink. Goes out: the same rows, after a commit that has
reached the disk (SQLite, WAL, ``synchronous=FULL``). Sequence numbers are given in the transaction
that writes the payload. Never holds anything about a single viewer.
"""

from kiosk.state.boots import Boot, read_boots, save_boot
from kiosk.state.choosing import Remembered, read_remembered
from kiosk.state.deliveries import Delivery, prune_deliveries, put_deliveries, read_deliveries
from kiosk.state.ended import EndedPage, read_ended
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
from kiosk.state.learned import read_learner, save_learner
from kiosk.state.orders import Order, forget_order, note_command, pending_orders, place_order
from kiosk.state.outbox import Backlog, Message, Outbox
from kiosk.state.past import PastPlay, past_plays
from kiosk.state.plays import EndedPlay, PlayBook, PlayStart, RecentPlay
from kiosk.state.reading import (
    ChosenPlay,
    Glimpse,
    LedgerRow,
    PublishedHour,
    published_tables,
    read_chosen,
    read_glimpse,
    read_hours,
    read_ledger,
)
from kiosk.state.store import Store, examine_store, open_store

__all__ = [
    "Backlog",
    "Boot",
    "ChosenPlay",
    "Closing",
    "Delivery",
    "EndedPage",
    "EndedPlay",
    "Glimpse",
    "LedgerRow",
    "Message",
    "OpenHour",
    "Order",
    "Outbox",
    "PastPlay",
    "PlayBook",
    "PlayStart",
    "PublishedHour",
    "RecentPlay",
    "Remembered",
    "Store",
    "close_hour",
    "examine_store",
    "forget_order",
    "forget_tables",
    "move_hours",
    "note_command",
    "open_hours",
    "open_store",
    "past_plays",
    "pending_orders",
    "place_order",
    "prune_deliveries",
    "published_hours",
    "published_tables",
    "put_deliveries",
    "read_boots",
    "read_chosen",
    "read_deliveries",
    "read_ended",
    "read_glimpse",
    "read_health",
    "read_hours",
    "read_learner",
    "read_ledger",
    "read_remembered",
    "save_boot",
    "save_hour",
    "save_learner",
    "write_health",
]
