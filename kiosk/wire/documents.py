"""What head office wants of a device: signed documents and commands, and the device's answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from kiosk.wire.payloads import MAX_INT, Label, Payload, Utc
from kiosk.wire.topics import Branch

DOCUMENT_MAX_BYTES = 256 * 1024
"""Largest document; every device of a fleet holds one of each kind at the broker."""

TARGET = r"^([A-Za-z0-9_-]{1,64}|\*)/([A-Za-z0-9_-]{1,64}|\*)/([A-Za-z0-9_-]{1,64}|\*)$"

Target = Annotated[
    str,
    Field(pattern=TARGET, description="tenant/site/device, where * stands for any one name"),
]
"""Whom something is for; a device refuses what is for another."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

DocumentKind = Literal["config", "campaign"]
CommandName = Literal[
    "ping",
    "identify",
    "restart",
    "reload-campaign",
    "rotate-certificate",
    "install-certificate",
    "diagnose",
]
Outcome = Literal["done", "failed", "expired", "not-allowed", "unknown-command", "clock-unset"]


def _inside(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError("a relative path of plain names is expected")
    return path


class Medium(Payload):
    """A file that a campaign needs."""

    file: Annotated[str, Field(max_length=200), AfterValidator(_inside)] = Field(
        description="as the campaign names it"
    )
    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s]+$")]
    sha256: Sha256
    bytes: int = Field(ge=1, le=MAX_INT)


class Document(Payload):
    """A configuration or a campaign.

    The body of a :class:`Sealed` on ``down/config`` or ``down/campaigns``, retained.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    kind: DocumentKind
    target: Target
    version: int = Field(ge=1, le=MAX_INT, description="a device takes only a higher one")
    issued: Utc
    content: dict[str, Any] = Field(
        description="sections of the configuration, or a campaign file; empty: back to the"
        " device's own"
    )
    media: tuple[Medium, ...] = Field((), max_length=1000)


class Command(Payload):
    """Something to be done once; the body of a :class:`Sealed` on ``down/command``."""

    schema_version: Literal[1] = Field(1, alias="schema")
    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    target: Target
    name: Annotated[str, Field(pattern=r"^[a-z][a-z-]{1,39}$")]
    args: dict[Label, Annotated[str, Field(max_length=20_000)]] = Field(max_length=20)
    issued: Utc
    expires_at: Utc


class Reply(Payload):
    """What became of a command; on ``up/reply``."""

    schema_version: Literal[1] = Field(1, alias="schema")
    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    name: Annotated[str, Field(max_length=40)]
    outcome: Outcome
    detail: Annotated[str, Field(max_length=500)] = Field("", description="one sentence")
    at: Utc
    data: dict[Label, str | int | float | bool | None] = Field(
        default_factory=dict, max_length=100, description="figures and states, never a picture"
    )
    lines: tuple[Annotated[str, Field(max_length=500)], ...] = Field(
        (), max_length=200, description="last warnings and errors of the device's log"
    )


class Sealed(Payload):
    """A text and who vouches for it."""

    schema_version: Literal[1] = Field(1, alias="schema")
    body: Annotated[str, Field(max_length=DOCUMENT_MAX_BYTES)] = Field(
        description="JSON, signed as it stands"
    )
    key: str = Field(pattern=r"^[0-9a-f]{16}$", description="which public key proves it")
    signature: str = Field(
        pattern=r"^[A-Za-z0-9+/]{86}==$", description="Ed25519 (RFC 8032), in base64"
    )


def is_for(target: str, branch: Branch) -> bool:
    """Whether a target means a device."""
    wanted = zip(target.split("/"), str(branch).split("/"), strict=True)
    return all(part in ("*", name) for part, name in wanted)
