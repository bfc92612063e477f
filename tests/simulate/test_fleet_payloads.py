"""What simulated devices send is of the contract, adds up, and is what real ones might send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kiosk.audience.budget import plan_budget, standard_deviation
from kiosk.config import PrivacySettings
from kiosk.simulate import BATCH, PLAYS_PER_HOUR, Fleet
from kiosk.simulate.layout import CLAMPS, CREATIVE, CREATIVE_WIDTH, HOUR, HOUR_WIDTH, SCALES
from kiosk.wire import Hours, Plays

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
NIGHT = datetime(2026, 11, 18, 2, tzinfo=UTC)


def test_the_quick_text_of_an_hour_is_what_the_model_would_write() -> None:
    fleet = Fleet(40)
    for device, payload in fleet.hours_encoded(range(40), NOON, range(1, 41)):
        hours = Hours.model_validate_json(payload)
        assert hours.encode() == payload
        assert hours == fleet.hours(device, NOON, device + 1)
        assert set(hours.tables.creatives) == {one.name for one in fleet.creatives}


def test_the_quick_text_of_plays_is_what_the_model_would_write() -> None:
    fleet = Fleet(3)
    start = NOON + timedelta(minutes=55)
    payload = fleet.plays_encoded(2, start, 7, count=30)
    assert Plays.model_validate_json(payload) == fleet.plays(2, start, 7, count=30)
    assert fleet.plays(2, start, 7, count=30).encode() == payload


def test_an_hour_tells_of_as_many_plays_as_were_proved_in_it() -> None:
    fleet = Fleet(5)
    batches = [
        fleet.plays(4, NOON + timedelta(minutes=5 * number), number + 1)
        for number in range(PLAYS_PER_HOUR // BATCH)
    ]
    proved = [play for batch in batches for play in batch.plays]
    told = fleet.hours(4, NOON, 1).tables
    assert told.plays == len(proved) == PLAYS_PER_HOUR
    for name, creative in told.creatives.items():
        assert creative.plays == sum(play.creative == name for play in proved)
    assert len({play.play_id for play in proved}) == PLAYS_PER_HOUR
    assert all(NOON <= play.start < NOON + timedelta(hours=1) for play in proved)


def test_the_same_seed_gives_the_same_fleet_and_another_another() -> None:
    assert Fleet(9, seed=4).hours(8, NOON, 1) == Fleet(9, seed=4).hours(8, NOON, 1)
    assert Fleet(9, seed=4).hours(8, NOON, 1) != Fleet(9, seed=5).hours(8, NOON, 1)
    few, many = Fleet(9, sites=3), Fleet(9, sites=3)
    assert np.array_equal(few.rows([8], NOON)[0], many.rows(list(range(9)), NOON)[8])


def test_devices_have_names_and_lives_of_their_own() -> None:
    fleet = Fleet(2000)
    assert len({str(fleet.branch(device)) for device in range(2000)}) == 2000
    assert len({fleet.epoch(device) for device in range(2000)}) == 2000
    assert len({fleet.branch(device).site for device in range(2000)}) == fleet.sites == 500


def test_the_noise_is_what_the_default_configuration_draws() -> None:
    settings = PrivacySettings()
    planned = plan_budget(settings)
    assert {name: budget.scale for name, budget in planned.items()} == dict(SCALES)
    assert settings.epsilon == 1
    assert {
        "dwell_s": settings.dwell_clamp_s,
        "attention_s": settings.attention_clamp_s,
        "impressions": settings.impressions_clamp,
    } == CLAMPS


@pytest.mark.parametrize(
    ("field", "cells", "table"),
    [("watchers", 1, "visits"), ("ots", 2, "visits"), ("mood", 1, "mood"),
     ("age_gender", 1, "age_gender"), ("attention_s", 1, "attention")],
)  # fmt: skip
def test_noise_has_the_spread_that_its_scale_says(field: str, cells: int, table: str) -> None:
    fleet = Fleet(3000, sites=4)
    noise = (fleet.rows(range(3000), NOON) - fleet.exact_rows(range(3000), NOON))[:, HOUR[field]]
    expected = standard_deviation(SCALES[table]) * cells**0.5  # type: ignore[index]
    assert noise.std() == pytest.approx(expected, rel=0.08)
    assert abs(noise.mean()) < 4 * expected / noise.size**0.5


def test_before_the_noise_every_table_adds_up() -> None:
    rows = Fleet(200).exact_rows(range(200), NOON)
    hour = {name: rows[:, place].sum(axis=1) for name, place in HOUR.items()}
    assert np.array_equal(hour["age_gender"], hour["ots"])
    assert np.array_equal(hour["mood"], hour["ots"])
    assert np.array_equal(hour["group_size"], hour["ots"])
    assert (hour["watchers"] <= hour["ots"]).all()
    assert (hour["attention_s"] <= hour["dwell_s"]).all()
    each = rows[:, HOUR_WIDTH:].reshape(200, -1, CREATIVE_WIDTH)
    for name, place in CREATIVE.items():
        assert np.array_equal(each[..., place].sum(axis=(1, 2)), hour[name]), name
    assert rows.min() >= 0


def test_nobody_passes_at_night_where_a_shop_is_closed_and_noise_is_published_all_the_same() -> (
    None
):
    fleet = Fleet(300, sites=60)
    closed = [device for device in range(300) if not fleet.is_open(device, NIGHT)]
    assert closed
    assert fleet.exact_rows(closed, NIGHT).sum() == 0
    published = fleet.rows(closed, NIGHT)
    assert (published[:, HOUR["plays"]] == 0).all()
    assert (published[:, HOUR["watchers"]] != 0).any()


def test_saturdays_are_busier_than_mondays_and_noon_than_dawn() -> None:
    fleet = Fleet(400, sites=100)

    def passes(moment: datetime) -> int:
        return int(fleet.exact_rows(range(400), moment)[:, HOUR["ots"]].sum())

    monday, saturday = NOON - timedelta(days=2), NOON + timedelta(days=3)
    assert monday.weekday() == 0
    assert passes(saturday) > 1.3 * passes(monday)
    assert passes(NOON) > 3 * passes(NOON.replace(hour=6))


def test_health_fits_the_contract_and_some_devices_are_in_trouble() -> None:
    fleet = Fleet(400)
    seen = [fleet.health(device, NOON, hours_next=5, plays_next=9) for device in range(400)]
    assert any(one.vision is not None and one.vision.dark for one in seen)
    assert any(one.temperature_c is not None and one.temperature_c > 85 for one in seen)
    assert {one.outbox.hours.next for one in seen} == {5}
    well = [fleet.health(device, NOON, troubled=False) for device in range(400)]
    assert not any(one.vision is not None and one.vision.dark for one in well)
