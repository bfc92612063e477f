"""`kiosk models`: fetch, convert, quantise, list, verify."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiosk.commands.evaluate import evaluate_command
from kiosk.commands.insight import calibrate_command, explain_command
from kiosk.commands.options import settings_of, with_settings

if TYPE_CHECKING:
    from kiosk.config import VisionSettings

EVERY = "all"


@click.group()
def models() -> None:
    """Bring the models of a bundle, and check that they are what they should be."""


@models.command("build")
@click.option("--bundle", help="Which set of models, or all; by default vision.bundle.")
@click.option(
    "--mirror",
    default="",
    metavar="DIR_OR_URL",
    help="Read what is published at an address from here: PUBLISHER/FILE, as in the cards.",
)
@click.option("--again", is_flag=True, help="Build also what is there and sound.")
@click.option(
    "--int8",
    is_flag=True,
    help="Also quantise them, with --data; kept where they are faster and as right.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of labelled faces, to quantise on.",
)
@click.option("--quiet", is_flag=True, help="Say nothing when there is nothing to do.")
@with_settings
def build(
    config: Path | None,
    overrides: tuple[str, ...],
    bundle: str | None,
    mirror: str,
    *,
    again: bool,
    int8: bool,
    data: Path | None,
    quiet: bool,
) -> None:
    """Fetch and convert the models that are missing or altered.

    Example: kiosk models build --bundle omz --mirror /media/usb/upstream
    """
    from kiosk.models import build_bundles, int8_table, quantise_bundle

    if int8 != (data is not None):
        raise click.UsageError("--int8 and --data DIR go together")

    vision = settings_of(config, overrides).vision
    names = _chosen(vision, bundle)
    built = build_bundles(vision.models_dir, names, click.echo, again=again, mirror=mirror)
    if data is not None:
        for name in names:
            found = quantise_bundle(vision.models_dir, name, data, click.echo)
            click.echo(int8_table(found))
        click.echo("to run the copies that were kept: vision.inference.precision: int8")
        return
    if not built and not quiet:
        click.echo(f"{_named(names)}: everything is built already")


@models.command("list")
@click.option("--bundle", help="Which set of models, or all; by default vision.bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_settings
def list_(
    config: Path | None, overrides: tuple[str, ...], bundle: str | None, as_json: bool
) -> None:
    """List the models of a bundle, their licences and their state.

    Example: kiosk models list --bundle all
    """
    from kiosk.models import list_models

    vision = settings_of(config, overrides).vision
    states = {name: list_models(vision.models_dir, name) for name in _chosen(vision, bundle)}
    if as_json:
        rows = [{"bundle": name, **asdict(one)} for name, them in states.items() for one in them]
        click.echo(json.dumps(rows, indent=1))
        return
    for name, them in states.items():
        for one in them:
            tasks = ", ".join(one.tasks)
            click.echo(
                f"{name:14} {tasks:15} {one.name:33} {one.state:8} {one.licence:13} {one.source}"
            )


@models.command("verify")
@click.option("--bundle", help="Which set of models, or all; by default vision.bundle.")
@with_settings
def verify(config: Path | None, overrides: tuple[str, ...], bundle: str | None) -> None:
    """Compare every model file with what was built; fail naming the file and both hashes.

    Example: kiosk models verify
    """
    from kiosk.models import verify_bundle

    vision = settings_of(config, overrides).vision
    sound: dict[str, None] = {}
    for name in _chosen(vision, bundle):
        sound.update((one.name, None) for one in verify_bundle(vision.models_dir, name))
    for model in sound:
        click.echo(f"{model}: ok")


models.add_command(evaluate_command)
models.add_command(calibrate_command)
models.add_command(explain_command)


def _chosen(vision: VisionSettings, bundle: str | None) -> list[str]:
    from kiosk.models import bundles

    return bundles(vision.models_dir) if bundle == EVERY else [bundle or vision.bundle]


def _named(names: list[str]) -> str:
    return f"bundle {names[0]}" if len(names) == 1 else f"{len(names)} bundles"
