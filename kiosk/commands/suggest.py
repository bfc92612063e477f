"""`kiosk suggest`: what would play for whoever is on a photo."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Optional

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import settings_of, with_settings
from kiosk.errors import BadInputError


@click.command()
@click.argument("photos", nargs=-1, metavar="PHOTO...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write copies with the faces boxed; without it nothing is written.",
)
@click.option("--page", is_flag=True, help="Serve a page on this machine instead, until Ctrl-C.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8770,
    show_default=True,
    help="Of the page; 0: any free one.",
)
@with_settings
def suggest(
    *,
    config: Optional[Path],
    overrides: tuple[str, ...],
    photos: tuple[Path, ...],
    as_json: bool,
    out: Optional[Path],
    page: bool,
    port: int,
) -> None:
    """Say who is on a photo, with how much doubt, and which adverts would play for them and why.

    Nothing is stored or sent. A photo has no history: whether a face on it is a person's is not
    judged. With --page a browser on this machine sends photos, or snapshots of its camera.

    Example: kiosk suggest portrait.jpg
    """
    from kiosk.suggest import open_suggester, serve_page

    if page == bool(photos):
        raise click.UsageError("name at least one PHOTO, or ask for the page with --page")
    if page and (as_json or out is not None):
        raise click.UsageError("--json and --out go with a PHOTO, not with --page")
    settings, clock = settings_of(config, overrides), SystemClock()
    if page:
        serve_page(lambda: open_suggester(settings, clock), port, _say_where)
        return
    answers, failed = [], False
    suggester = open_suggester(settings, clock)
    for photo in photos:
        answer = _answer(suggester, photo, as_json, out)
        failed = failed or "error" in answer
        answers.append(answer)
    if as_json:
        click.echo(json.dumps({"photos": answers}, indent=1))
    if failed:
        sys.exit(BadInputError.exit_code)


def _answer(suggester: Any, photo: Path, as_json: bool, out: Optional[Path]) -> dict[str, Any]:
    """What is said of one photo; one that cannot be read keeps no other from being read."""
    from kiosk.suggest import read_photo, suggestion_text, write_copy

    try:
        data = read_photo(photo, suggester.most_bytes)
        try:
            found = suggester.of(data, str(photo))
        except BadInputError as bad:
            raise BadInputError(f"{photo}: {bad}", hint=bad.hint) from None
    except BadInputError as bad:
        click.echo(f"kiosk: {bad}", err=True)
        if bad.hint:
            click.echo(f"  hint: {bad.hint}", err=True)
        return {"photo": str(photo), "error": str(bad)}
    answer: dict[str, Any] = found.as_dict()
    if out is not None:
        answer["copy"] = str(write_copy(data, found, out, photo.stem))
    if not as_json:
        click.echo(suggestion_text(found))
        if out is not None:
            click.echo(f"  written: {answer['copy']}")
    return answer


def _say_where(address: str) -> None:
    click.echo(f"The page is at {address}, for this machine alone, until Ctrl-C.")
    click.echo("Nothing is stored; pictures stay in the memory of this process.")
