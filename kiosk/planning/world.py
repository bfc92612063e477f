"""A shop that does not exist: who comes when, what vision tells of them, how long they look.

Visits are drawn before anything plays, so every policy meets the same people, and each person's
luck is drawn with the visit: policies differ by what they show alone.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kiosk import terms
from kiosk.ads import Creative
from kiosk.audience import Audience
from kiosk.planning.tastes import PART_HOURS, Person, Taste, Told, Vision
from kiosk.simulate import (
    DAY_PEAKS,
    GROUP_SHARES,
    MOOD_SHARES,
    WEEK,
    ShopKind,
)
from kiosk.vision import Viewer

SHOP = ShopKind("arcade", 8, 22, True, 170, 0.36, (3, 5, 13, 21, 19, 17, 12, 10), 0.55, 14.0)
"""A screen at the entrance of a shopping arcade, open from 8 to 22 on every day: 14 h, as many
plays as a screen has in a long week. The sight of it holds for 14 s in the mean."""

MINOR_DOUBT = (1.0, 0.97, 0.3, 0.04, 0.01, 0.0, 0.0, 0.0)
"""Chance that vision does not rule out a minor, by true age band."""

LOOKING = 0.4
"""Share of viewers that face the screen at any instant."""

MOOD_OF_FAMILY = {
    "positive": "happy",
    "neutral": "neutral",
    "negative": "sad",
    terms.UNKNOWN: terms.UNKNOWN,
}

LONGEST_STAY_S = 120.0

TURNS = 3
"""Independent draws that make the share of a play for which somebody looks."""

HOUR_S, DAY_S = 3600, 86400

ANYBODY: Told = (terms.UNKNOWN,) * 3
"""Of whom vision tells nothing; it tells nothing by pure chance here, so it is the mean of all."""


@dataclass(frozen=True)
class Visit:
    """Somebody in view.

    Attributes:
        begin_s, end_s: when, in seconds since the simulation's first midnight.
        person: what they are.
        viewer: what vision tells.
        luck: of the draws that decide how long they look, 0 to 1 each.
    """

    begin_s: float
    end_s: float
    person: Person
    viewer: Viewer
    luck: tuple[float, ...]


@dataclass(frozen=True)
class Earned:
    """What a play earned, in viewers' seconds of attention.

    Attributes:
        attention_s: as it happened.
        expected_s: its expectation, given who was there and what was shown.
        viewers: people who were in view during the play.
    """

    attention_s: float
    expected_s: float
    viewers: int


class World:
    """The visits of some days, and the tastes of those who come."""

    def __init__(
        self, creatives: Sequence[Creative], days: int, seed: int, shop: ShopKind = SHOP
    ) -> None:
        """A world.

        Args:
            creatives: what may be shown.
            days: how many, the first one is a Monday.
            seed: the same one gives the same world.
            shop: when it is open, and who comes.
        """
        self.shop, self.days = shop, days
        self._tastes = {one.id: Taste(one, seed) for one in creatives}
        self._vision = Vision(shop.ages, shop.female, _family_shares())
        self._visits = _visits(shop, days, self._vision, random.Random(f"visits {seed}"))
        self._begins = [one.begin_s for one in self._visits]
        # Nobody stays for longer, so whoever is in view came at most so long ago.
        self._longest_s = max((one.end_s - one.begin_s for one in self._visits), default=0.0)
        self._rates = lru_cache(maxsize=None)(self._rates_of)

    def audience(self, at_s: float, min_dwell_s: float) -> Audience:
        """The audience as vision tells it."""
        there = [one for one in self._between(at_s, at_s) if one.begin_s <= at_s]
        minor = any(one.viewer.minor_possible for one in there)
        viewers = tuple(one.viewer for one in there if at_s - one.begin_s >= min_dwell_s)
        return Audience("live", 0.1, viewers, minor)

    def play(self, creative: Creative, begin_s: float, duration_s: float) -> Earned:
        """What a play earns of those who are there or come while it lasts."""
        taste, part = self._tastes[creative.id], _part(begin_s)
        attention, expected, viewers = 0.0, 0.0, 0
        visits = self._between(begin_s, begin_s + duration_s)
        company = sum(one.begin_s <= begin_s for one in visits) > 1
        for one in visits:
            there_s = min(one.end_s, begin_s + duration_s) - max(one.begin_s, begin_s)
            rate = taste.rate(one.person, part, company)
            expected += there_s * rate
            attention += there_s * sum(luck < rate for luck in one.luck) / TURNS
            viewers += 1
        return Earned(attention, expected, viewers)

    def expected_rate(
        self, creative: Creative, audience: Audience, at_s: float, *, blind: bool = False
    ) -> float:
        """Best guess of a creative's attention a second by somebody who knows all tastes.

        Args:
            creative: what might be shown.
            audience: as vision tells it, errors and all: nobody can know more.
            at_s: when.
            blind: without their ages and genders.
        """
        rates = self._rates(creative.id, _part(at_s), len(audience.viewers) > 1)
        told = sum(rates[_told(one, blind=blind)] for one in audience.viewers)
        # Of those who are there now, some leave before the play ends; others come meanwhile.
        left = creative.duration_s / self.shop.dwell_s
        stay = (1 - math.exp(-left)) / left
        come = people_per_hour(self.shop, at_s) / HOUR_S * self.shop.dwell_s * (1 - stay)
        return told * stay + come * rates[ANYBODY]

    def _rates_of(self, creative: str, part: int, company: bool) -> dict[Told, float]:
        return self._vision.expected_rates(self._tastes[creative], part, company=company)

    def _between(self, begin_s: float, end_s: float) -> list[Visit]:
        first = bisect_left(self._begins, begin_s - self._longest_s)
        last = bisect_left(self._begins, end_s)
        return [one for one in self._visits[first:last] if one.end_s > begin_s]


def people_per_hour(shop: ShopKind, at_s: float) -> float:
    """How many come on average, by hour and weekday.

    Args:
        shop: whose door it is.
        at_s: seconds since the first midnight, a Monday's.
    """
    day, in_day_s = divmod(int(at_s), DAY_S)
    return shop.passes * DAY_PEAKS[in_day_s // HOUR_S] * WEEK[day % 7]


def _visits(shop: ShopKind, days: int, vision: Vision, draw: random.Random) -> list[Visit]:
    """Groups arrive as a Poisson process whose rate follows hour and weekday."""
    found: list[Visit] = []
    sizes = range(1, len(GROUP_SHARES) + 1)
    mean_size = sum(size * share for size, share in zip(sizes, GROUP_SHARES, strict=True))
    for day in range(days):
        for hour in range(shop.opens, shop.closes):
            begin, end = day * DAY_S + hour * HOUR_S, day * DAY_S + (hour + 1) * HOUR_S
            per_hour = people_per_hour(shop, begin) / mean_size
            at = begin + draw.expovariate(per_hour / HOUR_S)
            while at < end:
                size = draw.choices(sizes, GROUP_SHARES)[0]
                stay = min(max(draw.expovariate(1 / shop.dwell_s), 1.0), LONGEST_STAY_S)
                found += (_visit(at, stay, vision, draw) for _ in range(size))
                at += draw.expovariate(per_hour / HOUR_S)
    return found


def _visit(at: float, stay: float, vision: Vision, draw: random.Random) -> Visit:
    person = vision.person(draw)
    band, gender, family = vision.told(person, draw)
    mood = MOOD_OF_FAMILY[family]
    viewer = Viewer(
        id="simulated",
        first_s=at,
        last_s=at + stay,
        box=(0.4, 0.3, 0.1, 0.2),
        looking=draw.random() < LOOKING,
        age_band=band,
        age_p=0.8,
        gender=gender,
        gender_p=0.95,
        mood=mood,
        mood_p=0.8,
        minor_possible=draw.random() < MINOR_DOUBT[person.band],
        live=True,
    )
    luck = tuple(draw.random() for _ in range(TURNS))
    return Visit(at, at + stay, person, viewer, luck)


def _family_shares() -> tuple[float, ...]:
    known = dict(zip(terms.MOODS, MOOD_SHARES, strict=False))
    sums = [
        sum(share for mood, share in known.items() if terms.FAMILY_OF_MOOD[mood] == family)
        for family in terms.MOOD_FAMILIES
    ]
    return tuple(one / sum(sums) for one in sums)


def _told(viewer: Viewer, *, blind: bool) -> Told:
    family = terms.FAMILY_OF_MOOD[viewer.mood]
    # That something is not known is pure chance here, so it tells nothing.
    return (
        (terms.UNKNOWN, terms.UNKNOWN, family)
        if blind
        else (viewer.age_band, viewer.gender, family)
    )


def _part(at_s: float) -> int:
    return int(at_s % DAY_S / HOUR_S) // PART_HOURS
