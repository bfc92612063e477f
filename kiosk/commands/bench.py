"""`kiosk bench`: what vision costs, how well it follows and counts, and what a screen shows."""

from __future__ import annotations

import json
import re
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


@bench.command("screen")
@click.option("--plays", default=200, show_default=True, help="Plays that are measured.")
@click.option(
    "--backend", default="chromium", show_default=True, help="What shows them: chromium, mpv."
)
@click.option("--duration-s", default=2.0, show_default=True, help="Of each play.")
@click.option(
    "--transition-ms", default=None, type=int, help="Of one play into the next.  [default: ours]"
)
@click.option(
    "--baseline-plays", default=40, show_default=True, help="Plays of the baseline; 0: none."
)
@click.option("--size", default="1920x1080", show_default=True, help="Of the display.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def screen(
    *,
    plays: int,
    backend: str,
    duration_s: float,
    transition_ms: int | None,
    baseline_plays: int,
    size: str,
    as_json: bool,
) -> None:
    """Black frames, late starts and kept memory of plays on a display, beside a simple page.

    The display is Xvfb's: each frame is read from its framebuffer, a hundred times a second.

    Example: kiosk bench screen --plays 200 --json
    """
    from kiosk.bench import run_screen_bench, screen_bench_text

    width, height = _size_of(size)
    asked = {} if transition_ms is None else {"transition_ms": transition_ms}
    found = run_screen_bench(
        lambda line: click.echo(line, err=True),
        plays=max(plays, 2),
        backend=backend,
        duration_s=max(duration_s, 0.5),
        baseline_plays=max(baseline_plays, 0),
        width=width,
        height=height,
        **asked,
    )
    click.echo(json.dumps(found) if as_json else screen_bench_text(found))


def _size_of(size: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{2,3})x([1-9]\d{2,3})", size)
    if match is None:
        raise click.BadParameter("such as 1920x1080 is expected", param_hint="--size")
    return int(match[1]), int(match[2])


@bench.command("choice")
@click.option("--creatives", default=200, show_default=True, help="Creatives of the campaign.")
@click.option("--choices", default=500, show_default=True, help="Choices measured.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def choice(creatives: int, choices: int, as_json: bool) -> None:
    """Milliseconds of one choice with 40 contracts, beside the bare learner's prediction.

    Example: kiosk bench choice --json
    """
    from kiosk.bench import as_choice_table, measure_choice

    found = measure_choice(min(max(creatives, 2), 2000), min(max(choices, 10), 100_000))
    click.echo(json.dumps(found.as_dict()) if as_json else as_choice_table(found))
