"""A week's timetable as plain text, as wide as the terminal."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence

from kiosk.ads.preview.week import HOUR_S, HOURS, WEEKDAYS, Hour, Week, goal_of, rules_of, times_of

LEAST_WIDTH = 40
"""Narrower than this nothing can be read; lines are left longer."""


def text_of(week: Week, width: int) -> str:
    """The timetable.

    Args:
        week: what to show.
        width: columns of the terminal; days that are alike share a column, and without room
            for columns one day stands under the other.
    """
    width = max(width, LEAST_WIDTH)
    lines = [*textwrap.wrap(f"{week.title}, {week.zone}", width), ""]
    table = list(_table(week))
    lines += table if max(len(line) for line in table) <= width else _list(week, width)
    lines += ["", *_legend(week, width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _table(week: Week) -> Iterator[str]:
    runs = list(_alike([[hour.key for hour in day] for day in week.hours]))
    rows = [("hours", *(_days(week, begin, end) for begin, end in runs))]
    for begin, end in _alike([[day[hour].key for day in week.hours] for hour in HOURS]):
        cells = (_cell(week, week.hours[day][begin]) for day, _ in runs)
        rows.append((f"{begin:02}-{end:02}", *cells))
    widths = [max(len(row[column]) for row in rows) for column in range(len(runs) + 1)]
    for row in rows:
        yield "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True))


def _list(week: Week, width: int) -> Iterator[str]:
    for begin, end in _alike([[hour.key for hour in day] for day in week.hours]):
        yield _days(week, begin, end)
        day = week.hours[begin]
        for one, other in _alike([hour.key for hour in day]):
            text = f"  {one:02}-{other:02}  {_cell(week, day[one])}"
            yield from textwrap.wrap(text, width, subsequent_indent=" " * 9)


def _days(week: Week, begin: int, end: int) -> str:
    names = [f"{WEEKDAYS[day.weekday()]} {day.day}" for day in week.days[begin:end]]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _alike(keys: Sequence[object]) -> Iterator[tuple[int, int]]:
    """Runs of equal keys: the first number, and the first after it."""
    begin = 0
    for _, run in itertools.groupby(keys):
        end = begin + len(list(run))
        yield begin, end
        begin = end


def _cell(week: Week, hour: Hour) -> str:
    if not hour.length_s:
        return "none"
    parts = [
        week.letter(name) + (f"{100 * share:.0f}" if share or name in hour.shut_out else "")
        for name, share in hour.expected.items()
    ]
    parts.append(f"!{100 * hour.booked:.0f}" if hour.overbooked else f"+{100 * hour.free:.0f}")
    if hour.length_s != HOUR_S:
        parts.append(f"({hour.length_s // 60} min)")
    return " ".join(parts)


def _legend(week: Week, width: int) -> Iterator[str]:
    for one in week.sold:
        contract = one.contract
        plays = f"about {one.plays:,.0f} plays in the week" if one.plays is not None else ""
        parts = (contract.advertiser, goal_of(contract), plays, times_of(contract.times))
        text = ", ".join(part for part in (*parts, rules_of(contract)) if part)
        head = f"{one.letter:3}{contract.id}: "
        yield from textwrap.wrap(head + text, width, subsequent_indent="   ")
    cells = [hour for day in week.hours for hour in day]
    notes = [("+", "per cent for house content and contracts without a fixed share")]
    if any(hour.overbooked for hour in cells):
        notes.append(("!", "per cent that were sold: more than there is; priority decides"))
    if any(not hour.length_s for hour in cells):
        notes.append(("none", "the clock leaves this hour out"))
    if any(hour.length_s > HOUR_S for hour in cells):
        notes.append(("120 min", "the clock shows this hour twice"))
    if any(hour.shut_out for hour in cells):
        notes.append(("A0", "does not play beside an exclusive contract"))
    if week.sold:
        notes.insert(0, ("A20", "20 per cent of the time for A; A alone: live, no fixed share"))
    for sign, words in notes:
        yield from textwrap.wrap(f"{sign}: {words}", width, subsequent_indent="   ")
    if week.absent:
        text = f"not live in this week: {', '.join(week.absent)}"
        yield from textwrap.wrap(text, width, subsequent_indent="   ")
