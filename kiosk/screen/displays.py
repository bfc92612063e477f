"""Which displays the kernel sees; asked before a compositor is started that would find none."""

from __future__ import annotations

from pathlib import Path

CONNECTORS = Path("/sys/class/drm")


def connected(folder: Path = CONNECTORS) -> list[str]:
    """Names of the connectors with a display, such as ``HDMI-A-1``."""
    found = []
    for status in sorted(folder.glob("card*-*/status")):
        try:
            if status.read_text(encoding="ascii").strip() == "connected":
                found.append(status.parent.name.partition("-")[2])
        except OSError:
            # A connector of an adapter that was pulled out at this moment.
            continue
    return found


def what_is_missing(wanted: str | None, folder: Path = CONNECTORS) -> str:
    """Why there is nothing to draw on, in one sentence; empty when there is a display.

    Args:
        wanted: the configured connector; ``None``: any.
        folder: where the kernel lists its connectors.
    """
    if not any(folder.glob("card*")):
        return "the kernel has no graphics device: check its driver and the BIOS"
    names = connected(folder)
    if wanted and wanted not in names:
        others = f"; there is one at {' and '.join(names)}" if names else ""
        return f"no display at {wanted}{others}: check its cable and power, or set screen.output"
    return "" if names else "no display is connected: check its cable and power"
