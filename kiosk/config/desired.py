"""Settings of what head office may set from afar."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Optional

from pydantic import Field

from kiosk.config.base import FilePath, Seconds, Section


class DesiredSettings(Section):
    """What head office may set from afar: signed configurations, campaigns and commands."""

    public_keys: list[FilePath] = Field(
        [], description="Ed25519 public keys (PEM) whose word counts; none: nothing is taken"
    )
    folder: FilePath = Field(
        Path("run/desired"), description="where documents and media are kept that were taken"
    )
    media_origins: list[Annotated[str, Field(pattern=r"^https?://[^\s]+/$")]] = Field(
        [], description="where media may come from: beginnings of addresses, each ending in /"
    )
    media_max_mb: int = Field(2000, ge=1, description="most space that media take")
    media_timeout_s: Seconds = Field(30, description="silence after which a download is retried")
    commands: list[
        Literal["ping", "identify", "restart", "reload-campaign", "rotate-certificate", "diagnose"]
    ] = Field(
        ["ping", "identify", "restart", "reload-campaign", "rotate-certificate", "diagnose"],
        description="commands that are obeyed",
    )
    command_max_age_s: Seconds = Field(
        600, description="a command that is valid for longer is refused"
    )
    identify_s: Seconds = Field(30, description="how long the screen says which one it is")


PLAIN = re.compile(r"[0-9]{1,19}/[a-z.]{1,40}")


@dataclass(frozen=True)
class InstalledCampaign:
    """A campaign of head office that is whole and on this disk.

    Attributes:
        version: of its document.
        name: as it calls itself; empty when head office wants the device's own.
        file: the campaign file; ``None`` when head office wants the device's own.
    """

    version: int
    name: str
    file: Optional[Path]


NAME_MAX = 64
"""Signs of a campaign's name."""


def _plain(file: object) -> str:
    """A path as we write it: a folder of digits and a name."""
    if isinstance(file, str) and PLAIN.fullmatch(file):
        return file
    raise ValueError("it names no file of ours")


def campaign_pointer(folder: Path) -> Path:
    """Which campaign is installed, within ``desired.folder``."""
    return folder / "campaign" / "installed.json"


def installed_campaign(desired: DesiredSettings) -> Optional[InstalledCampaign]:
    """The campaign of head office, or ``None`` when there is none or nothing is taken from it.

    Raises:
        ValueError: what is written there cannot be read; whoever plays goes on with what it has.
    """
    if not desired.public_keys:
        return None
    pointer = campaign_pointer(desired.folder)
    try:
        found = json.loads(pointer.read_text(encoding="utf-8"))
        file = found["file"]
        return InstalledCampaign(
            int(found["version"]),
            str(found["name"])[:NAME_MAX],
            None if file is None else pointer.parent / _plain(file),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as bad:
        raise ValueError(f"{pointer}: cannot be read: {bad}") from bad
