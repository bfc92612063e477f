"""Audience: viewers in, measures out.

Comes in: vision's records. Goes out: the :class:`Audience` of this moment, for the ads room, and
the integer counts of each hour (opportunities to see, watchers, age, gender, mood, attention per
creative), for the wire. Never sees a pixel, never writes down a single viewer, and counts every
pass in exactly one hour and one cell of each table.
"""

from kiosk.audience.budget import TableBudget, plan_budget, standard_deviation
from kiosk.audience.counts import Counts, clamped_as, clamps_of, count_pass, tables_of
from kiosk.audience.hours import HourBook, Moves
from kiosk.audience.insight import DayInsight, Figure, HourInsight, day_bounds, day_of
from kiosk.audience.passes import EndedPass, OnScreen, PassBook
from kiosk.audience.present import Audience
from kiosk.audience.privacy import Release, draw_release, hours_payload
from kiosk.audience.receiver import Receiver
from kiosk.audience.report import privacy_report, report_text
from kiosk.audience.runs import Run
from kiosk.audience.slots import hour_number, published_as
from kiosk.audience.timekeeper import Timekeeper

__all__ = [
    "Audience",
    "Counts",
    "DayInsight",
    "EndedPass",
    "Figure",
    "HourBook",
    "HourInsight",
    "Moves",
    "OnScreen",
    "PassBook",
    "Receiver",
    "Release",
    "Run",
    "TableBudget",
    "Timekeeper",
    "clamped_as",
    "clamps_of",
    "count_pass",
    "day_bounds",
    "day_of",
    "draw_release",
    "hour_number",
    "hours_payload",
    "plan_budget",
    "privacy_report",
    "published_as",
    "report_text",
    "standard_deviation",
    "tables_of",
]
