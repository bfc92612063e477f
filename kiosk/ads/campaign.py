"""The campaign file: creatives and whom they are for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kiosk import strict, terms
from kiosk.errors import CampaignError

Kind = Literal["image", "video", "html"]
AdultBand = Literal["18-24", "25-34", "35-44", "45-54", "55-64", "65+"]
Gender = Literal["female", "male"]
MoodFamily = Literal["positive", "neutral", "negative"]

SUFFIXES = {
    "image": {".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"},
    "video": {".mp4", ".webm"},
    "html": {".html", ".htm"},
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GroupSize(_Part):
    """How many viewers, inclusive; open where not given."""

    min: int = Field(1, ge=1)
    max: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _order(self) -> GroupSize:
        if self.max is not None and self.max < self.min:
            raise ValueError("max is less than min")
        return self


class Targeting(_Part):
    """Whom a creative is for; every key that is given has to fit."""

    age: tuple[AdultBand, ...] = ()
    gender: tuple[Gender, ...] = ()
    mood: tuple[MoodFamily, ...] = ()
    group: GroupSize | None = None

    @field_validator("age", mode="before")
    @classmethod
    def _adults_only(cls, bands: object) -> object:
        if isinstance(bands, (list, tuple)):
            minors = [band for band in bands if band in terms.AGE_BANDS[:2]]
            if minors:
                raise ValueError(f"{minors[0]}: nobody under 18 may be targeted")
        return bands

    @property
    def criteria(self) -> int:
        """How many things it asks for: the more, the more specific."""
        return sum((bool(self.age), bool(self.gender), bool(self.mood), self.group is not None))

    @property
    def label(self) -> str:
        """The targeting in short, such as ``gender=female mood=negative``."""
        parts = [
            f"{name}={'+'.join(values)}"
            for name, values in (("age", self.age), ("gender", self.gender), ("mood", self.mood))
            if values
        ]
        if self.group is not None:
            top = f"-{self.group.max}" if self.group.max is not None else "+"
            parts.append(f"group={self.group.min}{top}")
        return " ".join(parts)


class _CreativeEntry(_Part):
    id: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    kind: Kind
    file: str = Field(min_length=1)
    duration_s: float = Field(gt=0.5, le=600)
    category: str = Field("general", pattern=r"^[a-z0-9-]{1,64}$")
    weight: float = Field(1, gt=0, le=1000)
    all_ages: bool = True
    targeting: Targeting = Targeting()


class _CampaignFile(_Part):
    version: Literal[1]
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    creatives: tuple[_CreativeEntry, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Creative:
    """Something to show.

    Attributes:
        path: the medium, there when the campaign was read.
        weight: share among those that are equally eligible.
        all_ages: may play when a minor may be in view.
    """

    id: str
    kind: Kind
    path: Path
    duration_s: float
    category: str
    weight: float
    all_ages: bool
    targeting: Targeting

    @property
    def targeted(self) -> bool:
        """Asks for something; the others are the untargeted rotation."""
        return self.targeting.criteria > 0


@dataclass(frozen=True)
class Campaign:
    """What may be played; always holds at least one untargeted creative for all ages."""

    name: str
    creatives: tuple[Creative, ...]

    @property
    def rotation(self) -> tuple[Creative, ...]:
        """What may play whoever is there: untargeted, and for all ages."""
        return tuple(one for one in self.creatives if not one.targeted and one.all_ages)


def load_campaign(path: Path) -> Campaign:
    """Read and check a campaign file.

    Raises:
        CampaignError: file, line, key and what to do, one sentence per fault.
    """
    document = strict.read(path, CampaignError)
    parsed = strict.validate(document, _CampaignFile, CampaignError)
    faults = []
    seen: dict[str, int] = {}
    for number, entry in enumerate(parsed.creatives):
        line = document.line(("creatives", number))
        where = f"{path}:{line}: creatives[{number}]"
        if entry.id in seen:
            faults.append(f"{where}: id {entry.id!r} is taken (line {seen[entry.id]})")
        seen.setdefault(entry.id, line)
        media = path.parent / entry.file
        line = document.line(("creatives", number, "file"))
        where = f"{path}:{line}: creatives[{number}].file"
        if not media.is_file():
            faults.append(f"{where}: {entry.file}: there is no such file")
        elif media.suffix.lower() not in SUFFIXES[entry.kind]:
            wanted = ", ".join(sorted(SUFFIXES[entry.kind]))
            faults.append(f"{where}: {entry.file} is no {entry.kind} ({wanted})")
    if not any(not e.targeting.criteria and e.all_ages for e in parsed.creatives):
        faults.append(
            f"{path}: no creative is untargeted and for all ages;"
            " add one, so that there is always something to play"
        )
    if faults:
        raise CampaignError("\n".join(faults))
    return Campaign(parsed.name, tuple(_creative(entry, path) for entry in parsed.creatives))


def _creative(entry: _CreativeEntry, path: Path) -> Creative:
    return Creative(
        entry.id,
        entry.kind,
        (path.parent / entry.file).resolve(),
        entry.duration_s,
        entry.category,
        entry.weight,
        entry.all_ages,
        entry.targeting,
    )
