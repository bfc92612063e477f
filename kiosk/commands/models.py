"""`kiosk models`: fetch, convert, list, verify."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from kiosk.commands.options import settings_of, with_settings


@click.group()
def models() -> None:
    """Bring the models of a bundle, and check that they are what they should be."""


@models.command("build")
@click.option("--bundle", help="Which set of models; by default vision.bundle.")
@click.option("--again", is_flag=True, help="Build also what is there and sound.")
@click.option("--quiet", is_flag=True, help="Say nothing when there is nothing to do.")
@with_settings
def build(
    config: Path | None,
    overrides: tuple[str, ...],
    bundle: str | None,
    again: bool,
    quiet: bool,
) -> None:
    """Fetch and convert the models that are missing or altered.

    Example: kiosk models build --bundle default
    """
    from kiosk.models import build_bundle

    vision = settings_of(config, overrides).vision
    name = bundle or vision.bundle
    built = build_bundle(vision.models_dir, name, click.echo, again=again)
    if not built and not quiet:
        click.echo(f"bundle {name}: everything is built already")


@models.command("list")
@click.option("--bundle", help="Which set of models; by default vision.bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_settings
def list_(
    config: Path | None, overrides: tuple[str, ...], bundle: str | None, as_json: bool
) -> None:
    """List the models of a bundle, their licences and their state.

    Example: kiosk models list --json
    """
    from kiosk.models import list_models

    vision = settings_of(config, overrides).vision
    states = list_models(vision.models_dir, bundle or vision.bundle)
    if as_json:
        click.echo(json.dumps([asdict(state) for state in states], indent=1))
        return
    for state in states:
        click.echo(
            f"{state.task:15} {state.name:34} {state.state:8} {state.licence:11} {state.source}"
        )


@models.command("verify")
@click.option("--bundle", help="Which set of models; by default vision.bundle.")
@with_settings
def verify(config: Path | None, overrides: tuple[str, ...], bundle: str | None) -> None:
    """Compare every model file with what was built; fail naming the file and both hashes.

    Example: kiosk models verify
    """
    from kiosk.models import verify_bundle

    vision = settings_of(config, overrides).vision
    for state in verify_bundle(vision.models_dir, bundle or vision.bundle):
        click.echo(f"{state.name}: ok")
