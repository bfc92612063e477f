"""The topic tree: ``kiosk/v1/{tenant}/{site}/{device}/...``."""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "kiosk/v1"


@dataclass(frozen=True)
class Branch:
    """One device's branch of the tree."""

    tenant: str
    site: str
    device: str

    def topic(self, leaf: str) -> str:
        """The full topic of ``leaf``, such as ``up/hours``."""
        return f"{ROOT}/{self.tenant}/{self.site}/{self.device}/{leaf}"

    def __str__(self) -> str:
        return f"{self.tenant}/{self.site}/{self.device}"


def parse_topic(topic: str) -> tuple[Branch, str] | None:
    """Branch and leaf of a topic, or ``None`` when it is not of this tree."""
    parts = topic.split("/")
    if len(parts) < 6 or "/".join(parts[:2]) != ROOT:
        return None
    return Branch(*parts[2:5]), "/".join(parts[5:])
