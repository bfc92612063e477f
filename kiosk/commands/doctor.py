"""`kiosk doctor`: what is missing on this machine, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.findings import tell
from kiosk.commands.options import settings_of, with_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--source", metavar="SOURCE", help="Look at this camera or file instead.")
@with_settings
def doctor(
    config: Path | None, overrides: tuple[str, ...], as_json: bool, source: str | None
) -> None:
    """Check camera, models, accelerators, campaign, state file, disk, display, page and broker.

    Exits with 1 when something that is needed is missing.

    Example: kiosk doctor --json
    """
    from kiosk.doctor import examine

    findings = examine(settings_of(config, overrides, source))
    raise SystemExit(tell(findings, as_json=as_json, head={}))
