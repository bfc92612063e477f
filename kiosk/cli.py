"""The command line: one sentence and a hint when something is wrong, never a traceback."""

from __future__ import annotations

import sys
from typing import Any

import click

from kiosk import __version__
from kiosk.commands import COMMANDS
from kiosk.errors import KioskError


class _Group(click.Group):
    """A group that ends a :class:`KioskError` as a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KioskError as bad:
            click.echo(f"kiosk: {bad}", err=True)
            if bad.hint:
                click.echo(f"  hint: {bad.hint}", err=True)
            sys.exit(bad.exit_code)
        except ModuleNotFoundError as bad:
            if (bad.name or "kiosk").partition(".")[0] == "kiosk":
                raise
            click.echo(f"kiosk: this needs the Python package {bad.name}", err=True)
            click.echo("  hint: `make setup` installs it; devices do without", err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kiosk")
def main() -> None:
    """A shop screen that knows who is in front of it, and never who they are.

    Start with `kiosk demo`; point it at a camera with `kiosk run --source /dev/video0`.
    """


for command in COMMANDS:
    main.add_command(command)
