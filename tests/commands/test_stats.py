"""`kiosk stats`: what a technician sees of today."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.audience import draw_release
from kiosk.cli import main
from kiosk.clock import SystemClock, iso
from kiosk.config import PrivacySettings
from kiosk.state import Closing, close_hour, open_store, save_hour

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
CELLS = {
    "passes": 40,
    "ots": 30,
    "watchers": 20,
    "dwell_s": 240,
    "attention_s": 60,
    "plays": 60,
    "impressions": 90,
    "impressions_age_gender/25-34/female": 90,
    "age_gender/25-34/female": 30,
    "mood/happy": 30,
    "creative/tea/plays": 60,
}


def run(*arguments: str):
    return CliRunner().invoke(main, ["stats", *arguments])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("device: {timezone: Europe/Berlin}\nstate: {path: state.db}\n")
    return path


def publish(folder: Path, hour: datetime, settings: PrivacySettings) -> None:
    release = draw_release(CELLS, settings)
    noise = release.noise
    one = Closing(
        iso(hour),
        "off" if noise == "off" else noise.mechanism,
        None if noise == "off" else noise.epsilon,
        "{}" if noise == "off" else json.dumps(noise.scales),
        release.tables.model_dump_json(),
        iso(hour + timedelta(hours=1)),
    )
    with closing(open_store(folder / "state.db", SystemClock())) as store:
        save_hour(store, one.hour, CELLS)
        close_hour(store, one, lambda seq: b"%d" % seq)


def day(config: Path, *arguments: str) -> dict:
    found = run("--config", str(config), "--day", "2026-03-29", "--json", *arguments)
    assert found.exit_code == 0, found.output
    return json.loads(found.output)


def test_a_day_of_the_shop_is_its_own_and_no_hour_of_another(config):
    # At two in the night the clocks of Berlin go forward: the day has 23 hours.
    for hour in range(-14, 12):
        publish(config.parent, NOON + timedelta(hours=hour), PrivacySettings(noise="off"))
    found = day(config)
    assert [one["local"] for one in found["hours"]][:4] == ["00:00", "01:00", "03:00", "04:00"]
    assert len(found["hours"]) == 23
    assert found["totals"]["ots"] == {"value": 23 * 30, "sd": 0.0}


def test_the_measures_follow_from_the_counts_by_their_formulas(config):
    publish(config.parent, NOON, PrivacySettings(noise="off"))
    [hour] = day(config)["hours"]
    assert (hour["local"], hour["open"], hour["noise"]) == ("14:00", False, "off")
    assert (hour["dwell_s"], hour["attention_s"], hour["attention_rate"]) == (8.0, 2.0, 0.25)
    assert hour["qty"] == {"multiplier": 1.5, "sourcetype": 2}
    assert hour["qty_by_age_gender"]["25-34"]["female"] == 1.5
    assert hour["tables"]["creatives"]["tea"]["plays"] == 60


def test_what_noise_has_drowned_is_not_shown_as_a_figure(config):
    publish(config.parent, NOON, PrivacySettings(epsilon=0.01))
    found = day(config)
    [hour] = found["hours"]
    assert hour["noise"] == "discrete-laplace"
    assert (hour["dwell_s"], hour["attention_rate"]) == (None, None)
    assert found["totals"]["ots"]["sd"] > 100
    text = run("--config", str(config), "--day", "2026-03-29").output
    assert "published with noise" in text


def test_an_empty_day_with_noise_names_nobody(config):
    release = PrivacySettings()
    with closing(open_store(config.parent / "state.db", SystemClock())) as store:
        for hour in range(-8, 1):
            label = iso(NOON + timedelta(hours=hour))
            drawn = draw_release({"creative/tea/plays": 9, "plays": 9}, release)
            scales, tables = json.dumps(drawn.noise.scales), drawn.tables.model_dump_json()
            one = Closing(label, "discrete-laplace", 1.0, scales, tables, label)
            close_hour(store, one, lambda seq: b"%d" % seq)
    found = day(config)
    told = [count for row in found["age_gender"].values() for count in row.values() if count]
    # Of 27 cells of noise one may stand out by chance; of nine such days hardly ever two.
    assert len(told) <= 1
    assert sum(count is not None for count in found["mood"].values()) <= 1


def test_the_open_hour_is_exact_and_marked(config):
    with closing(open_store(config.parent / "state.db", SystemClock())) as store:
        save_hour(store, iso(NOON), CELLS)
        save_hour(store, "boot/abc/0+60", {"ots": 2})
    found = day(config)
    assert found["hours"][0]["open"] is True
    assert (found["waiting"], found["unplaced"]) == (1, 0)
    text = run("--config", str(config), "--day", "2026-03-29").output
    row = ["14:00", "*", "30", "20", "8.0", "s", "2.0", "s", "25", "%", "90", "60", "1.50"]
    assert row in [line.split() for line in text.splitlines()]
    assert "female 25-34 (30)" in text
    assert "happy (30)" in text
    assert "wait until the clock is set" in text


def test_counts_that_came_late_or_without_a_time_are_told_of(config):
    with closing(open_store(config.parent / "state.db", SystemClock())) as store:
        save_hour(store, iso(NOON), CELLS)
        save_hour(store, f"late/{iso(NOON)}/1", {"ots": 2})
        save_hour(store, "between/-/2026-03-01T00:00:00Z/abc", {"ots": 5})
    found = day(config)
    assert [(one["local"], one["late"]) for one in found["hours"]] == [
        ("14:00", False),
        ("14:00", True),
    ]
    assert found["totals"]["ots"]["value"] == 32
    assert found["unplaced"] == 1


def test_a_mean_is_over_the_hours_that_tell_both_sides_of_it(config):
    publish(config.parent, NOON, PrivacySettings(noise="off"))
    publish(
        config.parent, NOON - timedelta(hours=1), PrivacySettings(noise="off", shares={"dwell": 0})
    )
    found = day(config)
    assert found["totals"]["ots"]["value"] == 60
    assert found["dwell_s"] == 8.0


@pytest.mark.parametrize("date", ["9999-12-31", "0001-01-01"])
def test_a_day_outside_of_the_calendar_is_one_sentence(config, date):
    found = run("--config", str(config), "--day", date)
    assert found.exit_code in (0, 2)
    assert "Traceback" not in found.output
    assert "Error" not in type(found.exception).__name__


def test_a_device_that_has_counted_nothing_says_so(config):
    found = run("--config", str(config))
    assert (found.exit_code, "nothing was counted yet: there is no" in found.output) == (0, True)


def test_a_state_file_of_a_newer_version_is_one_sentence(config):
    with closing(open_store(config.parent / "state.db", SystemClock())) as store:
        store.db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('kiosk-state', 'm999_later', '')"
        )
    found = run("--config", str(config))
    assert found.exit_code == 2
    assert "written by a newer kiosk" in found.output
    assert "Traceback" not in found.output


def test_a_state_file_that_is_none_is_one_sentence(config):
    (config.parent / "state.db").write_bytes(b"no database" * 100)
    found = run("--config", str(config))
    assert found.exit_code == 1
    assert "cannot be read" in found.output
