"""What pages, reports and the API say: questions to the database, answered in plain values.

Comes in: a connection, and what is asked for: a site or a device, a period, the time. Goes out:
frozen dataclasses, in which every count of people stands with the interval that its privacy noise
leaves. It reads sums that the store has made, and single hours of one device. It never writes, and
never gives out a count without what is known of its noise.
"""

from kiosk.central.reading.alerts import Alert, StateRow, alerts_of
from kiosk.central.reading.audience import (
    AgeRow,
    Audience,
    DayPoint,
    HeatCell,
    HourPoint,
    Share,
    Totals,
    read_audience,
    read_hours,
    read_totals,
)
from kiosk.central.reading.content import Content, CreativeFigures, Uplift, read_content
from kiosk.central.reading.contracts import Delivery, read_deliveries
from kiosk.central.reading.figures import Change, Figure, change
from kiosk.central.reading.fleet import (
    Command,
    Device,
    FleetSummary,
    read_commands,
    read_device,
    read_fleet,
    summarise,
)
from kiosk.central.reading.headquarters import read_office
from kiosk.central.reading.overview import Compared, Overview, read_overview
from kiosk.central.reading.period import MAX_DAYS, Period, named_period
from kiosk.central.reading.places import (
    EVERYWHERE,
    Place,
    Scope,
    SiteToday,
    find_scope,
    read_device_names,
    read_places,
    read_sites,
)
from kiosk.central.reading.week import DeviceWeek, WeekReport, parse_week, read_week, week_of

__all__ = [
    "EVERYWHERE",
    "MAX_DAYS",
    "AgeRow",
    "Alert",
    "Audience",
    "Change",
    "Command",
    "Compared",
    "Content",
    "CreativeFigures",
    "DayPoint",
    "Delivery",
    "Device",
    "DeviceWeek",
    "Figure",
    "FleetSummary",
    "HeatCell",
    "HourPoint",
    "Overview",
    "Period",
    "Place",
    "Scope",
    "Share",
    "SiteToday",
    "StateRow",
    "Totals",
    "Uplift",
    "WeekReport",
    "alerts_of",
    "change",
    "find_scope",
    "named_period",
    "parse_week",
    "read_audience",
    "read_commands",
    "read_content",
    "read_deliveries",
    "read_device",
    "read_device_names",
    "read_fleet",
    "read_hours",
    "read_office",
    "read_overview",
    "read_places",
    "read_sites",
    "read_totals",
    "read_week",
    "summarise",
    "week_of",
]
