"""Gathers what the devices of a fleet send, and tells each what it may forget.

Comes in: MQTT messages of every device's branch. Goes out: one SQLite file of hours, plays and
devices, and an acknowledgement of each stream after its commit. A replay changes nothing; a message
that contradicts an earlier one is kept aside. It never answers for what is not on its disk.
"""

from kiosk.central.ledger import read_totals
from kiosk.central.process import run

__all__ = ["read_totals", "run"]
