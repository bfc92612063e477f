"""The one place that asks the ads room: what would be drawn for these faces, and what never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kiosk import terms
from kiosk.ads import (
    Campaign,
    Creative,
    Decision,
    Ledger,
    Moment,
    Ranker,
    Rotation,
    decide,
    medium_fault,
    open_ranker,
)
from kiosk.audience import Audience
from kiosk.clock import Clock
from kiosk.config import Settings
from kiosk.errors import StateError
from kiosk.state import Remembered, read_remembered
from kiosk.vision import Viewer

if TYPE_CHECKING:
    from kiosk.vision import Estimate, Photo, PhotoFace

LIKELY = 3
"""Adverts that are told of."""

NEVER = 1 - 1e-9
"""A draw that no share below 1 reaches."""

STEPS = 200
"""Draws that are tried for a creative whose share is small: as many as a campaign has creatives."""

STAYED_S = 10.0
"""How long whoever is on the photo is taken to have been there: long enough for any rule."""


@dataclass(frozen=True)
class Advert:
    """A creative that may be drawn.

    Attributes:
        p: probability of the whole procedure for it.
        reason: short, as it is counted.
        explanation: the same in sentences.
    """

    creative: Creative
    p: float
    reason: str
    explanation: str


@dataclass(frozen=True)
class LeftOut:
    """A creative that may not be drawn now.

    Attributes:
        creative: its id.
        rule: what leaves it out, in a word.
        why: in a sentence.
    """

    creative: str
    rule: str
    why: str


@dataclass(frozen=True)
class Adverts:
    """What would be chosen.

    Attributes:
        campaign: its name.
        likely: the most likely first, :data:`LIKELY` at most.
        left_out: what may not play now.
        minor_possible: somebody may be under 18.
        on_schedule: where contracts that are behind come first: what would be likely were none.
        note: what could not be reckoned with, in a sentence; may be empty.
    """

    campaign: str
    likely: tuple[Advert, ...]
    left_out: tuple[LeftOut, ...]
    minor_possible: bool
    on_schedule: tuple[Advert, ...] = ()
    note: str = ""


class Chooser:
    """Asks what the device would choose, now.

    What it has delivered and learned is read from its state file where there is one; what it has
    played in the last minutes is not known here, so nothing waits for a gap.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._model: bytes | None = None
        self._ranker: Ranker | None = None
        self._note = ""
        self._unbooked = False

    def choose(self, campaign: Campaign, photo: Photo) -> Adverts:
        """What would be drawn for the faces of a photo."""
        audience = audience_of(photo)
        ledger, ranker = self._remembered()
        even = replace(
            campaign,
            contracts={name: replace(one, goal=None) for name, one in campaign.contracts.items()},
        )

        def ask(what: Campaign) -> tuple[Decision | None, tuple[Advert, ...]]:
            return self._ask(what, audience, ledger, ranker)

        # Where nothing was ever booked every contract would be a day behind.
        first, likely = ask(even if self._unbooked else campaign)
        if first is None:
            return Adverts(campaign.name, (), (), audience.minor_possible, note=self._note)
        left_out = tuple(
            LeftOut(one.creative, one.rule, one.why) for one in first.considered if one.rule
        )
        waiting = any(one.rule == "turn" for one in left_out)
        on_schedule = ask(even)[1] if waiting else ()
        minor = audience.minor_possible
        return Adverts(campaign.name, likely, left_out, minor, on_schedule, self._note)

    def _ask(
        self, campaign: Campaign, audience: Audience, ledger: Ledger, ranker: Ranker
    ) -> tuple[Decision | None, tuple[Advert, ...]]:
        settings = self._settings
        moment = Moment.of(self._clock.utc(), settings.device.timezone, self._clock.monotonic())
        broken = dict(_faults(campaign))

        def at(share: float) -> Decision | None:
            # The first draw is whether to make a control of it, the second is for the creative.
            draws = iter((NEVER, share))
            return decide(
                campaign,
                audience,
                moment,
                ledger,
                ranker,
                lambda: next(draws),
                settings.ads,
                broken,
            )

        first = at(0.0)
        return (None, ()) if first is None else (first, _likely(first, at))

    def _remembered(self) -> tuple[Ledger, Ranker]:
        self._note, self._unbooked = "", False
        try:
            found = read_remembered(self._settings.state.path)
        except StateError as bad:
            found, self._unbooked = Remembered(), True
            self._note = f"Every contract counts as on schedule, and nothing as learned: {bad}."
        ledger = Ledger()
        ledger.restore(found.delivered, ())
        if self._ranker is None or found.model != self._model:
            learner = self._settings.ads.learner
            self._model = found.model
            self._ranker = (
                open_ranker(learner.floor, learner.seed, found.model)
                if learner.enabled
                else Rotation()
            )
        return ledger, self._ranker


def _likely(first: Decision, ask: Callable[[float], Decision | None]) -> tuple[Advert, ...]:
    """The likeliest creatives, each with the reason that is given when it is drawn."""
    chances = {one.creative: one.probability for one in first.considered if one.rule is None}
    wanted = sorted(chances, key=lambda name: -chances[name])[:LIKELY]
    middles, below = {}, 0.0
    for name, chance in chances.items():
        middles[name] = below + chance / 2
        below += chance
    drawn: dict[str, Decision] = {}
    # Controls bend the sums a little: where the middle of its share missed one, look everywhere.
    for at in (*(middles[name] for name in wanted), *(step / STEPS for step in range(STEPS))):
        if len(drawn) == len(wanted):
            break
        found = ask(min(at, NEVER))
        if found is not None and found.creative.id in wanted:
            drawn.setdefault(found.creative.id, found)
    return tuple(
        Advert(one.creative, chances[name], one.reason, one.explanation)
        for name in wanted
        if (one := drawn.get(name)) is not None
    )


def _faults(campaign: Campaign) -> Iterator[tuple[str, str]]:
    """Creatives whose file cannot be shown, as the player tells of them."""
    for one in campaign.creatives:
        fault = medium_fault(one.path, one.path.name, one.kind)
        if fault is not None:
            yield one.id, f"medium: {fault}"


def audience_of(photo: Photo) -> Audience:
    """The audience of a moment in which the camera sees what is on a photo."""
    seen = [(n, face) for n, face in enumerate(photo.faces, 1) if face.large_enough]
    viewers = tuple(_viewer(number, face, photo) for number, face in seen)
    minor = any(one.minor_possible for one in viewers) or photo.left_out > 0
    return Audience("live", 0.0, viewers, minor)


def _viewer(number: int, face: PhotoFace, photo: Photo) -> Viewer:
    x, y, width, height = face.box
    wide, tall = photo.width_px, photo.height_px

    def told(estimate: Estimate | None) -> tuple[str, float]:
        return (terms.UNKNOWN, 0.0) if estimate is None else (estimate.label, estimate.p)

    (age, age_p), (gender, gender_p), (mood, mood_p) = map(told, (face.age, face.gender, face.mood))
    return Viewer(
        id=f"face-{number}",
        first_s=0.0,
        last_s=STAYED_S,
        box=(x / wide, y / tall, width / wide, height / tall),
        looking=face.looking,
        age_band=age,
        age_p=age_p,
        gender=gender,
        gender_p=gender_p,
        mood=mood,
        mood_p=mood_p,
        minor_possible=face.minor_possible,
        # Nobody has judged it; were it a poster's, the device would choose for nobody.
        live=True,
    )
