"""`kiosk status`: how this device does now."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from kiosk import __version__
from kiosk.commands.findings import tell
from kiosk.commands.options import settings_of, with_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_settings
def status(config: Optional[Path], overrides: tuple[str, ...], as_json: bool) -> None:
    """How this device does now: director, camera, screen, plays, broker, outbox, clock and disk.

    It asks what runs, opens no camera and writes nothing; `kiosk doctor` looks closer, and for
    longer. Exits with 1 when something does not work.

    Example: kiosk status --json
    """
    from kiosk.status import look

    findings = look(settings_of(config, overrides))
    raise SystemExit(tell(findings, as_json=as_json, head={"version": __version__}))
