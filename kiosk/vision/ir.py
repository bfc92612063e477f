"""Built models on the disk: found, and compared with what was built."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from kiosk.errors import ModelError

BUILT = "built.json"
"""Beside each converted model: the sha256 of its files, written when it was built."""


def checked_ir(models_dir: Path, name: str) -> Path:
    """The .xml of a built model, after its files were compared with what was built.

    Raises:
        ModelError: it is missing, truncated or altered; names the file and both hashes.
    """
    folder = models_dir / name
    try:
        built = json.loads((folder / BUILT).read_text())["sha256"]
        expected = {file: str(built[file]) for file in (f"{name}.xml", f"{name}.bin")}
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(
            f"{folder}: the model is not built", hint="run `kiosk models build`"
        ) from None
    for file, wanted in expected.items():
        path = folder / file
        if not path.is_file():
            raise ModelError(f"{path}: missing", hint="run `kiosk models build` to make it again")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != wanted:
            raise ModelError(
                f"{path}: altered: sha256 is {found}, built with {wanted}",
                hint="run `kiosk models build` to make it again",
            )
    return folder / f"{name}.xml"
