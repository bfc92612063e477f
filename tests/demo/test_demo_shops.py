"""The other shops of the demo have a past in head office's database, and go on over the broker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from kiosk.central.store import open_database, tables, work_off
from kiosk.clock import SystemClock
from kiosk.config import Settings
from kiosk.demo.shops import DEVICES, USER, OtherShops
from tests.e2e.appliance import Ear
from tests.mosquitto import Mosquitto, wait_for

PASSWORD = "plenty of letters"
DAYS = 3


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("demo")
    return Settings.model_validate(
        {"central": {"database": str(folder / "central.db")}, "broker": {"backoff_min_s": 0.1}}
    )


def test_they_have_a_past_and_one_screen_in_trouble(settings: Settings, tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker:
        ear = Ear(broker.port)
        at = settings.broker.model_copy(update={"port": broker.port})
        own = settings.model_copy(update={"broker": at})
        others = OtherShops(own, PASSWORD, SystemClock(), days=DAYS)
        others.start()
        try:
            wait_for(lambda: len(ear.of("up/health")) >= DEVICES - 1, "health of the others", 60)
        finally:
            others.close()
            ear.close()
    assert not others.is_alive()
    states = {topic for topic, payload in ear.heard if topic.endswith("/status")}
    assert len(states) == DEVICES - 1
    engine = open_database(settings.central)
    while work_off(engine, "UTC"):
        pass
    now = SystemClock().utc()
    with engine.connect() as connection:
        hours = connection.scalar(select(func.count()).select_from(tables.hours)) or 0
        first = connection.scalar(select(func.min(tables.hours.c.at)))
        days = list(
            connection.execute(select(tables.site_days).where(tables.site_days.c.site_id == 0))
        )
        devices = list(connection.execute(select(tables.devices).order_by(tables.devices.c.id)))
        users = [row.name for row in connection.execute(select(tables.users))]
        sold = connection.scalar(select(func.count()).select_from(tables.bookings))
        alerts = list(connection.execute(select(tables.alerts)))
    engine.dispose()
    assert hours > DEVICES * DAYS * 24 - 24
    assert first is not None
    assert now - first >= timedelta(days=DAYS)
    assert len(days) >= DAYS
    assert all(day.ots > 0 for day in days[:-1])
    silent = [one for one in devices if now - one.seen > timedelta(hours=1)]
    assert len(devices) == DEVICES
    assert len(silent) == 1
    assert silent[0].state == "offline"
    assert users == [USER]
    assert sold == 3
    assert alerts == []
