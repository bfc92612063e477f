"""What is refused before anything is unpacked, and how that is said."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.release.release_box import Box
from tests.release.release_stubs import Change, Stub, make_bundle, make_key, sign

Tamper = Callable[[tarfile.TarFile, str], None]


def refused(box: Box, *arguments: str) -> str:
    """Install something that must not be installed; what was said about it."""
    done = box.run("install", *arguments)
    assert done.code in (1, 2), done
    assert "Traceback" not in done.said
    assert len(done.said.splitlines()) == 2, done.said
    assert "hint: " in done.said
    assert box.folders() == []
    assert not (box.root / "opt/kiosk/current").is_symlink()
    return done.said


def append(text: str) -> Change:
    def change(tree: Path) -> None:
        place = tree / "lib/systemd/system/kiosk.target"
        place.write_text(place.read_text() + text)

    return change


def add(tree: Path) -> None:
    (tree / "lib/extra.conf").write_text("unlisted")


def lose(tree: Path) -> None:
    (tree / "sbom.cdx.json").unlink()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (append("x"), "kiosk.target is not the file that was signed"),
        (add, "lib/extra.conf is not in the signed list"),
        (lose, "lacks sbom.cdx.json"),
        (lambda tree: (tree / "SHA256SUMS.sig").unlink(), "has no SHA256SUMS.sig"),
        (lambda tree: (tree / "SHA256SUMS.sig").write_bytes(b""), "was not signed by the key"),
        (lambda tree: (tree / "SHA256SUMS.sig").write_bytes(b"x" * 64), "was not signed by"),
        (lambda tree: (tree / "link").symlink_to("/etc/passwd"), "is no file and no folder"),
    ],
    ids=["altered", "unlisted", "lacking", "unsigned", "empty", "forged", "link"],
)
def test_a_bundle_that_is_not_what_was_signed_is_refused(
    box: Box, works: Path, tmp_path: Path, change: Change, sentence: str
) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0", after_sums=change))
    assert sentence in refused(box, str(bundle))
    assert box.run("verify", str(bundle)).code == 2


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_half_copied_bundle_is_refused(
    box: Box, works: Path, tmp_path: Path, part: float
) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0"))
    whole = bundle.read_bytes().rstrip(b"\0")
    bundle.write_bytes(whole[: int(len(whole) * part)])
    assert "copy it again" in refused(box, str(bundle))


@pytest.mark.parametrize("name", ["/etc/cron.d/x", "kiosk/../../x", "elsewhere/x", "x"])
def test_a_name_that_leads_elsewhere_is_refused(
    box: Box, works: Path, tmp_path: Path, name: str
) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0"))
    with tarfile.open(bundle, "a") as tar:
        member = tarfile.TarInfo(name)
        tar.addfile(member, io.BytesIO())
    said = refused(box, str(bundle))
    assert f'"{name}"' in said
    assert "do not use this file" in said


def test_a_name_that_is_there_twice_is_refused(box: Box, works: Path, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0"))
    with tarfile.open(bundle, "a") as tar:
        member = tarfile.TarInfo(f"{bundle.stem}/manifest.json")
        tar.addfile(member, io.BytesIO())
    assert "is there twice" in refused(box, str(bundle))


def test_a_bundle_signed_by_another_key_is_refused(box: Box, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, make_key(tmp_path, "other"), Stub("1.0"))
    assert "was not signed by the key in" in refused(box, str(bundle))


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ({"arch": "riscv64"}, "is for riscv64, this machine is"),
        ({"python": "3.13"}, "is for Python 3.13, this machine has 3.11"),
        ({"debian": "13"}, "is for Debian 13, this machine runs 12"),
        ({"parts": ["central"]}, "has no part for role device"),
        ({"format": 2}, "is of format 2, known is 1"),
        ({"version": "../1.0"}, "is not a version"),
        ({"parts": None}, "manifest.json cannot be used"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bundle_for_another_machine_is_refused(
    box: Box, works: Path, tmp_path: Path, manifest: dict[str, object], sentence: str
) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0", manifest=manifest))
    assert sentence in refused(box, str(bundle))


def test_a_machine_without_a_key_says_where_it_belongs(
    box: Box, works: Path, tmp_path: Path
) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0"))
    key = box.root / "opt/kiosk/trusted/release.pub"
    key.write_text("no key")
    assert f"{key}: not a public key" in refused(box, str(bundle))
    key.unlink()
    assert f"{key}: there is no key to check with" in refused(box, str(bundle))


def test_something_else_in_the_place_of_a_link_is_left_alone(
    box: Box, works: Path, tmp_path: Path
) -> None:
    other = box.root / "usr/local/lib/systemd/system/other.service"
    other.parent.mkdir(parents=True)
    other.write_text("of somebody else")
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0"))
    assert f"{other.parent}: is not kiosk's" in refused(box, str(bundle))
    assert other.read_text() == "of somebody else"


def test_a_python_that_makes_no_environment_is_named(box: Box, works: Path, tmp_path: Path) -> None:
    (box.root / "usr/share/python-wheels").unlink()
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0"))
    assert "apt-get install python3-venv" in refused(box, str(bundle))


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")
def test_a_disk_that_is_too_full_is_said_before_anything_is_unpacked(
    box: Box, works: Path, tmp_path: Path
) -> None:
    def grow(tree: Path) -> None:
        (tree / "models_ir/large.bin").write_bytes(bytes(4 * 2**20))

    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0", before_sums=grow))
    releases = box.root / "opt/kiosk/releases"
    releases.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=66m", "small", releases], check=True)
    try:
        said = refused(box, str(bundle))
    finally:
        subprocess.run(["umount", releases], check=True)
    assert f"{releases}: 71 MB are needed, 69 MB are free" in said
    assert "kiosk-release prune" in said


def test_verify_tells_a_playbook_what_a_bundle_is(box: Box, works: Path, tmp_path: Path) -> None:
    stub = Stub("1.0", manifest={"arch": "riscv64"})
    bundle = make_bundle(tmp_path, works / "release.key", stub)
    answer = box.answer("verify", str(bundle))
    assert (answer["ok"], answer["version"], answer["arch"]) == (True, "1.0", "riscv64")


def test_verify_also_takes_what_is_signed_but_no_release(
    box: Box, works: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "kiosk-debian12"
    tree.mkdir()
    (tree / "Packages").write_text("Package: stub\n")
    sign(tree, works / "release.key")
    with tarfile.open(tmp_path / "debian.tar", "w") as tar:
        tar.add(tree, tree.name)
    assert box.answer("verify", str(tmp_path / "debian.tar")) == {"ok": True, "files": 1}


def test_an_error_is_json_for_a_playbook_too(box: Box) -> None:
    done = box.run("install", "--json", "/nowhere.tar")
    assert done.code == 2
    assert json.loads(done.out) == {
        "changed": False,
        "error": "/nowhere.tar: No such file or directory",
        "hint": "name the .tar file",
    }
