"""`kiosk campaign simulate`: weeks of a campaign in a simulated shop."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Optional

import click

from kiosk.commands.options import settings_of, with_settings

MONDAY = date(2026, 1, 5)
"""First simulated day, unless the campaign has flights."""


@click.command("simulate")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--weeks", type=click.IntRange(1, 13), default=1, show_default=True, help="Weeks to play."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=1,
    show_default=True,
    help="Of the shop and of every draw.",
)
@click.option("--baselines", is_flag=True, help="LinUCB and Thompson sampling too; takes longer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings
def simulate(
    *,
    config: Optional[Path],
    overrides: tuple[str, ...],
    file: Optional[Path],
    weeks: int,
    seed: int,
    baselines: bool,
    as_json: bool,
) -> None:
    """Play weeks of a campaign in a simulated shop, by the product's own choice.

    Tells what contracts would get, how much attention learning earns beside rotation, rules and
    the best policy there is, and whether off-policy estimates tell the truth. Without FILE it
    plays a shopping arcade's campaign with contracts of every kind. The same seed gives the same
    figures; docs/learning.md says how to read them.

    Example: kiosk campaign simulate --weeks 1 --seed 1 --json
    """
    from kiosk.ads import load_campaign
    from kiosk.planning import as_text, first_monday, simulate, standard_campaign

    settings = settings_of(config, overrides)
    if file is None:
        first = MONDAY
        campaign = standard_campaign(first, first + timedelta(days=7 * weeks - 1))
    else:
        campaign = load_campaign(file)
        first = first_monday(campaign, MONDAY)
    found = simulate(campaign, settings.ads, first, 7 * weeks, seed, baselines=baselines)
    click.echo(json.dumps(found.as_dict()) if as_json else as_text(found))
