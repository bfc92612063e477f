"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import click

from kiosk.config import Settings, load_settings
from kiosk.errors import BadInputError

Decorated = Callable[..., Any]


def with_settings(command: Decorated) -> Decorated:
    """Add --config and --set."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override one setting; may be given again.",
    )(command)
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The configuration; by default config.yaml here, else a device's"
        " /etc/kiosk/config.yaml or head office's /etc/kiosk/central.yaml.",
    )(command)


def with_source(command: Decorated) -> Decorated:
    """Add --source, --loop and --as-fast-as-possible."""
    command = click.option(
        "--as-fast-as-possible", is_flag=True, help="Read a file without waiting for its pace."
    )(command)
    command = click.option("--loop", is_flag=True, help="Start a file again at its end.")(command)
    return click.option(
        "--source", metavar="SOURCE", help="Camera device, RTSP URL, video file or GIF."
    )(command)


def check_source(source: str) -> None:
    """Refuse a file that is not there before anything is started.

    Raises:
        BadInputError: there is no such file, or it is a folder.
    """
    if "://" in source or source.startswith("/dev/") or Path(source).is_file():
        return
    what = "it is a folder" if Path(source).is_dir() else "there is no such video file"
    raise BadInputError(
        f"{source}: {what}", hint="name a camera, a stream or a video with --source"
    )


def settings_of(
    config: Path | None,
    overrides: tuple[str, ...],
    source: str | None = None,
    loop: bool = False,
    as_fast_as_possible: bool = False,
    *,
    desired: bool = True,
) -> Settings:
    """The configuration with the command line's wishes applied.

    Args:
        config: the file, as :func:`kiosk.config.load_settings` takes it.
        overrides: ``section.key=value``, each.
        source: a camera, stream or video.
        loop: start a file again at its end.
        as_fast_as_possible: read a file without waiting for its pace.
        desired: lay head office's configuration over it.
    """
    settings = load_settings(config, overrides, desired=desired)
    wishes: dict[str, Any] = {}
    if source is not None:
        check_source(source)
        # The processes read a file of their own, elsewhere: here is where the path was typed.
        wishes["source"] = source if "://" in source else str(Path(source).absolute())
    if loop:
        wishes["loop"] = True
    if as_fast_as_possible:
        wishes["as_fast_as_possible"] = True
    if not wishes:
        return settings
    return settings.model_copy(update={"vision": settings.vision.model_copy(update=wishes)})
