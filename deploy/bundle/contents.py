"""What stands in a release: its version, manifest, hashed requirements, models, and sizes.

Comes in: folders of the tree and of wheels. Goes out: text and files; nothing is fetched. The
scripts beside it use it by command, as in `python -m deploy.bundle.contents version TREE`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from kiosk.config import VisionSettings
from kiosk.errors import KioskError
from kiosk.vision import load_bundle, verify_models

FORMAT = 1
"""Of the manifest; a device refuses one that it does not know."""

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)
MODULE_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
PROJECT_VERSION = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)


class BundleError(KioskError):
    """A release cannot be made of what is there."""


def version(tree: Path) -> str:
    """The version that a tree states.

    Raises:
        BundleError: pyproject.toml and kiosk/__init__.py differ.
    """
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    stated = str(project["project"]["version"])
    module = (tree / "kiosk/__init__.py").read_text(encoding="utf-8")
    found = MODULE_VERSION.search(module)
    if found is None or found[1] != stated:
        raise BundleError(
            f"{tree}: pyproject.toml says version {stated}, kiosk/__init__.py says "
            f"{found[1] if found else 'none'}; make them equal"
        )
    return stated


def stamp(tree: Path, wanted: str) -> str:
    """Write another version into a copy of the tree."""
    if not re.fullmatch(r"\d+\.\d+\.\d+([a-z0-9.]*)", wanted):
        raise BundleError(f'"{wanted}" is not a version such as 1.2.3')
    project, module = tree / "pyproject.toml", tree / "kiosk/__init__.py"
    for path, pattern, line in (
        (project, PROJECT_VERSION, f'version = "{wanted}"'),
        (module, MODULE_VERSION, f'__version__ = "{wanted}"'),
    ):
        text = path.read_text(encoding="utf-8")
        path.write_text(pattern.sub(line, text, count=1), encoding="utf-8")
    return version(tree)


def pins(lock: Path) -> dict[str, str]:
    """Versions by canonical name."""
    found = PIN.findall(lock.read_text(encoding="utf-8"))
    return {canonicalize_name(name): pinned for name, pinned in found}


def requirements(lock: Path, wheels: Path) -> str:
    """The lock again, with kiosk, and with the hashes of just the wheels that are there.

    Raises:
        BundleError: a pin has no wheel.
    """
    there = {}
    for wheel in sorted(wheels.glob("*.whl")):
        name, its_version, _, _ = parse_wheel_filename(wheel.name)
        there[name, str(its_version)] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    ours = next((key for key in there if key[0] == "kiosk"), None)
    if ours is None:
        raise BundleError(f"{wheels}: kiosk's own wheel is missing")
    wanted = {**pins(lock), "kiosk": ours[1]}
    missing = [
        f"{name}=={pinned}" for name, pinned in wanted.items() if (name, pinned) not in there
    ]
    if missing:
        raise BundleError(f"{wheels}: no wheel of {', '.join(missing)}, which {lock.name} names")
    lines = [
        f"{name}=={pinned} --hash=sha256:{there[name, pinned]}"
        for name, pinned in sorted(wanted.items())
    ]
    how = "pip install --no-index --no-deps --require-hashes --find-links wheels -r this file"
    return "\n".join([f"# {how}", *lines, ""])


def manifest(release: str, arch: str, models: list[str], epoch: int) -> str:
    """What a device reads first.

    Args:
        release: the version.
        arch: ``x86_64`` or ``aarch64``.
        models: names of the model bundles that are inside.
        epoch: when the tree was last changed, seconds since 1970.
    """
    document = {
        "format": FORMAT,
        "version": release,
        "arch": arch,
        "python": "3.11",
        "debian": "12",
        "created": datetime.fromtimestamp(epoch, UTC).isoformat(),
        "models": models,
        "parts": ["device", "central"] if arch == "x86_64" else ["device"],
    }
    return json.dumps(document, indent=1) + "\n"


def models(source: Path, name: str, goal: Path) -> list[str]:
    """Copy one bundle's cards and built models, after comparing them with what was built.

    Raises:
        KioskError: a model is missing or altered.
    """
    verify_models(VisionSettings(models_dir=source, bundle=name))
    (goal / "bundles").mkdir(parents=True)
    shutil.copy(source / "bundles" / f"{name}.yaml", goal / "bundles")
    names = [card.name for card in load_bundle(source, name).cards]
    for one in names:
        built = json.loads((source / one / "built.json").read_text(encoding="utf-8"))["sha256"]
        (goal / one).mkdir()
        # Files of earlier builds may lie beside them.
        for file in ("card.yaml", "built.json", *(Path(each).name for each in built)):
            shutil.copy(source / one / file, goal / one)
    return names


def table(files: list[Path]) -> str:
    """A line for each file: name, size in MB, beginning of its sha256."""
    width = max(len(path.name) for path in files)
    lines = [f"{'file':{width}}      MB  sha256"]
    for path in files:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        lines.append(f"{path.name:{width}}  {path.stat().st_size / 1e6:6.1f}  {digest[:16]}")
    return "\n".join(lines)


def main(command: str, *given: str) -> str:
    """Carry one command out; what it returns is printed."""
    if command == "version":
        return version(Path(given[0]))
    if command == "stamp":
        return stamp(Path(given[0]), given[1])
    if command == "requirements":
        return requirements(Path(given[0]), Path(given[1])).rstrip("\n")
    if command == "manifest":
        return manifest(given[0], given[1], given[2].split(","), int(given[3])).rstrip("\n")
    if command == "models":
        return "\n".join(models(Path(given[0]), given[1], Path(given[2])))
    if command == "table":
        return table([Path(path) for path in given])
    raise BundleError(f"{command} is not a command")


if __name__ == "__main__":
    try:
        sys.stdout.write(main(*sys.argv[1:]) + "\n")
    except KioskError as bad:
        sys.exit(f"bundle: {bad}{f'; {bad.hint}' if bad.hint else ''}")
