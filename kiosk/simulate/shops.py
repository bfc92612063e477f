"""Shops that do not exist: where they are, when they are open, who comes, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kiosk import terms

CITIES = (
    "oslo", "bergen", "trondheim", "stavanger", "tromso", "kristiansand", "drammen", "bodo",
    "alesund", "stockholm", "goteborg", "malmo", "uppsala", "lund", "umea", "kobenhavn", "aarhus",
    "odense", "aalborg", "helsinki", "tampere", "turku", "reykjavik", "hamburg", "kiel", "lubeck",
    "bremen", "rostock", "berlin", "leipzig", "koln", "munchen", "wien", "graz", "zurich", "basel",
    "bern", "amsterdam", "rotterdam", "utrecht", "antwerpen", "gent", "lyon", "lille", "nantes",
    "torino", "milano", "bologna", "porto", "lisboa", "madrid", "sevilla", "valencia", "krakow",
    "gdansk", "poznan", "praha", "brno", "tallinn", "riga",
)  # fmt: skip

SCREENS = ("entrance", "window", "checkout", "escalator", "lift", "fashion", "food", "home")
"""Where in a shop a screen stands."""

SCREEN_SHARE = (1.0, 1.35, 0.55, 0.8, 0.45, 0.4, 0.6, 0.3)
"""How many people pass each of them, beside the entrance."""

DAY_PEAKS = (
    0.05, 0.03, 0.02, 0.02, 0.05, 0.15, 0.35, 0.65, 0.80, 0.60, 0.62, 0.80,
    1.05, 1.00, 0.85, 0.90, 1.15, 1.30, 1.10, 0.80, 0.55, 0.40, 0.25, 0.12,
)  # fmt: skip
"""Passers-by by hour of the day, beside the mean of opening hours."""

WEEK = (0.86, 0.84, 0.90, 1.00, 1.22, 1.48, 0.70)
"""The same by weekday, from Monday."""


@dataclass(frozen=True)
class ShopKind:
    """What shops of one kind have in common.

    Attributes:
        opens: first hour of a weekday, local time; ``closes`` is the first one after the last.
        sunday: open on Sundays too.
        passes: passes an hour before one screen, on the mean of opening hours.
        watching: share of them that watch.
        ages: shares of the eight age bands.
        female: share of women.
        dwell_s: mean seconds in view.
    """

    name: str
    opens: int
    closes: int
    sunday: bool
    passes: float
    watching: float
    ages: tuple[float, ...]
    female: float
    dwell_s: float

    def is_open(self, local: datetime) -> bool:
        """Whether the shop is open in the hour that begins then."""
        if local.weekday() == 6 and not self.sunday:
            return False
        return self.opens <= local.hour < self.closes


KINDS = (
    ShopKind("store", 10, 20, False, 92, 0.36, (4, 6, 13, 20, 19, 17, 12, 9), 0.58, 11.5),
    ShopKind("mall", 10, 21, True, 128, 0.31, (7, 11, 17, 20, 17, 13, 8, 7), 0.53, 9.0),
    ShopKind("station", 5, 23, True, 187, 0.22, (2, 7, 19, 25, 19, 15, 9, 4), 0.48, 6.5),
    ShopKind("grocery", 7, 22, False, 74, 0.42, (6, 5, 10, 19, 20, 17, 13, 10), 0.55, 13.0),
)
"""The first of them is the demo's department store."""

MOOD_SHARES = (0.19, 0.58, 0.06, 0.03, 0.05, 0.01, 0.01, 0.07)
"""In the order of :data:`kiosk.terms.MOODS`, then unknown."""

GROUP_SHARES = (0.61, 0.25, 0.09, 0.05)
"""In the order of :data:`kiosk.terms.GROUP_SIZES`."""

UNSURE_AGE = 0.04
UNSURE_GENDER = 0.09
"""Shares of passes whose age or gender stays unknown."""


@dataclass(frozen=True)
class SimulatedCreative:
    """An advert of the simulated campaign, and how it does.

    Attributes:
        weight: share of the plays.
        appeal: how much likelier than the mean somebody watches it.
        gender: who sees it more than others; ``None``: nobody does.
        ages: the same for age bands; empty: none.
    """

    name: str
    weight: float = 1.0
    appeal: float = 1.0
    gender: str | None = None
    ages: tuple[str, ...] = ()


CREATIVES = (
    SimulatedCreative("aurora", 1.6, 1.22),
    SimulatedCreative("open-late", 1.3, 0.82),
    SimulatedCreative("bad-weather", 1.2, 0.97),
    SimulatedCreative("golden-hour", 1.1, 1.05),
    SimulatedCreative("floor-is-lava", 0.9, 1.12, None, terms.AGE_BANDS[:2]),
    SimulatedCreative("calm-tea", 0.6, 0.94, "female"),
    SimulatedCreative("real-pockets", 1.4, 1.31, "female"),
    SimulatedCreative("confetti-bag", 0.7, 1.18, "female"),
    SimulatedCreative("loud-cans", 0.6, 1.08, "male"),
    SimulatedCreative("first-coffee", 1.3, 0.91, "male"),
    SimulatedCreative("look-fast", 0.9, 1.02, None, ("18-24", "25-34")),
    SimulatedCreative("best-seat", 0.8, 0.88, None, ("55-64", "65+")),
    SimulatedCreative("long-table", 0.7, 0.99),
    SimulatedCreative("good-company", 0.5, 1.15, None, terms.AGE_BANDS[4:]),
)
"""The demo's campaign."""


def site_name(index: int) -> str:
    """A city, and from the second round on a number with it."""
    city = CITIES[index % len(CITIES)]
    again = index // len(CITIES)
    return city if not again else f"{city}-{again + 1}"


def screen_name(index: int) -> str:
    """A place in the shop, numbered where there are many."""
    place = SCREENS[index % len(SCREENS)]
    return f"{place}-{index // len(SCREENS) + 1}"
