"""Built models on the disk: found, and compared with what was built."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from kiosk.errors import ModelError

BUILT = "built.json"
"""Beside each converted model: the sha256 of its files, written when it was built."""


def int8_name(name: str) -> str:
    """Stem of the quantised copy of a model."""
    return f"{name}-int8"


def checked_ir(models_dir: Path, name: str, *, int8: bool = False) -> Path:
    """The .xml of a built model (IR or cascade), after its files were compared with what was built.

    Args:
        models_dir: folder of the models.
        name: of the model.
        int8: take the quantised copy, where there is one.

    Raises:
        ModelError: it is missing, truncated or altered; names the file and both hashes.
    """
    folder = models_dir / name
    try:
        built = json.loads((folder / BUILT).read_text())["sha256"]
        # A cascade has no weights of its own; whatever is listed has to be as it was built.
        expected = {Path(file).name: str(wanted) for file, wanted in built.items()}
        expected = {f"{name}.xml": expected[f"{name}.xml"], **expected}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
    quantised = f"{int8_name(name)}.xml"
    return folder / (quantised if int8 and quantised in expected else f"{name}.xml")
