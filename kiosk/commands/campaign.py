"""`kiosk campaign`: look at a campaign file before a screen does."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional
from zoneinfo import ZoneInfo

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import settings_of
from kiosk.errors import BadInputError, CampaignError

if TYPE_CHECKING:
    from kiosk.ads import Campaign, Examination, Rest
    from kiosk.config import Settings

IN_ZONE = click.option(
    "--timezone",
    "zone_name",
    default="UTC",
    show_default=True,
    help="The store's time zone, such as Europe/Stockholm.",
)


@click.group()
def campaign() -> None:
    """Look at a campaign before it plays."""


@campaign.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--timezone",
    "zone_name",
    help="The store's time zone, such as Europe/Stockholm.  [default: the configuration's, or UTC]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A device's configuration: also tell what could only play while it looks at nobody.",
)
def check(file: Path, *, as_json: bool, zone_name: Optional[str], config: Optional[Path]) -> None:
    """Check a campaign file and its media.

    An error keeps it from being played; a warning tells what is most likely not meant so. Exits
    with 2 when there is an error.

    Example: kiosk campaign check kiosk/demo/campaign/campaign.yaml
    """
    from kiosk.ads import Rest, examine_campaign

    settings = settings_of(config, ()) if config is not None else None
    if zone_name is None:
        zone_name = settings.device.timezone if settings is not None else "UTC"
    zone = _zone(zone_name)
    rest = _rest(settings) if settings is not None else Rest()
    try:
        found = examine_campaign(file, _today(zone), rest)
    except CampaignError as bad:
        if not as_json:
            raise
        told = [{"severity": "error", "line": None, "key": None, "message": str(bad)}]
        click.echo(json.dumps({"ok": False, "file": str(file), "remarks": told}, indent=1))
        raise SystemExit(bad.exit_code) from bad
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=1))
    else:
        _tell(found)
    if found.campaign is None:
        raise SystemExit(CampaignError.exit_code)


@campaign.command("preview")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--week", help="Such as 2026-W48; by default this one.")
@IN_ZONE
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the timetable to this SVG file.",
)
def preview(file: Path, week: Optional[str], zone_name: str, picture: Optional[Path]) -> None:
    """Show a week as a timetable: what was sold, who is live at which hour, what is free.

    Example: kiosk campaign preview kiosk/demo/campaign/campaign.yaml --week 2026-W48
    """
    from kiosk.ads import load_campaign, picture_of_week, plan_week, text_of_week

    zone = _zone(zone_name)
    day = _monday(week) if week is not None else _today(zone)
    planned = plan_week(load_campaign(file), day, zone)
    click.echo(text_of_week(planned, shutil.get_terminal_size().columns), nl=False)
    if picture is not None:
        try:
            picture.write_text(picture_of_week(planned), encoding="utf-8")
        except OSError as bad:
            raise BadInputError(f"{picture}: cannot be written: {bad.strerror or bad}") from bad
        click.echo(f"written: {picture}")


def _rest(settings: Settings) -> Rest:
    from kiosk.ads import Rest, window_of

    off, staff = (
        tuple(window_of(one.days, one.begin, one.end) for one in windows)
        for windows in (settings.vision.off_hours, settings.audience.staff_hours)
    )
    return Rest(off, off + staff)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError) as bad:
        raise BadInputError(
            f"--timezone {name}: there is no such time zone", hint="such as Europe/Stockholm"
        ) from bad


def _today(zone: ZoneInfo) -> date:
    return SystemClock().utc().astimezone(zone).date()


def _monday(week: str) -> date:
    # The years that a campaign file may name.
    if re.fullmatch(r"2\d{3}-W\d\d", week):
        try:
            return date.fromisocalendar(int(week[:4]), int(week[6:]), 1)
        except ValueError:
            pass
    raise BadInputError(f"--week {week}: there is no such week", hint="such as 2026-W48")


def _as_json(found: Examination) -> dict[str, Any]:
    head = {"ok": found.campaign is not None, "file": str(found.path)}
    remarks = [asdict(one) for one in found.remarks]
    if found.campaign is None:
        return {**head, "remarks": remarks}
    return {
        **head,
        "name": found.campaign.name,
        "creatives": len(found.campaign.creatives),
        "contracts": len(found.campaign.contracts),
        "for_everyone": len(found.campaign.rotation),
        "remarks": remarks,
    }


def _tell(found: Examination) -> None:
    for remark in found.remarks:
        click.echo(f"{remark.severity}: {remark.sentence(found.path)}", err=True)
    errors, warnings = (len(found.of(severity)) for severity in ("error", "warning"))
    if found.campaign is None:
        click.echo(f"{found.path}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
        return
    _list(found.campaign)
    click.echo(
        f"{found.path}: {_count(len(found.campaign.creatives), 'creative')},"
        f" {len(found.campaign.rotation)} for everyone,"
        f" {_count(len(found.campaign.contracts), 'contract')}, {_count(warnings, 'warning')}"
    )


def _list(campaign: Campaign) -> None:
    for creative in campaign.creatives:
        target = creative.targeting.label or "everyone"
        target += "" if creative.all_ages else ", never before minors"
        sold = f"; for {creative.contract}" if creative.contract is not None else ""
        click.echo(f"{creative.id:24} {creative.kind:6} {creative.duration_s:5g} s  {target}{sold}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
