"""`kiosk bench`: what vision costs, how well it follows, how right it counts, on known footage."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from kiosk.commands.options import check_source, settings_of, with_settings

CLIPS = Path("../shared/data/clips")
"""Clips that are counted where there are any and no other folder is named."""


@click.group()
def bench() -> None:
    """Measure this machine; each bench prints its own baseline beside ours."""


@bench.command("prepare")
def prepare() -> None:
    """Fetch the published portraits that scenes are composed from.

    Example: kiosk bench prepare
    """
    from kiosk.bench import fetch_footage

    fetch_footage(click.echo)


@bench.command("vision")
@click.option(
    "--clip", type=click.Path(path_type=Path, dir_okay=False), help="Another sample clip."
)
@click.option("--frames", default=150, show_default=True, help="Frames measured of each scene.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings
def vision(
    config: Path | None,
    overrides: tuple[str, ...],
    clip: Path | None,
    frames: int,
    as_json: bool,
) -> None:
    """Milliseconds of a frame beside the bare models that it runs.

    Scenes: the sample clip, and composed crowds of 0, 1, 3 and 10 at 720p and 1080p.

    Example: kiosk bench vision --frames 150
    """
    from kiosk.bench import as_vision_table, measure_vision, sample_clip

    if clip is not None:
        check_source(str(clip))
    found = measure_vision(
        settings_of(config, overrides).vision,
        clip or sample_clip(),
        max(frames, 10),
        lambda line: click.echo(line, err=True),
    )
    click.echo(json.dumps(found.as_dict()) if as_json else as_vision_table(found))


@bench.command("tracking")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings
def tracking(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """How well passes are kept apart on composed scenes, beside another tracker.

    Example: kiosk bench tracking --json
    """
    from kiosk.bench import as_tracking_table, compare_trackers, standard_scenes

    found = compare_trackers(
        settings_of(config, overrides).vision,
        standard_scenes(),
        lambda line: click.echo(line, err=True),
    )
    click.echo(json.dumps(asdict(found)) if as_json else as_tracking_table(found))


@bench.command("counting")
@click.option(
    "--clips",
    type=click.Path(path_type=Path),
    help="Folder of clips to count beside the scenes.  [default: ../shared/data/clips, if there]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings
def counting(
    config: Path | None, overrides: tuple[str, ...], clips: Path | None, as_json: bool
) -> None:
    """How right passes, dwell and attention are counted, on composed scenes and on clips.

    Example: kiosk bench counting --clips footage --json
    """
    from kiosk.bench import as_counting_table, clips_in, count_everything, standard_scenes

    if clips is None and CLIPS.is_dir():
        clips = CLIPS
    found = count_everything(
        settings_of(config, overrides),
        standard_scenes(),
        clips_in(clips) if clips is not None else [],
        lambda line: click.echo(line, err=True),
    )
    click.echo(json.dumps(found.as_dict()) if as_json else as_counting_table(found))
