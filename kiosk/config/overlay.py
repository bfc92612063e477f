"""A configuration of head office, laid over the device's own.

What it may say is narrow. Some keys stay the device's own, since a mistake in them would cut its
parts off from each other or the device off for good: nobody could repair that from afar. And it may
tighten privacy, never loosen it: who has stolen head office's key must not be able to switch noise
off in every shop, and what was promised in a shop is changed by those who stand there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from kiosk import strict
from kiosk.config.loosened import loosened
from kiosk.config.policy import contradictions
from kiosk.errors import ConfigError

if TYPE_CHECKING:
    from kiosk.config import Settings

log = logging.getLogger(__name__)

SECTIONS = ("vision", "audience", "privacy", "ads", "player", "log", "clock")
"""What may be set from afar."""

OWN = {
    ("ads", "campaign"): "a campaign comes as a document of its own",
    ("audience", "socket"): "vision and the director would lose each other",
    ("audience", "publish_open_hour_on_stop"): "it is for demos at one's own desk",
    ("clock", "marker"): "it is a file of this machine",
    ("player", "host"): "the screen would lose its page",
    ("player", "port"): "the screen would lose its page",
    ("vision", "models_dir"): "it is a folder of this machine",
}
"""Keys of those sections that stay the device's own, and why."""

MAX_VERSION = 2**63 - 1
"""As on the wire: a health message that names a higher one could not be sent."""


@dataclass(frozen=True)
class Taken:
    """What became of the configuration that is installed here.

    Attributes:
        own: the settings without it.
        version: its version; 0: none is at work.
        refused: its version, if it cannot be used.
        reason: why it cannot.
    """

    own: Settings = field(compare=False, repr=False)
    version: int = 0
    refused: Optional[int] = None
    reason: str = ""


def config_file(folder: Path) -> Path:
    """Where the installed configuration is, within ``desired.folder``."""
    return folder / "config" / "installed.json"


def lay_over(own: Settings, sections: dict[str, Any]) -> Settings:
    """The device's own settings with those of head office over them.

    Args:
        own: without anything of head office.
        sections: as in the configuration file; none at all: back to the device's own.

    Raises:
        ConfigError: one sentence per fault: a key that is not head office's to set, a value that
            does not fit, a contradiction, or less privacy than the device's own settings give.
    """
    faults = list(_not_from_afar(sections))
    if faults:
        raise ConfigError("\n".join(faults))
    document = _FromAfar(Path("head office"), "{}", ConfigError)
    document.data = _merged(own.model_dump(mode="json"), sections)
    settings = strict.validate(document, type(own), ConfigError)
    faults = [f"{strict.dotted(where)}: {why}" for where, why in contradictions(settings)]
    faults += loosened(own, settings)
    if faults:
        raise ConfigError("\n".join(faults))
    return settings


def take_installed(own: Settings) -> tuple[Settings, Taken]:
    """The settings with the installed configuration, or the device's own where it cannot be used.

    Never raises: whatever lies there, the screen does not go black for it.
    """
    path = config_file(own.desired.folder)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return own, Taken(own)
    except (OSError, UnicodeDecodeError) as bad:
        return own, _ignored(own, None, f"{path}: cannot be read: {bad}")
    version = None
    try:
        found = json.loads(text)
        version = _version(found["version"])
        settings = lay_over(own, found["content"])
    except ConfigError as bad:
        return own, _ignored(own, version, str(bad).splitlines()[0])
    except Exception:  # noqa: BLE001 - no process can start with a fault here, the screen's included
        return own, _ignored(own, version, f"{path}: damaged")
    return settings, Taken(own, version)


def _version(found: object) -> int:
    if isinstance(found, int) and 0 < found <= MAX_VERSION:
        return found
    raise ValueError("no version")


class _FromAfar(strict.Document):
    """Settings of which no line of a file can be named."""

    def place(self, _where: strict.Location) -> str:
        return "head office"


def _ignored(own: Settings, version: int | None, reason: str) -> Taken:
    log.warning(
        'event=desired_config_ignored version=%s reason="%s": the device\'s own is used;'
        " publish a configuration that fits it",
        version,
        reason,
    )
    return Taken(own, refused=version, reason=reason)


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    both = {key: _merged(value, above[key]) for key, value in below.items() if key in above}
    return {**below, **above, **both}


def _not_from_afar(sections: dict[str, Any]) -> Iterator[str]:
    for name, section in sections.items():
        if name not in SECTIONS:
            yield f"{name}: this section is not set from afar; it may hold {', '.join(SECTIONS)}"
        elif not isinstance(section, dict):
            yield f"{name}: a mapping of keys is expected"
        else:
            for key in section:
                if (name, key) in OWN:
                    yield f"{name}.{key}: not set from afar: {OWN[name, key]}"
    vision = sections.get("vision")
    source = vision.get("source") if isinstance(vision, dict) else None
    if isinstance(source, str) and "://" not in source and not Path(source).is_absolute():
        yield "vision.source: a device, a stream or a whole path is expected from afar"
