"""Carries what the outbox holds to the broker, and forgets it when head office has it.

Comes in: rows of the state file, head office's acknowledgements. Goes out: MQTT 5 messages of this
device's branch: hours, plays, health, and whether it is online. It never deletes a row that head
office has not committed, never keeps a message in memory only, and never sees camera or screen.
Head office's own connection is made of the same :class:`Link`.
"""

from kiosk.uplink.guard import Guard
from kiosk.uplink.link import Link
from kiosk.uplink.process import run
from kiosk.uplink.session import Incoming, LinkHandler, Publication, Session

__all__ = ["Guard", "Incoming", "Link", "LinkHandler", "Publication", "Session", "run"]
