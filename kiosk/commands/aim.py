"""`kiosk aim`: the page for who aims the camera, on the shop's own screen."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from kiosk.commands.options import settings_of, with_settings
from kiosk.errors import BadInputError


@click.command()
@click.option(
    "--minutes", type=float, default=5.0, show_default=True, help="How long it stays, at most 30."
)
@click.option("--stop", is_flag=True, help="Take it away now.")
@with_settings
def aim(config: Optional[Path], overrides: tuple[str, ...], minutes: float, stop: bool) -> None:
    """Show on the screen whom the camera sees, how far and how surely, while you aim it.

    It covers what plays, ends by itself, and shows boxes and figures: nobody ever sees a picture.
    Meanwhile no play counts as shown, and nobody is counted.

    Example: kiosk aim --minutes 10
    """
    from kiosk.player import AIM_MOST_S, ask_to_aim

    most = AIM_MOST_S / 60
    if not 0 < minutes <= most:
        raise BadInputError(
            f"--minutes {minutes:g}: more than 0 and at most {most:g} are possible",
            hint="ask again when they are over; adverts are shown in between",
        )
    player = settings_of(config, overrides).player
    screens = ask_to_aim(player, 0 if stop else minutes * 60)
    if stop:
        click.echo("The aiming page is away; adverts are shown again.")
        return
    page, port = f"http://{player.host}:{player.port}/aim", player.port
    on = f"on {screens} screen page(s)" if screens else "on no screen: none is connected"
    click.echo(f"The aiming page is {on}, for {minutes:g} minutes; `kiosk aim --stop` ends it.")
    click.echo(f"On a laptop: ssh -L {port}:{player.host}:{port} to this device, then {page}")
