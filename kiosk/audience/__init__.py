"""Audience: viewers in, measures out.

Comes in: vision's records. Goes out: the :class:`Audience` of this moment, for the ads room, and
the integer counts of each hour (opportunities to see, watchers, age, gender, mood, attention per
creative), for the wire. Never sees a pixel, never writes down a single viewer, and counts every
pass in exactly one hour and one cell of each table.
"""

from kiosk.audience.hours import HourBook, count_pass, tables_of
from kiosk.audience.passes import EndedPass, PassBook
from kiosk.audience.present import Audience
from kiosk.audience.privacy import hours_payload
from kiosk.audience.receiver import Receiver

__all__ = [
    "Audience",
    "EndedPass",
    "HourBook",
    "PassBook",
    "Receiver",
    "count_pass",
    "hours_payload",
    "tables_of",
]
