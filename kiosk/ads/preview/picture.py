"""A week's timetable as a picture: one SVG file that needs nothing beside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import escape

from kiosk.ads.preview.week import (
    HOUR_S,
    HOURS,
    WEEKDAYS,
    Hour,
    Listed,
    Week,
    goal_of,
    rules_of,
    times_of,
)

WIDTH = 1200
MARGIN = 32
AXIS = 56
"""Room for the hours, left of the days."""
COLUMN = (WIDTH - 2 * MARGIN - AXIS) / 7
ROW = 22
TOP = 118
"""Where the first hour begins; title and weekdays stand above."""
LEGEND_LINE = 17
LEGEND_GAP = 13
GAP = 4

PAPER, INK, QUIET, LINE, FREE = "#ffffff", "#16202a", "#4c5a67", "#d5dce3", "#eef1f4"
ALARM = "#b3261e"
PALETTE = (
    "#0b5cad", "#8a3b12", "#1a6b3c", "#6f2c91", "#a11d52", "#00636b", "#6b5300", "#3f4a5a",
)  # fmt: skip
"""White letters on each of them have a contrast of 4.5 and more (WCAG 2.2, 1.4.3), and so have INK,
QUIET and ALARM on PAPER and FREE; letters tell contracts apart where colours do not."""

FONTS = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

LETTER_PX = 14
"""The narrowest bar that holds its letter."""
HAIR_PX = 3
"""Of the narrowest bar: one play an hour is seen."""

FLAG = 44
"""Room for what was sold of an hour that is sold more than once."""

FIGURE_PX = 30
"""The narrowest bar that holds its share under it, and the lowest."""

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


def picture_of(week: Week) -> str:
    """The timetable as SVG; on white, whatever it is put on."""
    bottom = TOP + len(HOURS) * ROW
    absent = 28 if week.absent else 0
    height = bottom + 44 + _legend_height(week) + absent + 66
    body = [
        *_head(week),
        *_axis(),
        *(part for column in range(7) for part in _day(week, column)),
        *_legend(week, bottom + 44),
        *_notes(week, height - 66),
    ]
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title"'
        f' font-family="{FONTS}" font-size="13">',
        f'<title id="title">{escape(week.title)}</title>',
        _rect((0, 0, WIDTH, height), PAPER),
        *body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _text(x: float, y: float, words: str, colour: str = INK, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{extra}>{escape(words)}</text>'


def _rect(box: Box, colour: str, extra: str = "") -> str:
    x, y, width, height = box
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' fill="{colour}"{extra}/>'
    )


def _left(column: int) -> float:
    return MARGIN + AXIS + column * COLUMN


def _head(week: Week) -> Iterator[str]:
    yield _text(MARGIN, 46, week.title, extra=' font-size="22" font-weight="600"')
    yield _text(
        MARGIN,
        70,
        f"Share of the time on screen by hour, as the clock shows in {week.zone}",
        QUIET,
    )
    for column, day in enumerate(week.days):
        name = f"{WEEKDAYS[day.weekday()]} {day.day}"
        yield _text(_left(column), TOP - 12, name, extra=' font-weight="600"')


def _axis() -> Iterator[str]:
    for hour in range(0, 25, 2):
        y = TOP + hour * ROW
        yield _text(MARGIN, y + 4.5, f"{hour:02}:00", QUIET, ' font-size="12"')
        yield _rect((MARGIN + AXIS - 8, y - 0.5, _left(7) - GAP - MARGIN - AXIS + 8, 1), LINE)


def _day(week: Week, column: int) -> Iterator[str]:
    begin = 0
    for _, run in itertools.groupby(week.hours[column], lambda hour: hour.key):
        hours = list(run)
        yield from _block(week, hours[0], _left(column), TOP + begin * ROW, len(hours) * ROW)
        begin += len(hours)


def _block(week: Week, hour: Hour, x: float, y: float, height: float) -> Iterator[str]:
    width, y, height = COLUMN - GAP, y + 1, height - 2
    if not hour.length_s:
        extra = f' stroke="{QUIET}" stroke-dasharray="3 3"'
        yield _rect((x + 0.5, y + 0.5, width - 1, height - 1), PAPER, extra)
        yield _text(x + 6, y + height / 2 + 4.5, "no such hour", QUIET, ' font-size="12"')
        return
    yield _rect((x, y, width, height), FREE)
    if hour.overbooked:
        width -= FLAG
        yield from _flag((x + width, y, FLAG, height), f"{100 * hour.booked:.0f} %")
    at = x
    for name, share in hour.expected.items():
        if share > 0:
            yield from _bar(week, name, share, (at, y, max(HAIR_PX, width * share), height))
            at += max(HAIR_PX, width * share)
    yield from _rest(week, hour, (at, y, x + width - at, height), width)


def _bar(week: Week, name: str, share: float, box: Box) -> Iterator[str]:
    x, y, width, height = box
    one = _sold(week, name)
    yield (
        f"<g><title>{escape(name)}: {100 * share:.0f} %</title>"
        + _rect(box, _colour(week, one), f' stroke="{PAPER}"')
    )
    if width >= LETTER_PX:
        at, centre = x + width / 2, y + height / 2
        extra = ' text-anchor="middle" font-weight="600"'
        tall = width >= FIGURE_PX and height >= FIGURE_PX + 6
        yield _text(at, centre + (-2 if tall else 4.5), one.letter, PAPER, extra)
        if tall:
            yield _text(at, centre + 14, f"{100 * share:.0f} %", PAPER, extra)
    yield "</g>"


def _rest(week: Week, hour: Hour, box: Box, width: float) -> Iterator[str]:
    """The free share, with the letters of those that share it, or whose bar has no room for one."""
    x, y, room, height = box
    letters = [
        week.letter(name)
        for name, share in hour.expected.items()
        if width * share < LETTER_PX and name not in hour.shut_out
    ]
    words = " ".join([*letters, f"{100 * hour.free:.0f} %"])
    if hour.length_s > HOUR_S:
        words = f"twice {words}"
    if room < 7 * len(words) + 8 or round(100 * hour.free) == 0:
        return
    extra = ' text-anchor="end" font-size="12"'
    yield _text(x + room - 6, y + height / 2 + 4.5, words, QUIET, extra)


def _flag(box: Box, words: str) -> Iterator[str]:
    x, y, width, height = box
    yield _rect(box, ALARM)
    extra = ' text-anchor="middle" font-size="12" font-weight="600"'
    yield _text(x + width / 2, y + height / 2 + 4.5, words, PAPER, extra)


def _about(one: Listed) -> list[str]:
    contract = one.contract
    plays = f", about {one.plays:,.0f} plays in this week" if one.plays is not None else ""
    head = f"{contract.id} ({contract.advertiser}): {goal_of(contract)}{plays}"
    rules = rules_of(contract)
    return [head, times_of(contract.times), *([rules] if rules else [])]


def _legend_height(week: Week) -> int:
    return sum(LEGEND_LINE * len(_about(one)) + LEGEND_GAP for one in week.sold) or 40


def _legend(week: Week, y: float) -> Iterator[str]:
    if not week.sold:
        yield _text(MARGIN, y + 14, "Nothing is sold in this week: house content plays.", QUIET)
    for one in week.sold:
        yield _rect((MARGIN, y, 26, 26), _colour(week, one), ' rx="4"')
        middle = ' text-anchor="middle" font-weight="600"'
        yield _text(MARGIN + 13, y + 18, one.letter, PAPER, middle)
        head, *lines = _about(one)
        yield _fitted(y + 11, head, INK, ' font-weight="600"')
        for number, line in enumerate(lines, 1):
            yield _fitted(y + 11 + number * LEGEND_LINE, line, QUIET, "")
        y += LEGEND_LINE * (1 + len(lines)) + LEGEND_GAP


def _notes(week: Week, top: float) -> Iterator[str]:
    if week.absent:
        yield _fitted(
            top - 8, f"Not live in this week: {', '.join(week.absent)}", QUIET, "", MARGIN
        )
    yield _rect((MARGIN, top + 12, 26, 18), FREE, f' stroke="{LINE}"')
    free = "free: house content, and the contracts whose letters stand in it"
    yield _text(MARGIN + 38, top + 26, free, QUIET)
    if any(hour.overbooked for day in week.hours for hour in day):
        x = MARGIN + 520
        yield from _flag((x, top + 12, FLAG, 18), "110 %")
        words = "more is sold than there is: the higher priority goes first"
        yield _text(x + FLAG + 12, top + 26, words, ALARM)


def _fitted(y: float, words: str, colour: str, extra: str, x: float = MARGIN + 38) -> str:
    # An average letter of these fonts is half as wide as it is high, and a bold one little wider.
    most = int((WIDTH - MARGIN - x) / 7.2)
    short = words if len(words) <= most else f"{words[: most - 1]}…"
    return _text(x, y, short, colour, extra)


def _sold(week: Week, name: str) -> Listed:
    return next(one for one in week.sold if one.contract.id == name)


def _colour(week: Week, one: Listed) -> str:
    return PALETTE[week.sold.index(one) % len(PALETTE)]
