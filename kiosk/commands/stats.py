"""`kiosk stats`: today's audience on this device, for whoever stands before it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

import click

from kiosk.commands.options import settings_of, with_settings
from kiosk.errors import BadInputError

if TYPE_CHECKING:
    from kiosk.audience import DayInsight, Figure, HourInsight

BARS = "▁▂▃▄▅▆▇█"
TOP_GROUPS = 3


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]), help="Another day of the shop."
)
@with_settings
def stats(
    config: Optional[Path], overrides: tuple[str, ...], as_json: bool, day: Optional[datetime]
) -> None:
    """Today's audience by the hour, from this device's own counts.

    Hours that are over stand as they were published, with their noise; the open one is exact, and
    at most 10 s old.

    Example: kiosk stats --json
    """
    from zoneinfo import ZoneInfo

    from kiosk.audience import day_bounds, day_of
    from kiosk.state import read_hours

    settings = settings_of(config, overrides)
    zone = settings.device.timezone
    now = datetime.now(timezone.utc)
    try:
        moment = now if day is None else day.replace(hour=12, tzinfo=ZoneInfo(zone))
        first, _ = day_bounds(moment, zone)
    except OverflowError as bad:
        raise BadInputError(f"--day {day:%Y-%m-%d}: outside of the calendar") from bad
    published, still_open = read_hours(settings.state.path, first)
    found = day_of(moment, zone, published, still_open, settings.privacy.age_bands)
    if as_json:
        click.echo(json.dumps(found.as_dict()))
        return
    device = settings.device
    click.echo(f"{device.tenant}/{device.site}/{device.name}, {found.date} ({zone})")
    if found.hours:
        click.echo(_table(found))
    elif not settings.state.path.exists():
        click.echo(f"nothing was counted yet: there is no {settings.state.path}")
    else:
        kept = f"{settings.audience.keep_hours_days:g}"
        click.echo(f"of this day nothing is kept here; hours are for {kept} days")
    if found.waiting:
        click.echo(
            f"{found.waiting} stretches of counts wait until the clock is set"
            " (`kiosk doctor` says whether it is)"
        )
    if found.unplaced:
        click.echo(
            f"{found.unplaced} stretches of counts, of any day, have no hour that is known;"
            " they are published with what is known of their time"
        )


def _table(day: DayInsight) -> str:
    lines = [
        "hour       OTS  watchers   dwell  attention   rate  impressions  plays  multiplier",
        *(_row(f"{one.local}{_mark(one)}", one.as_dict(), one.figure) for one in day.hours),
        _row("day    ", day.chart(), day.figure),
        "",
        f"OTS by the hour  {_spark([hour['ots'] or 0 for hour in day.chart()['hours']])}",
    ]
    people = [
        (count, f"{gender} {band}")
        for band, row in day.by_age_gender().items()
        for gender, count in row.items()
        if count
    ]
    if people:
        lines.append("most often       " + _top(people))
    moods = [(count, mood) for mood, count in day.by_mood().items() if count]
    if moods:
        lines.append("mood             " + _top(moods))
    if any(one.late for one in day.hours):
        lines.append("+ came after its hour had been published, and was published apart")
    if any(one.open for one in day.hours):
        lines.append("* this hour is open: exact; a pass is counted when it ends")
    noisy = [name for name in ("ots", "watchers") if (one := day.figure(name)) and one.sd]
    if noisy:
        errors = [f"{name} ±{2 * one.sd:.0f}" for name in noisy if (one := day.figure(name))]
        lines.append(
            f"~ published with noise (of the day: {', '.join(errors)}); - is lost in it:"
            " see `kiosk privacy report`"
        )
    return "\n".join(lines)


def _mark(one: HourInsight) -> str:
    if one.late:
        return " +"
    return " *" if one.open else (" ~" if one.noise != "off" else "  ")


def _row(label: str, ratios: dict[str, Any], figure: Callable[[str], Optional[Figure]]) -> str:
    def count(name: str) -> str:
        one = figure(name)
        return "-" if one is None or not (one.known or one.sd == 0.0) else str(one.value)

    rate, multiplier = ratios["attention_rate"], ratios["qty"]["multiplier"]
    return (
        f"{label} {count('ots'):>6} {count('watchers'):>9}"
        f" {_seconds(ratios['dwell_s']):>7} {_seconds(ratios['attention_s']):>10}"
        f" {'-' if rate is None else f'{100 * rate:.0f} %':>6} {count('impressions'):>12}"
        f" {count('plays'):>6} {'-' if multiplier is None else f'{multiplier:.2f}':>11}"
    )


def _seconds(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _top(counted: list[tuple[int, str]]) -> str:
    best = sorted(counted, reverse=True)[:TOP_GROUPS]
    return ", ".join(f"{name} ({count})" for count, name in best)


def _spark(values: list[int]) -> str:
    most = max([*values, 1])
    return "".join(BARS[round(max(value, 0) / most * (len(BARS) - 1))] for value in values)
