"""`kiosk campaign`: look at a campaign file before a screen does."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def campaign() -> None:
    """Look at a campaign before it plays."""


@campaign.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a campaign file and its media.

    Example: kiosk campaign check kiosk/demo/campaign/campaign.yaml
    """
    from kiosk.ads import load_campaign

    found = load_campaign(file)
    for creative in found.creatives:
        target = creative.targeting.label or "everyone"
        click.echo(f"{creative.id:24} {creative.kind:6} {creative.duration_s:5g} s  {target}")
    click.echo(f"{file}: {len(found.creatives)} creatives, {len(found.rotation)} for everyone")
