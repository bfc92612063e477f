"""`kiosk screen`: the page on the display, and a picture of it on request."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from kiosk.commands.options import settings_of, with_settings
from kiosk.service import set_up_logging, stop_on_signals


@click.group(invoke_without_command=True)
@with_settings
@click.pass_context
def screen(ctx: click.Context, config: Optional[Path], overrides: tuple[str, ...]) -> None:
    """Show the page on the display: a compositor and a browser in kiosk mode.

    Both are started again when they end or hang; it waits for a display and for the director.

    Example: kiosk screen --set screen.rotate_deg=90
    """
    if ctx.invoked_subcommand is not None:
        return
    from kiosk.screen import run

    # Head office sets neither the screen nor the page's address, so its folder need not be seen.
    settings = settings_of(config, overrides, desired=False)
    set_up_logging("screen", settings.log.level)
    run(settings, stop_on_signals())


@screen.command()
@click.argument("file", type=click.Path(path_type=Path))
def shot(file: Path) -> None:
    """Take a picture of the screen, as a PNG that only you may read (as root).

    It shows what passers-by see now. It is never taken unasked, and the journal says that it was.

    Example: kiosk screen shot /root/screen.png
    """
    from kiosk.screen import take_shot

    set_up_logging("screen", "info")
    take_shot(file)
    click.echo(f"{file}: what is on the screen")
