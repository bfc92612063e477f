"""A bundle: one tar file, whose every file is listed in a signed list.

Nothing is unpacked to find out whether it is good: names, the signature and each file's hash are
read from the tar file itself.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from kiosk.errors import BadInputError, KioskError

FORMAT = 1
SUMS, SIGNATURE, MANIFEST = "SHA256SUMS", "SHA256SUMS.sig", "manifest.json"
SMALL_BYTES = 8 * 2**20
"""More than any list or manifest; what is read whole is bounded."""

BLOCK_BYTES = 2**20
LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")
COPY_AGAIN = "copy it again, and compare its size with the original's"


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself."""

    version: str
    arch: str
    python: str
    debian: str
    parts: tuple[str, ...]


class Bundle:
    """An open tar file; its members by their name below the top folder."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self.path = path
        self._tar = tar
        self._members = self._safe_members()

    def names(self) -> list[str]:
        """Every file, sorted."""
        return sorted(self._members)

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return self._members[name].size

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file's content.

        Raises:
            BadInputError: there is no such file, or the tar file ends within it.
        """
        member = self._members.get(name)
        if member is None:
            raise BadInputError(f"{self.path}: has no {name}", f"half copied? {COPY_AGAIN}")
        file = self._tar.extractfile(member)
        assert file is not None, "only regular files are members"  # noqa: S101 - for the type
        try:
            with file:
                yield file
        except (tarfile.TarError, EOFError, OSError) as bad:
            raise BadInputError(f"{self.path}: {name} cannot be read: {bad}", COPY_AGAIN) from bad

    def read(self, name: str) -> bytes:
        """The whole of a small file."""
        with self.open(name) as file:
            content = file.read(SMALL_BYTES + 1)
        if len(content) > SMALL_BYTES:
            raise BadInputError(f"{self.path}: {name} is too large to be one", "get it anew")
        return content

    def blocks(self, name: str, sha256: str) -> Iterator[bytes]:
        """A file's content in pieces; what follows the last one is sure only without an error.

        Raises:
            BadInputError: its hash is not ``sha256``.
        """
        digest = hashlib.sha256()
        with self.open(name) as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                yield block
        if digest.hexdigest() != sha256:
            raise BadInputError(
                f"{self.path}: {name} is not the file that was signed", f"damaged? {COPY_AGAIN}"
            )

    def _safe_members(self) -> dict[str, tarfile.TarInfo]:
        try:
            members = self._tar.getmembers()
        except (tarfile.TarError, EOFError, OSError) as bad:
            raise BadInputError(f"{self.path}: ends too early ({bad})", COPY_AGAIN) from bad
        files: dict[PurePosixPath, tarfile.TarInfo] = {}
        for member in members:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts:
                raise self._unsafe(member.name, "leads out of its folder")
            if member.isdir():
                continue
            if not member.isreg():
                raise self._unsafe(member.name, "is no file and no folder")
            if path in files:
                raise self._unsafe(member.name, "is there twice")
            files[path] = member
        # What is signed in the same way, such as Debian packages, may lie in no folder.
        if not files or PurePosixPath(SUMS) in files:
            return {str(path): member for path, member in files.items()}
        top = next(iter(files)).parts[0]
        for path, member in files.items():
            if path.parts[0] != top or len(path.parts) < 2:
                raise self._unsafe(member.name, "is beside the one folder that a bundle has")
        return {str(PurePosixPath(*path.parts[1:])): member for path, member in files.items()}

    def _unsafe(self, name: str, why: str) -> BadInputError:
        return BadInputError(f'{self.path}: "{name}" {why}', "do not use this file; get it anew")


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle.

    Raises:
        BadInputError: it is missing, no tar file, or holds what no bundle holds.
    """
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115 - closed below
    except (tarfile.TarError, EOFError) as bad:
        raise BadInputError(f"{path}: not a bundle ({bad})", COPY_AGAIN) from bad
    except OSError as bad:
        raise BadInputError(f"{path}: {bad.strerror}", "name the .tar file") from bad
    with tar:
        yield Bundle(path, tar)


def verify(bundle: Bundle, key: Path) -> Mapping[str, str]:
    """Prove that a bundle is whole and was signed.

    Returns:
        The SHA-256 of each file, by name.

    Raises:
        BadInputError: it is not, and what is wrong.
        KioskError: this machine cannot find out.
    """
    text = bundle.read(SUMS)
    _check_signature(bundle.path, text, bundle.read(SIGNATURE), key)
    sums = _parse(bundle.path, text)
    present = set(bundle.names()) - {SUMS, SIGNATURE}
    if missing := sorted(set(sums) - present):
        raise BadInputError(
            f"{bundle.path}: lacks {missing[0]} and {len(missing) - 1} more"
            if len(missing) > 1
            else f"{bundle.path}: lacks {missing[0]}",
            f"half copied? {COPY_AGAIN}",
        )
    if unlisted := sorted(present - set(sums)):
        raise BadInputError(
            f"{bundle.path}: {unlisted[0]} is not in the signed list",
            "do not use this file; get it anew",
        )
    for name, sha256 in sums.items():
        for _ in bundle.blocks(name, sha256):
            pass
    return sums


def read_manifest(bundle: Bundle) -> Manifest:
    """What a verified bundle is.

    Raises:
        BadInputError: it is no bundle that this kiosk-release understands.
    """
    try:
        values = json.loads(bundle.read(MANIFEST))
        if values["format"] != FORMAT:
            raise BadInputError(
                f"{bundle.path}: is of format {values['format']}, known is {FORMAT}",
                "replace /opt/kiosk/bin/kiosk-release by the one inside this bundle",
            )
        return Manifest(
            version=str(values["version"]),
            arch=str(values["arch"]),
            python=str(values["python"]),
            debian=str(values["debian"]),
            parts=tuple(values["parts"]),
        )
    except (ValueError, KeyError, TypeError) as bad:
        raise BadInputError(
            f"{bundle.path}: {MANIFEST} cannot be used: {bad!r}", "was it made by `make bundle`?"
        ) from bad


def _parse(path: Path, text: bytes) -> dict[str, str]:
    sums: dict[str, str] = {}
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        found = LINE.fullmatch(line)
        if found is None:
            raise BadInputError(f"{path}: {SUMS}, line {number} is no line of sha256sum")
        sums[found[2].removeprefix("./")] = found[1]
    return sums


def _check_signature(path: Path, text: bytes, signature: bytes, key: Path) -> None:
    if not key.is_file():
        raise KioskError(f"{key}: there is no key to check with", "put head office's key there")
    if shutil.which("openssl") is None:
        raise KioskError("openssl is missing, which checks signatures", "apt-get install openssl")
    with tempfile.TemporaryDirectory(prefix="kiosk-release-") as folder:
        (Path(folder) / SUMS).write_bytes(text)
        (Path(folder) / SIGNATURE).write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin"]
        command += ["-sigfile", f"{folder}/{SIGNATURE}", "-in", f"{folder}/{SUMS}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 0:
        return
    if "load" in done.stderr or "read" in done.stderr:
        raise KioskError(f"{key}: not a public key", "put head office's key there (PEM, Ed25519)")
    raise BadInputError(
        f"{path}: was not signed by the key in {key}",
        "is it head office's bundle, and is that head office's key? then copy it again",
    )
