"""Carries what the outbox holds to the broker, and forgets it when head office has it.

Comes in: rows of the state file, head office's acknowledgements and wishes. Goes out: MQTT messages
of this device's branch: hours, plays, health, replies, and whether it is online. It never deletes a
row that head office has not committed, never keeps one in memory only, and never sees camera or
screen. Head office's own connection is made of the same :class:`Link`.
"""

from kiosk.uplink.access import read_password, tls_context
from kiosk.uplink.backoff import ADVICE, Failure, Reconnect
from kiosk.uplink.guard import Guard
from kiosk.uplink.link import Link
from kiosk.uplink.probe import LogIn, try_log_in
from kiosk.uplink.process import run
from kiosk.uplink.session import Incoming, LinkHandler, Publication, Session

__all__ = [
    "ADVICE",
    "Failure",
    "Guard",
    "Incoming",
    "Link",
    "LinkHandler",
    "LogIn",
    "Publication",
    "Reconnect",
    "Session",
    "read_password",
    "run",
    "tls_context",
    "try_log_in",
]
