"""A fleet that does not exist: what its devices would send, for demos, benches and tests.

Comes in: how many devices, and a seed. Goes out: payloads of the contract, plausible by hour, by
weekday and by site, with the noise that real devices draw, and the same for the same seed. It reads
no clock, opens no connection and writes nothing.
"""

from kiosk.simulate.fleet import BATCH, PLAY_S, PLAYS_PER_HOUR, Fleet, last_full_hour
from kiosk.simulate.layout import CREATIVE, CREATIVE_WIDTH, HOUR, HOUR_WIDTH
from kiosk.simulate.shops import (
    CREATIVES,
    DAY_PEAKS,
    GROUP_SHARES,
    MOOD_SHARES,
    UNSURE_AGE,
    UNSURE_GENDER,
    WEEK,
    ShopKind,
    SimulatedCreative,
)

__all__ = [
    "BATCH",
    "CREATIVE",
    "CREATIVES",
    "CREATIVE_WIDTH",
    "DAY_PEAKS",
    "GROUP_SHARES",
    "HOUR",
    "HOUR_WIDTH",
    "MOOD_SHARES",
    "PLAYS_PER_HOUR",
    "PLAY_S",
    "UNSURE_AGE",
    "UNSURE_GENDER",
    "WEEK",
    "Fleet",
    "ShopKind",
    "SimulatedCreative",
    "last_full_hour",
]
