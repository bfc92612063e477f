"""`kiosk demo`: the whole of it on sample footage."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.options import check_source, settings_of, with_settings


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), help="Stop by itself after so long.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")
@click.option("--source", metavar="SOURCE", help="Other footage, or a camera.")
@click.option("--prepare", is_flag=True, help="Fetch the footage and make the film, then stop.")
@with_settings
def demo(
    *,
    config: Path | None,
    overrides: tuple[str, ...],
    seconds: float | None,
    as_json: bool,
    source: str | None,
    prepare: bool,
) -> None:
    """Show everything at work: sample footage, screen, private broker, head office.

    Opens nothing; prints the addresses of the screen and of the operator's page.

    Example: kiosk demo --seconds 25 --json
    """
    from kiosk.demo import prepare as prepare_demo
    from kiosk.demo import run_demo

    settings = settings_of(config, overrides)
    if prepare:
        prepare_demo(click.echo)
        return
    if source is not None:
        check_source(source)
    run_demo(settings, source=source, seconds=seconds, as_json=as_json)
