"""`kiosk models eval`: how well a bundle sees, on labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiosk.commands.options import settings_of, with_settings

if TYPE_CHECKING:
    from kiosk.config import VisionSettings
    from kiosk.models import Scores


@click.command("eval")
@click.option(
    "--bundle",
    "bundles",
    multiple=True,
    help="Which set of models; again for one beside it; by default vision.bundle.",
)
@click.option(
    "--data",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of labelled sets.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--report",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a page with tables and plots there.",
)
@click.option("--write-card", is_flag=True, help="Write the figures into the models' cards.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="A quick look: at most N pictures of each set.",
)
@with_settings
def evaluate_command(
    config: Path | None,
    overrides: tuple[str, ...],
    *,
    bundles: tuple[str, ...],
    data: Path,
    as_json: bool,
    report: Path | None,
    write_card: bool,
    limit: int | None,
) -> None:
    """Score a bundle on labelled pictures: faces found, age, gender, mood, doubt and time.

    DIR holds one or more of these: faces with age and gender (index.csv with file, age, gender),
    faces with a mood (file, emotion, majority_gt5), whole pictures with boxes (file, width,
    height, xmin, ymin, xmax, ymax, label; or Pascal VOC: annotations/*.xml and images/).

    Example: kiosk models eval --bundle default --data ../shared/data
    """
    from kiosk import models

    if write_card and limit is not None:
        raise click.UsageError("--write-card needs all pictures: leave --limit out")
    vision = settings_of(config, overrides).vision
    chosen = list(dict.fromkeys(bundles)) or [vision.bundle]
    several = [
        _scores(vision.model_copy(update={"bundle": bundle}), data, limit) for bundle in chosen
    ]
    if report is not None:
        click.echo(f"report: {models.write_report(report, several)}", err=True)
    if write_card:
        for scores in several:
            for path in models.write_card(vision.models_dir, scores):
                click.echo(f"written: {path}", err=True)
    if as_json:
        found = [models.scores_json(scores) for scores in several]
        click.echo(json.dumps(found[0] if len(found) == 1 else found, indent=1))
        return
    for scores in several:
        click.echo(models.scores_table(scores) + "\n")
    if len(several) > 1:
        click.echo(models.compare_table(several))


def _scores(vision: VisionSettings, data: Path, limit: int | None) -> Scores:
    from kiosk.clock import SystemClock
    from kiosk.models import evaluate_bundle
    from kiosk.vision import load_bundle, open_examiner

    # A detector of several stages believes its last one; other models only look where it points.
    faces = [card.faces for card in load_bundle(vision.models_dir, vision.bundle).detector]
    stages = [one for one in faces if one and faces[0] and one.decoder == faces[0].decoder]
    return evaluate_bundle(
        open_examiner(vision),
        data,
        lambda sentence: click.echo(f"{vision.bundle}: {sentence}", err=True),
        bundle=vision.bundle,
        min_score=vision.detection.min_score or stages[-1].min_score,
        day=SystemClock().utc().date(),
        limit=limit,
    )
