"""Which releases there are, which may go, and how everything goes."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from typing import Any

from kiosk.errors import KioskError
from kiosk.release.files import alone
from kiosk.release.install import sweep
from kiosk.release.layout import ROLES, Layout
from kiosk.release.links import remove_links, remove_product
from kiosk.release.machine import Machine
from kiosk.release.records import all_installed, last_outcomes, previous_of, read_pending


def overview(layout: Layout) -> dict[str, Any]:
    """What is installed, as a playbook reads it; the newest first."""
    current = layout.current_version()
    previous = previous_of(layout, current)
    pending = read_pending(layout)
    outcomes = last_outcomes(layout)
    releases = []
    for each in all_installed(layout):
        outcome = outcomes.get(each.version)
        on_trial = pending is not None and pending.to == each.version
        releases.append(
            {
                "version": each.version,
                "role": each.role,
                "installed": each.installed,
                "current": each.version == current,
                "previous": each.version == previous,
                "state": "on_trial" if on_trial else outcome.outcome if outcome else "unused",
                "reason": outcome.reason if outcome else "",
            }
        )
    return {
        "current": current,
        "previous": previous,
        "on_trial": pending.to if pending else None,
        "releases": releases,
    }


def prune(layout: Layout, keep: int) -> list[str]:
    """Remove old releases, and what a power cut left unfinished.

    Args:
        layout: this machine.
        keep: how many stay, the newest installs first; what runs, what ran before it and what is
            on trial always stay.

    Returns:
        What was removed.
    """
    with alone(layout.product):
        removed = sweep(layout)
        current = layout.current_version()
        needed = {current, previous_of(layout, current)}
        if pending := read_pending(layout):
            needed |= {pending.to, pending.from_}
        releases = [each.version for each in all_installed(layout)]
        free = max(0, keep - sum(version in needed for version in releases))
        for version in releases:
            if version in needed:
                continue
            if free:
                free -= 1
                continue
            shutil.rmtree(layout.release(version))
            removed.append(version)
    return removed


def remove(layout: Layout, machine: Machine) -> bool:
    """Stop everything and take the product off the machine; settings, state and mount points stay.

    Returns:
        Whether there was anything.

    Raises:
        KioskError: it cannot be removed.
    """
    roles = {each.role for each in all_installed(layout)} or set(ROLES)
    try:
        with alone(layout.product) if layout.product.exists() else nullcontext():
            machine.retire(sorted(roles))
            had_links = remove_links(layout)
            machine.reload()
            return remove_product(layout) or had_links
    except OSError as bad:
        raise KioskError(f"{bad.filename}: {bad.strerror}", "remove the rest by hand") from bad
