"""What every section of the configuration is: typed, frozen, and closed to unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo


class Section(BaseModel):
    """A frozen group of settings that rejects keys it does not know."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


def _from_config_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    try:
        path = path.expanduser()
    except RuntimeError as bad:
        raise ValueError("there is no such home folder") from bad
    return path if path.is_absolute() or folder is None else Path(folder) / path


FilePath = Annotated[Path, AfterValidator(_from_config_folder)]
"""A path; a relative one starts at the folder of the configuration file."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A name that may stand in an MQTT topic: letters, digits, ``_`` and ``-``."""

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
