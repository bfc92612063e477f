"""Files of an operator become documents for devices."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kiosk import strict
from kiosk.ads import Campaign, load_campaign
from kiosk.central.authority import make_signing_key
from kiosk.central.courier import Draft, publish_document
from kiosk.central.office.pages import media_origin
from kiosk.central.store import open_database
from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings, lay_over, load_settings
from kiosk.errors import BadInputError, CampaignError, ConfigError, StateError
from kiosk.wire import Medium


def publish_config(
    settings: Settings,
    file: Path | None,
    target: str,
    *,
    by: str = "command line",
    clock: Clock | None = None,
) -> int:
    """Have devices run with sections of a configuration; returns the document's number.

    Whether it loosens what a device promises only the device knows, which then refuses it and says
    so in its health.

    Args:
        settings: of head office.
        file: sections as in config.yaml; ``None`` takes back what was published before.
        target: ``tenant/site/device``, where ``*`` stands for any one name.
        by: who does it, for the audit.
        clock: the time; by default the machine's.

    Raises:
        BadInputError: the file cannot be used, or says what is not set from afar.
        StateError: the folder or the database cannot be written.
    """
    content: dict[str, Any] = {}
    if file is not None:
        own = load_settings(file)
        content = dict(strict.read(file, ConfigError).data)
        if not content:
            raise ConfigError(
                f"{file}: it says nothing", hint="--none takes back what was published"
            )
        try:
            # Laid over itself it loosens nothing: what remains is what no device would take.
            lay_over(own, content)
        except ConfigError as bad:
            raise ConfigError(
                "\n".join(f"{file}: {line}" for line in str(bad).splitlines())
            ) from bad
    return _publish(settings, Draft("config", target, content), by, clock or SystemClock())


def publish_campaign(
    settings: Settings,
    file: Path | None,
    target: str,
    origin: str | None = None,
    *,
    by: str = "command line",
    clock: Clock | None = None,
) -> int:
    """Have devices play a campaign; returns the document's number.

    Its media are copied to ``central.folder/media``, under the names of their content; a web server
    has to offer that folder under ``origin``.

    Args:
        settings: of head office.
        file: a campaign file, its media beside it; ``None`` takes back what was published before.
        target: ``tenant/site/device``, where ``*`` stands for any one name.
        origin: beginning of the media's addresses, ending in ``/``; by default our own web pages.
        by: who does it, for the audit.
        clock: the time; by default the machine's.

    Raises:
        BadInputError: the campaign or one of its media cannot be used, or there is no origin.
        StateError: the folder or the database cannot be written.
    """
    draft = Draft("campaign", target, {})
    if file is not None:
        campaign = load_campaign(file)
        content = strict.read(file, CampaignError).data
        origin = _checked(origin or media_origin(settings))
        folder = settings.central.folder / "media"
        names = dict.fromkeys(str(entry["file"]) for entry in content["creatives"])
        media = [_medium(file, name, origin, folder) for name in names]
        _check_booked(file, campaign, media)
        draft = Draft("campaign", target, content, media)
    return _publish(settings, draft, by, clock or SystemClock())


def _publish(settings: Settings, draft: Draft, by: str, clock: Clock) -> int:
    private = make_signing_key(settings.central.folder)
    engine = open_database(settings.central)
    try:
        with engine.begin() as connection:
            return publish_document(connection, draft, by, clock.utc(), private)
    finally:
        engine.dispose()


def _checked(origin: str | None) -> str:
    if origin is None:
        raise BadInputError(
            "there is no address from which devices could fetch the media: our pages are not served"
            " by HTTPS",
            hint="give --origin, or let others reach central.web (host, or public_url)",
        )
    if not origin.startswith(("https://", "http://")) or not origin.endswith("/"):
        raise BadInputError(
            f"{origin}: an address that ends in / is expected",
            hint="such as https://shop.example/media/",
        )
    return origin


def _medium(file: Path, name: str, origin: str, folder: Path) -> Medium:
    source = file.parent / name
    try:
        with source.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        kept = f"{digest}{source.suffix.lower()}"
        medium = Medium(
            file=name, url=f"{origin}{kept}", sha256=digest, bytes=source.stat().st_size
        )
    except OSError as bad:
        raise CampaignError(f"{source}: cannot be read: {bad.strerror or bad}") from bad
    except ValidationError as bad:
        fault = bad.errors()[0]
        raise CampaignError(f"{file}: {name}: {fault['loc'][0]}: {fault['msg']}") from bad
    _offer(source, folder / kept)
    return medium


def _check_booked(file: Path, campaign: Campaign, media: list[Medium]) -> None:
    """Refuse a medium that is not the one that the campaign names: no screen would show it."""
    found = {(file.parent / one.file).resolve(): one.sha256 for one in media}
    for creative in campaign.creatives:
        if creative.sha256 is not None and creative.sha256 != found[creative.path]:
            raise CampaignError(
                f"{file}: {creative.id}: sha256: {creative.path.name} is another file:"
                f" its sha256 is {found[creative.path]}"
            )


def _offer(source: Path, kept: Path) -> None:
    if kept.exists():
        return
    part = kept.with_name(f"{kept.name}.part")
    try:
        kept.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        part.chmod(0o644)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(kept)
    except OSError as bad:
        raise StateError(
            f"{kept}: cannot be written: {bad.strerror}",
            hint="check central.folder in the configuration and its disk",
        ) from bad
