"""`kiosk suggest` as a process of its own: photos in, sentences out, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from kiosk.cli import main
from kiosk.vision.faces import Image
from tests.suggest.conftest import CONFIG, HEIC, ROOT, bomb, lying

BAD = {
    "empty.jpg": (b"", "the file is empty"),
    "notes.txt": (b"no picture", "no picture that is read here (JPEG, PNG, WebP, GIF or BMP)"),
    "phone.heic": (HEIC, "HEIC, AVIF and films are not read"),
    "bomb.png": (bomb(), "60000x60000 pixels are more than"),
}


def run(
    folder: Path, changes: tuple[str, ...], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """With every folder that a program might write to inside of one that is watched."""
    homes = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    command = [sys.executable, "-B", "-m", "kiosk", "suggest", "--config", str(CONFIG)]
    command += [*(word for one in changes for word in ("--set", one)), *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **homes, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes | None]:
    found = sorted(folder.rglob("*"))
    return {
        str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None for one in found
    }


@pytest.fixture
def photos(models_dir: Path, portrait: Image, nobody: bytes, tmp_path: Path) -> Path:
    """A folder with good photos and bad ones."""
    (tmp_path / "woman.jpg").write_bytes(lying(portrait))
    (tmp_path / "wall.jpg").write_bytes(nobody)
    for name, (data, _) in BAD.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder").mkdir()
    return tmp_path


def test_each_photo_is_answered_each_bad_one_is_a_sentence_and_nothing_is_written(
    photos: Path, changes: tuple[str, ...]
) -> None:
    before = contents(photos)
    done = run(photos, changes, "--json", "woman.jpg", *BAD, "folder", "nowhere.jpg", "wall.jpg")
    assert contents(photos) == before
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    woman, *bad, folder, nowhere, wall = json.loads(done.stdout)["photos"]
    assert (woman["photo"], len(woman["faces"])) == ("woman.jpg", 1)
    assert woman["faces"][0]["gender"] == "female"
    assert woman["adverts"]
    assert wall["faces"] == []
    for told, (name, (_, sentence)) in zip(bad, BAD.items(), strict=True):
        assert told == {"photo": name, "error": told["error"]}
        assert told["error"].startswith(f"{name}: ")
        assert sentence in told["error"]
    assert folder["error"] == "folder: it is a folder; name the photos in it"
    assert nowhere["error"] == "nowhere.jpg: there is no such photo"
    assert done.stderr.count("kiosk: ") == len(BAD) + 2


def test_copies_are_written_where_they_are_asked_for_and_nowhere_else(
    photos: Path, changes: tuple[str, ...], portrait: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    before = contents(photos)
    changed = [word for one in changes for word in ("--set", one)]
    arguments = ["suggest", "--config", str(CONFIG), *changed, "woman.jpg", "--out", "copies"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    new = contents(photos)
    assert set(new) - set(before) == {"copies", "copies/woman-suggest.jpg"}
    assert "written: copies/woman-suggest.jpg" in done.output
    copy = cv2.imread(str(photos / "copies/woman-suggest.jpg"))
    assert copy is not None
    # Upright, drawn on, and without what the camera wrote beside the pixels.
    assert copy.shape == portrait.shape
    assert np.abs(copy.astype(int) - portrait).max() > 60
    assert b"Exif" not in (new["copies/woman-suggest.jpg"] or b"")
    assert "woman.jpg: 640x360, 1 face" in done.output
    assert "gender female" in done.output
    assert "campaign shop, most likely first:" in done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name at least one PHOTO, or ask for the page with --page"),
        (["--page", "photo.jpg"], "name at least one PHOTO, or ask for the page"),
        (["--page", "--json"], "--json and --out go with a PHOTO"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, ["suggest", *arguments])
    assert done.exit_code == 2
    assert sentence in done.output
