"""A campaign as it is decided with: creatives, whom they are for, and what was sold."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from kiosk.ads.campaigns.times import ALWAYS, Times

Kind = Literal["image", "video", "html"]
AdultBand = Literal["18-24", "25-34", "35-44", "45-54", "55-64", "65+"]
Gender = Literal["female", "male"]
MoodFamily = Literal["positive", "neutral", "negative"]
Exclusive = Literal["none", "category", "screen"]
Per = Literal["hour", "day", "flight"]


@dataclass(frozen=True)
class GroupSize:
    """How many viewers, inclusive; open at the top when there is no ``max``."""

    min: int = 1
    max: int | None = None


@dataclass(frozen=True)
class Targeting:
    """Whom a creative is for; every part that is given has to fit.

    Attributes:
        age, gender, mood: what a viewer has to be one of; empty asks for nothing.
        group: how many viewers there have to be.
        looking: share of the viewers that has to face the screen.
    """

    age: tuple[AdultBand, ...] = ()
    gender: tuple[Gender, ...] = ()
    mood: tuple[MoodFamily, ...] = ()
    group: GroupSize | None = None
    looking: float | None = None

    @cached_property
    def criteria(self) -> int:
        """How many things it asks for: the more, the more specific."""
        asked = (self.age, self.gender, self.mood, self.group, self.looking)
        return sum(bool(one) for one in asked)

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
        if self.looking:
            parts.append(f"looking={self.looking:g}")
        return " ".join(parts)


@dataclass(frozen=True)
class Frequency:
    """How often at most, and how soon again.

    Attributes:
        max_per_hour: starts within any 60 minutes; ``None``: no limit.
        min_gap_s: seconds from the start of one play to the start of the next.
    """

    max_per_hour: int | None = None
    min_gap_s: float = 0.0


@dataclass(frozen=True)
class ShareOfVoice:
    """A share of the time on screen, counted while the contract is live."""

    share: float


@dataclass(frozen=True)
class Plays:
    """So many plays in each hour or day that the contract is live, or in its whole flight."""

    count: int
    per: Per


@dataclass(frozen=True)
class Impressions:
    """So many viewers present during its plays, over the flight."""

    count: int


Goal = ShareOfVoice | Plays | Impressions


@dataclass(frozen=True)
class Contract:
    """What was sold to an advertiser.

    Attributes:
        goal: what has to be delivered; none: whenever there is room (remnant).
        priority: the higher one goes first when not all can be delivered.
        exclusive: while it is live, no other contract plays (``screen``; house content does), or
            none of its category (``category``).
        separation_plays: plays of others that have to stand between it and any other contract of
            its category.
    """

    id: str
    advertiser: str
    category: str
    goal: Goal | None = None
    times: Times = ALWAYS
    priority: int = 0
    exclusive: Exclusive = "none"
    separation_plays: int = 0
    frequency: Frequency = Frequency()


@dataclass(frozen=True)
class Creative:
    """Something to show.

    Attributes:
        path: the medium, there when the campaign was read.
        weight: share among those that are equally eligible.
        all_ages: may play when a minor may be in view.
        contract: id of the contract that it delivers; ``None``: house content.
        sha256: what the medium has to be, in hex; ``None``: not said.
        impersonal: its contract's category may not depend on age or gender, whatever its own.
    """

    id: str
    kind: Kind
    path: Path
    duration_s: float
    category: str
    weight: float
    all_ages: bool
    targeting: Targeting
    contract: str | None = None
    times: Times = ALWAYS
    frequency: Frequency = Frequency()
    sha256: str | None = None
    impersonal: bool = False

    @cached_property
    def targeted(self) -> bool:
        """Asks for something; the others are the untargeted rotation."""
        return self.targeting.criteria > 0


@dataclass(frozen=True)
class Campaign:
    """What may be played; always holds at least one creative for everybody at any time."""

    name: str
    creatives: tuple[Creative, ...]
    contracts: dict[str, Contract] = field(default_factory=dict)

    @property
    def rotation(self) -> tuple[Creative, ...]:
        """What may play whoever is there: untargeted, for all ages, at any time, not sold."""
        return tuple(
            one
            for one in self.creatives
            if not one.targeted and one.all_ages and one.times == ALWAYS and one.contract is None
        )
