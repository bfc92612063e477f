"""Figures, times and durations as people read them; pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from kiosk.central.reading import Change, Figure

NO_BREAK = "\u00a0"
MINUS = "\u2212"
DASH = "\u2013"
NOTHING = DASH

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400


def number(value: float, digits: int = 0) -> str:
    """1,234 or 5.2, with a true minus sign below zero."""
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(digit in text for digit in "123456789")
    return f"{MINUS}{text}" if negative else text


def count(figure: Figure | None, fewer_than: int) -> str:
    """A count of passes, or below what it surely is when it is small or lost in noise."""
    if figure is None:
        return NOTHING
    if is_small(figure, fewer_than):
        return f"fewer than {number(bound(figure, fewer_than))}"
    return number(figure.value)


def is_small(figure: Figure | None, fewer_than: int) -> bool:
    """Whether a count is not shown as it is: it is small, or may as well be nothing."""
    return figure is not None and (figure.value < fewer_than or figure.is_drowned)


def bound(figure: Figure, fewer_than: int) -> float:
    """What a small count is surely below (at 95 %), in a round number."""
    return max(fewer_than, _rounded_up(figure.high))


def margin(figure: Figure | None, fewer_than: int = 0) -> str:
    """± and half the interval; nothing for an exact or a small count."""
    if figure is None or figure.sd == 0 or is_small(figure, fewer_than):
        return ""
    return f"±{NO_BREAK}{number(figure.high - figure.value)}"


def interval(figure: Figure | None, digits: int = 0) -> str:
    """The ends of the interval, not below zero: what is counted is there or not."""
    if figure is None or figure.sd == 0:
        return ""
    return f"{number(max(0, figure.low), digits)} to {number(max(0, figure.high), digits)}"


def percent(figure: Figure | None) -> str:
    """A share, or below what it surely is when noise has drowned it."""
    if figure is None or (figure.is_drowned and figure.high >= 1):
        return NOTHING
    if figure.is_drowned:
        return f"under {number(100 * figure.high)}{NO_BREAK}%"
    return plain_percent(min(1, max(0, figure.value)))


def percent_margin(figure: Figure | None) -> str:
    """± in points."""
    if figure is None or figure.sd == 0 or figure.is_drowned:
        return ""
    half = 100 * (figure.high - figure.value)
    return f"±{NO_BREAK}{number(half, 0 if half >= 1 else 1)}"


def change(told: Change | None) -> str:
    """+12 %; a dash where nothing can be said."""
    return NOTHING if told is None else signed_percent(told.value)


def change_interval(told: Change | None) -> str:
    """+3 % to +21 %."""
    if told is None:
        return ""
    return f"{signed_percent(told.low)} to {signed_percent(told.high)}"


def signed_percent(value: float) -> str:
    """+12 %, or ±0 %."""
    shown = round(100 * value)
    sign = "±" if shown == 0 else "+" if shown > 0 else MINUS
    return f"{sign}{abs(shown):,}{NO_BREAK}%"


def plain_percent(value: float) -> str:
    """A share that is known exactly."""
    return f"{number(100 * value)}{NO_BREAK}%"


def seconds(figure: Figure | None) -> str:
    """A sum of seconds, or a dash where it is lost in noise."""
    if figure is None or figure.is_drowned or figure.value <= 0:
        return NOTHING
    return duration(figure.value)


def seconds_margin(figure: Figure | None) -> str:
    """± half the interval of a sum of seconds."""
    if figure is None or figure.sd == 0 or figure.is_drowned:
        return ""
    return f"±{NO_BREAK}{duration(figure.high - figure.value)}"


def per_pass(figure: Figure | None) -> str:
    """Seconds of one pass."""
    if figure is None or figure.is_drowned or figure.value <= 0:
        return NOTHING
    return f"{number(figure.value, 1)}{NO_BREAK}s"


def per_pass_margin(figure: Figure | None) -> str:
    """± half the interval of the seconds of one pass."""
    if figure is None or figure.sd == 0 or figure.is_drowned:
        return ""
    return f"±{NO_BREAK}{number(figure.high - figure.value, 1)}"


def duration(value: float) -> str:
    """42 s, 12 min, 3.4 h, 120 h, 12 d."""
    value = abs(value)
    if value < 2 * MINUTE_S:
        return f"{value:.0f}{NO_BREAK}s"
    if value < 2 * HOUR_S:
        return f"{value / MINUTE_S:.0f}{NO_BREAK}min"
    hours = value / HOUR_S
    return f"{number(hours, 1 if hours < 20 else 0)}{NO_BREAK}h"


def long_duration(value: float) -> str:
    """As :func:`duration`, and days from two days on."""
    if abs(value) < 2 * DAY_S:
        return duration(value)
    return f"{value / DAY_S:.0f}{NO_BREAK}days"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago something was."""
    if moment is None:
        return NOTHING
    passed = (now - moment).total_seconds()
    if passed < 0:
        return "in the future"
    if passed < 10:
        return "just now"
    return f"{long_duration(passed)} ago"


def clock(moment: datetime | None, zone: ZoneInfo) -> str:
    """14:05."""
    return NOTHING if moment is None else _local(moment, zone).strftime("%H:%M")


def stamp(moment: datetime | None, zone: ZoneInfo) -> str:
    """Sun 22 Nov, 14:05."""
    if moment is None:
        return NOTHING
    local = _local(moment, zone)
    return f"{local:%a} {local.day} {local:%b, %H:%M}"


def full_stamp(moment: datetime, zone: ZoneInfo) -> str:
    """22 Nov 2026, 14:05."""
    local = _local(moment, zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def hour_span(moment: datetime, zone: ZoneInfo) -> str:
    """14:00-15:00."""
    end = moment + timedelta(hours=1)
    return f"{clock(moment, zone)}{DASH}{clock(end, zone)}"


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        # The first and last day that a calendar knows, of a device whose clock is lost.
        return moment.astimezone(UTC)


def _rounded_up(value: float) -> float:
    """To two digits that count."""
    if value <= 0:
        return 0
    step = float(10 ** max(0, math.floor(math.log10(value)) - 1))
    return math.ceil(value / step) * step
