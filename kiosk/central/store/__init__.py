"""Head office's database: its tables, and the writing of what devices send.

Comes in: checked messages of devices. Goes out: rows that a replay does not change, how far each
stream is committed, and sums by hour and day for whoever reads. It never answers for what is not on
the disk, never overwrites what a device said first, and knows neither broker nor browser.
"""

from kiosk.central.store import tables
from kiosk.central.store.alerts import (
    Alert,
    clear_alerts,
    note_alerts,
    note_rejected,
    raise_alerts,
)
from kiosk.central.store.engine import failure_reason, make_engine, open_database
from kiosk.central.store.entry import Content, Entry, Progress, Sequenced, StreamKey
from kiosk.central.store.ledger import write
from kiosk.central.store.names import forget_names
from kiosk.central.store.rollup import day_of, work_off
from kiosk.central.store.totals import read_totals
from kiosk.central.store.upkeep import (
    drop_old,
    forget_alerts,
    make_partitions,
    note_worker,
    watch_gaps,
)

__all__ = [
    "Alert",
    "Content",
    "Entry",
    "Progress",
    "Sequenced",
    "StreamKey",
    "clear_alerts",
    "day_of",
    "drop_old",
    "failure_reason",
    "forget_alerts",
    "forget_names",
    "make_engine",
    "make_partitions",
    "note_alerts",
    "note_rejected",
    "note_worker",
    "open_database",
    "raise_alerts",
    "read_totals",
    "tables",
    "watch_gaps",
    "work_off",
    "write",
]
