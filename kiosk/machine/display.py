"""The screens that are plugged in, as the kernel's graphics drivers see them."""

from __future__ import annotations

from kiosk.machine.finding import Finding, SystemFiles, first_line

NO_SCREEN = ("Writeback",)
"""Connectors that lead to memory and not to a plug."""


def look_at_display(wanted: str | None, files: SystemFiles) -> Finding:
    """Whether a screen is plugged in.

    Args:
        wanted: the configured connector; ``None``: any.
        files: of the kernel.
    """
    connectors: dict[str, str] = {}
    for status in sorted((files.sys / "class/drm").glob("card*-*/status")):
        name = status.parent.name.partition("-")[2]
        if not name.startswith(NO_SCREEN):
            connectors[name] = first_line(status)
    if not connectors:
        return Finding(
            "display",
            "warn",
            "this machine has no output for a screen",
            "a container and a server have none; on a device, is the graphics driver loaded"
            " (/sys/class/drm)?",
        )
    plugged = [name for name, said in connectors.items() if said == "connected"]
    if not plugged:
        return Finding(
            "display",
            "fail",
            f"no screen is connected ({', '.join(connectors)})",
            "plug its cable in at both ends, and switch it on",
        )
    if wanted is not None and wanted not in plugged:
        known = "not connected" if wanted in connectors else "not an output of this machine"
        return Finding(
            "display",
            "fail",
            f"screen.output is {wanted}, which is {known}; connected: {', '.join(plugged)}",
            f"plug the screen in there, or set screen.output to {plugged[0]}",
        )
    return Finding("display", "ok", f"connected: {', '.join(plugged)}")
