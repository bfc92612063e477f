"""A small shop and campaign that a test can play in a second."""

from datetime import date
from pathlib import Path

from kiosk.ads import (
    Campaign,
    Contract,
    Creative,
    Frequency,
    Plays,
    ShareOfVoice,
    Targeting,
)
from kiosk.config import AdsSettings
from kiosk.simulate import ShopKind
from kiosk.vision import Viewer

MONDAY = date(2026, 1, 5)

BUSY = ShopKind("busy", 12, 13, True, 600, 0.4, (0, 0, 1, 2, 2, 2, 1, 1), 0.5, 14.0)
"""One hour a day, and seldom nobody in view."""


def creative(name, contract=None, category="store", **targeting):
    return Creative(
        name, "image", Path(f"{name}.jpg"), 9, category, 1.0, True, Targeting(**targeting), contract
    )  # fmt: skip


def small(*contracts):
    house = tuple(creative(f"house-{number}") for number in range(6))
    young = creative("young", age=("18-24", "25-34"))
    sold = tuple(
        creative(f"{one.id}-{number}", one.id, one.category)
        for one in contracts
        for number in range(2)
    )
    return Campaign("small", (*house, young, *sold), {one.id: one for one in contracts})


VOICE = Contract("voice", "A", "fashion", ShareOfVoice(0.2))
HOURLY = Contract("hourly", "B", "food", Plays(40, "hour"), frequency=Frequency(min_gap_s=20))
SETTINGS = AdsSettings()


def viewer(band, gender):
    return Viewer(
        id="v", first_s=0, last_s=9, box=(0, 0, 1, 1), looking=True, age_band=band, age_p=1,
        gender=gender, gender_p=1, mood="neutral", mood_p=1, minor_possible=False, live=True,
    )  # fmt: skip
