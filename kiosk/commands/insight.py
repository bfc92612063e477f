"""`kiosk models calibrate` and `kiosk models explain`: where a bundle's answers come from."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.options import settings_of, with_settings

MEANING = {"age": "years off (18-75)", "detection": "mean distance from truth"}


@click.command("calibrate")
@click.option("--bundle", help="Which set of models; by default vision.bundle.")
@click.option(
    "--data",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of labelled sets.",
)
@with_settings
def calibrate_command(
    config: Path | None, overrides: tuple[str, ...], bundle: str | None, data: Path
) -> None:
    """Fit how the models of a bundle are weighted and corrected; prints YAML for its file.

    Thresholds of `unknown` stay as they are. The layouts of DIR are those of `kiosk models eval`.
    Nothing is written.

    Example: kiosk models calibrate --bundle default --data ../shared/data
    """
    import yaml

    from kiosk.models import calibrate_bundle
    from kiosk.vision import Fusion, load_bundle, open_examiner

    vision = settings_of(config, overrides).vision
    vision = vision.model_copy(update={"bundle": bundle or vision.bundle})
    examiner = open_examiner(vision, raw_scores=True)
    fits = calibrate_bundle(
        examiner, examiner.labels, data, lambda sentence: click.echo(sentence, err=True)
    )
    for task, fit in fits.items():
        what = MEANING.get(task, "right")
        click.echo(
            f"# {task}: {fit.pictures} pictures; {what}: {fit.seen:.4g} on them,"
            f" {fit.unseen:.4g} on others (cross-validation)"
        )
    known = load_bundle(vision.models_dir, vision.bundle)
    fusion = {
        task: {
            **fit.fusion,
            **known.bundle.fusion.get(task, Fusion()).model_dump(include={"unknown_below_p"}),
        }
        for task, fit in fits.items()
        if task in known.tasks
    }
    click.echo(yaml.safe_dump({"fusion": fusion}, sort_keys=False, default_flow_style=None))
    if "detection" in fits:
        click.echo(f"# for {known.detector[0].name}/card.yaml")
        faces = {"faces": fits["detection"].fusion}
        click.echo(yaml.safe_dump(faces, default_flow_style=None))


@click.command("explain")
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--bundle", help="Which set of models; by default vision.bundle.")
@click.option(
    "--out",
    metavar="PNG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the picture goes; by default beside the photo.",
)
@click.option(
    "--masks", default=600, show_default=True, help="How often each model is asked; more: finer."
)
@with_settings
def explain_command(
    config: Path | None,
    overrides: tuple[str, ...],
    *,
    photo: Path,
    bundle: str | None,
    out: Path | None,
    masks: int,
) -> None:
    """Show which pixels of the face on PHOTO carried each model's answer.

    Writes one picture: above what each model saw, below what carried its answer.

    Example: kiosk models explain portrait.jpg
    """
    from kiosk.models import draw_explanation, explain_photo
    from kiosk.vision import open_examiner

    vision = settings_of(config, overrides).vision
    vision = vision.model_copy(update={"bundle": bundle or vision.bundle})
    found = explain_photo(open_examiner(vision), photo, max(masks, 50))
    target = out or photo.with_name(f"{photo.stem}-explained.png")
    draw_explanation(found, photo.name, target)
    for one in found:
        click.echo(f"{one.task:8} {one.model:28} {one.answer}")
    click.echo(f"written: {target}")
