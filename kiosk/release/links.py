"""The few files of ours outside the product's folder: how Debian finds a release's own."""

from __future__ import annotations

import errno
import pkgutil
import shutil

from kiosk.errors import BadInputError, KioskError
from kiosk.release.files import point, remove_whole, sync_folder, write_whole
from kiosk.release.layout import COMMANDS, CONFIRM_UNIT, LINKS, UDEV_RULES, Layout


def check_links(layout: Layout) -> None:
    """Make sure that nothing of another's is in the way.

    Raises:
        BadInputError: something is.
    """
    for place, target in LINKS.items():
        path = layout.root / place
        if path.is_symlink():
            if str(path.readlink()) != target:
                raise _in_the_way(str(path), f"leads to {path.readlink()}")
        elif path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise _in_the_way(str(path), "is not kiosk's")


def make_links(layout: Layout) -> None:
    """Make the links, and the unit that confirms; all of it may be there already.

    A command of another's stays, and ours then has its own path only.
    """
    check_links(layout)
    for place, target in COMMANDS.items():
        path = layout.root / place
        if not (path.is_symlink() or path.exists()):
            path.parent.mkdir(parents=True, exist_ok=True)
            point(path, target)
    for place, target in LINKS.items():
        path = layout.root / place
        if path.is_symlink():
            continue
        if path.is_dir():
            path.rmdir()
        path.parent.mkdir(parents=True, exist_ok=True)
        point(path, target)
    unit = _confirm_unit()
    path = layout.confirm_unit
    if not path.is_file() or path.read_text(encoding="utf-8") != unit:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, unit)


def copy_udev_rules(layout: Layout) -> None:
    """Have udev's rules be those of the current release."""
    rules = layout.current / "lib" / UDEV_RULES
    place = layout.udev_rules
    if not rules.is_file():
        if place.exists():
            remove_whole(place)
        return
    text = rules.read_text(encoding="utf-8")
    if not place.is_file() or place.read_text(encoding="utf-8") != text:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, text)


def remove_links(layout: Layout) -> bool:
    """Take away what is ours, and nothing else.

    Returns:
        Whether there was anything.
    """
    ours = [layout.confirm_unit, layout.udev_rules, layout.boot_marker]
    for place, target in (LINKS | COMMANDS).items():
        path = layout.root / place
        if path.is_symlink() and str(path.readlink()) == target:
            ours.append(path)
    there = [path for path in ours if path.is_symlink() or path.exists()]
    for path in there:
        path.unlink()
        sync_folder(path.parent)
    return bool(there)


def remove_product(layout: Layout) -> bool:
    """Take the product's folder away; one that is a mount point is emptied, and stays.

    Returns:
        Whether there was anything.
    """
    if not layout.product.exists():
        return False
    found = list(layout.product.iterdir())
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    try:
        layout.product.rmdir()
    except OSError as bad:
        # No look at what is mounted tells a folder that is bound to one of the same disk.
        if bad.errno != errno.EBUSY:
            raise
        return bool(found)
    return True


def _confirm_unit() -> str:
    try:
        text = pkgutil.get_data("kiosk.release", CONFIRM_UNIT)
    except OSError as bad:
        raise KioskError(
            f"{CONFIRM_UNIT} is not in this program", "run the kiosk-release that a bundle brings"
        ) from bad
    return (text or b"").decode()


def _in_the_way(path: str, what: str) -> BadInputError:
    return BadInputError(f"{path}: {what}", "move it away; kiosk puts a link there")
