"""The campaign that is planned with when no file is named: a shopping arcade's week."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

from kiosk.ads import (
    Campaign,
    Contract,
    Creative,
    Frequency,
    GroupSize,
    Impressions,
    Plays,
    ShareOfVoice,
    Targeting,
    Times,
    Window,
)

DAYS = frozenset(range(7))

EVERYBODY = Targeting()


def _daily(begin: int, end: int) -> Window:
    return Window(DAYS, time(begin), time(end))


OPEN = Times(windows=(_daily(8, 22),))


def standard_campaign(first: date, last: date) -> Campaign:
    """Twenty-six creatives, eight contracts of every kind, about two fifths of the time sold.

    Args:
        first: first day of the flights that have one.
        last: their last day.
    """
    return Campaign("arcade", _creatives(), {one.id: one for one in _contracts(first, last)})


def first_monday(campaign: Campaign, default: date) -> date:
    """The Monday of the week in which the first flight begins.

    Args:
        campaign: any.
        default: for one without flights.
    """
    times = [one.times for one in campaign.contracts.values()]
    times += [one.times for one in campaign.creatives]
    begins = [one.first or one.last for one in times]
    first = min((one for one in begins if one is not None), default=default)
    return first - timedelta(days=first.weekday())


def _contracts(first: date, last: date) -> tuple[Contract, ...]:
    days = (last - first).days + 1
    flight = Times(first, last, OPEN.windows)
    meals = Times(first, last, (_daily(11, 14), _daily(17, 20)))
    evening = Times(windows=(_daily(16, 22),))
    return (
        Contract("atelier-voice", "Atelier Nord", "fashion", ShareOfVoice(0.10), OPEN),
        Contract("greens-hourly", "Greens", "groceries", Plays(30, "hour"), OPEN, priority=1),
        Contract("voltage-daily", "Voltage", "electronics", Plays(420, "day"), OPEN),
        Contract("lido-reach", "Lido", "travel", Impressions(700 * days), flight),
        Contract(
            "noodle-meals", "Noodle Bar", "food", Plays(230 * days, "flight"), meals,
            separation_plays=2,
        ),
        Contract("pizza-voice", "Forno", "food", ShareOfVoice(0.05), OPEN, separation_plays=2),
        Contract("recruiting", "Arcade", "jobs", Plays(8, "hour"), OPEN, priority=1),
        Contract("vineyard", "Vineyard", "alcohol", ShareOfVoice(0.04), evening),
    )  # fmt: skip


def _creatives() -> tuple[Creative, ...]:
    young = Targeting(age=("18-24", "25-34"))
    elder = Targeting(age=("55-64", "65+"))
    return (
        _sold("atelier-coats", "fashion", "atelier-voice"),
        _sold("atelier-suits", "fashion", "atelier-voice"),
        _sold("atelier-shoes", "fashion", "atelier-voice"),
        _sold("greens-soup", "groceries", "greens-hourly"),
        _sold("greens-fruit", "groceries", "greens-hourly"),
        _sold("voltage-phones", "electronics", "voltage-daily"),
        _sold("voltage-radio", "electronics", "voltage-daily", duration_s=8),
        _sold("lido-beach", "travel", "lido-reach", duration_s=10),
        _sold("lido-city", "travel", "lido-reach", duration_s=10),
        _sold("noodle-lunch", "food", "noodle-meals", duration_s=8),
        _sold("noodle-family", "food", "noodle-meals", duration_s=8),
        _sold("pizza-slice", "food", "pizza-voice"),
        _sold("pizza-oven", "food", "pizza-voice"),
        _sold("jobs-cashier", "jobs", "recruiting", duration_s=8),
        _sold("jobs-baker", "jobs", "recruiting", duration_s=8),
        _sold("vineyard-red", "alcohol", "vineyard", all_ages=False),
        _house("opening-hours", "store"),
        _house("gift-cards", "store"),
        _house("autumn-fair", "events", weight=2),
        _house("parking", "services", gap_s=60),
        _house("playground", "services"),
        _house("concert", "events", young),
        _house("health-day", "events", elder),
        _house("ladies-night", "events", Targeting(gender=("female",))),
        _house("together", "food", Targeting(group=GroupSize(min=2))),
        _house("cheer-up", "events", Targeting(mood=("negative", "neutral"))),
    )


def _sold(
    name: str, category: str, contract: str, duration_s: float = 9, *, all_ages: bool = True
) -> Creative:
    return Creative(
        name, "image", Path(f"{name}.jpg"), duration_s, category, 1.0, all_ages, EVERYBODY,
        contract,
    )  # fmt: skip


def _house(
    name: str,
    category: str,
    targeting: Targeting = EVERYBODY,
    weight: float = 1.0,
    gap_s: float = 0.0,
) -> Creative:
    return Creative(
        name, "image", Path(f"{name}.jpg"), 9, category, weight, True, targeting,
        frequency=Frequency(min_gap_s=gap_s),
    )  # fmt: skip
