"""`kiosk privacy`: what is published, and what protects the people in it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kiosk.commands.options import settings_of, with_settings


@click.group()
def privacy() -> None:
    """Say what is published, and what protects the people in it."""


@privacy.command("report")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_settings
def report(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print the privacy guarantee of the configuration, its figures, and what was published.

    Example: kiosk privacy report --set privacy.epsilon=0.5
    """
    from kiosk.audience import privacy_report, report_text
    from kiosk.state import read_ledger

    settings = settings_of(config, overrides)
    found = privacy_report(settings, read_ledger(settings.state.path))
    click.echo(json.dumps(found, indent=1) if as_json else report_text(found))
