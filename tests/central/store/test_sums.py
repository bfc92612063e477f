"""Sums by hour, day and creative are what the raw hours add up to."""

from __future__ import annotations

import json
import math
import random
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from kiosk.central.ingest.decode import decode
from kiosk.central.store import tables as tables_of_store
from kiosk.central.store import work_off
from kiosk.terms import AGE_BANDS, GROUP_SIZES, MOODS
from kiosk.wire import Hours
from tests.central.store.books import EPOCH, HOUR

ZONE = "Europe/Berlin"
PEOPLE = ("female", "male", "unknown")
SCALES = {
    "visits": 2.0,
    "age_gender": 5.0,
    "mood": 20.0,
    "dwell": 500.0,
    "creative_visits": 3.0,
    "creative_age_gender": 7.0,
}


def table(draw, rows, columns):
    return {row: {column: draw.randint(-3, 9) for column in columns} for row in rows}


def message(draw, device, seq, at=HOUR, *, bands=(*AGE_BANDS, "unknown"), noise=True, **changes):
    one = {
        "ots": draw.randint(-5, 99),
        "watchers": draw.randint(-5, 50),
        "plays": draw.randint(0, 9),
    }
    one |= {"dwell_s": draw.randint(0, 999), "attention_s": draw.randint(0, 999)}
    one |= {"age_gender": table(draw, bands, PEOPLE)}
    one |= {"mood": {name: draw.randint(0, 5) for name in (*MOODS, "unknown")}}
    one |= {"group_size": {name: draw.randint(0, 5) for name in GROUP_SIZES}}
    creatives = {name: one | {"ots": draw.randint(0, 9)} for name in draw.sample("abcdef", 4)}
    whole = {"impressions": 7, "impressions_age_gender": table(draw, bands, PEOPLE)}
    hour = {
        "epoch": EPOCH,
        "seq": seq,
        "hour": at,
        "policy": "full",
        "noise": {"epsilon": 1.0, "scales": SCALES} if noise else "off",
        "clamps": {"dwell_s": 30, "attention_s": 30, "impressions": 4},
        "notice_s": 0,
        "tables": one | whole | {"creatives": creatives},
    } | changes
    payload = Hours.model_validate(hour).encode().replace(b'"1-01-01T', b'"0001-01-01T')
    return decode(f"kiosk/v1/demo/shop-{device % 3}/kiosk-{device}/up/hours", payload)


def sums(books, table, *keys):
    columns = ["device_hours", "plays", "ots", "watchers", "dwell_s", "attention_s", "age_gender"]
    columns += ["mood", "group_size", "variances"]
    return {row[: len(keys)]: row[len(keys) :] for row in books.rows(table, *keys, *columns)}


def work_all_off(books, limit=7):
    while work_off(books.engine, ZONE, limit):
        pass


def test_sums_are_those_of_the_raw_hours_however_they_came(books):
    draw = random.Random(1)
    start = datetime(2026, 3, 28, 20, tzinfo=UTC)  # over midnight, and the change of the clocks
    entries = [
        message(draw, device, seq, start + timedelta(hours=seq), noise=device != 4)
        for device in range(5)
        for seq in range(1, 9)
    ]
    draw.shuffle(entries)
    for number in range(0, len(entries), 9):
        books.write(*entries[number : number + 9], *entries[:3], at=start + timedelta(days=1))
        work_off(books.engine, ZONE, 4)
    work_all_off(books)

    ots: dict[tuple[object, ...], int] = {}
    cells: dict[tuple[object, ...], list[int]] = {}
    for entry in entries:
        hour = entry.content
        day = hour.hour.astimezone(ZoneInfo(ZONE)).date().isoformat()
        site = 1 + ["shop-0", "shop-1", "shop-2"].index(entry.branch.site)
        for key in ((0, hour.hour), (site, hour.hour), (0, day), (site, day)):
            ots[key] = ots.get(key, 0) + hour.tables.ots
        for name, creative in hour.tables.creatives.items():
            for at in (0, site):
                ots[at, day, name] = ots.get((at, day, name), 0) + creative.ots
        flat = [
            hour.tables.age_gender[band][who] for band in (*AGE_BANDS, "unknown") for who in PEOPLE
        ]
        before = cells.get((0, day), [0] * 27)
        cells[0, day] = [a + b for a, b in zip(before, flat, strict=True)]
    names = dict(books.rows("creatives", "id", "name"))
    ids = {site: number for number, site in books.rows("sites", "id", "site")}
    number_of = {1 + number: ids[f"shop-{number}"] for number in range(3)} | {0: 0}
    expected = {(number_of[key[0]], *key[1:]): value for key, value in ots.items()}
    found = {key: row[2] for key, row in sums(books, "site_hours", "site_id", "at").items()}
    found |= {key: row[2] for key, row in sums(books, "site_days", "site_id", "day").items()}
    found |= {
        (site, day, names[creative]): row[2]
        for (site, day, creative), row in sums(
            books, "creative_days", "site_id", "day", "creative_id"
        ).items()
    }
    assert found == expected
    days = sums(books, "site_days", "site_id", "day")
    assert {key: days[key][6] for key in cells} == cells
    assert books.rows("marks", "id") == []


def test_variances_are_those_of_the_noise_that_was_drawn(books):
    draw = random.Random(2)
    books.write(message(draw, 0, 1), message(draw, 3, 1), message(draw, 6, 1, noise=False))
    work_all_off(books)
    found = json.loads(sums(books, "site_hours", "site_id", "at")[0, HOUR][-1])
    # Two device-hours with noise. The variance of the discrete Laplace distribution, by its sum.
    weights = [math.exp(-abs(k) / 2.0) for k in range(-400, 401)]
    cell = sum(w * k * k for w, k in zip(weights, range(-400, 401), strict=True)) / sum(weights)
    assert found["watchers"] == pytest.approx(2 * cell)
    assert found["ots"] == pytest.approx(4 * cell)
    assert found["group_size"] == 0
    assert found["dwell_s"] == pytest.approx(2 * 2 * 500.0**2, rel=1e-4)
    creatives = sums(books, "creative_days", "site_id", "day", "creative_id")
    for row in creatives.values():
        noise = json.loads(row[-1])
        assert noise["watchers"] == pytest.approx(noise["ots"] / 2)
        assert noise["watchers"] in (0, *(pytest.approx(n * 2 * 3.0**2, rel=0.01) for n in (1, 2)))


def test_a_joined_band_counts_with_the_first_of_those_that_it_covers(books):
    draw = random.Random(3)
    entry = message(draw, 0, 1, bands=("0-17", "18-34", "35-54", "55+", "unknown"))
    books.write(entry)
    work_all_off(books)
    people = entry.content.tables.age_gender
    found = sums(books, "site_hours", "site_id", "at")[0, HOUR][6]
    rows = {name: found[3 * n : 3 * n + 3] for n, name in enumerate((*AGE_BANDS, "unknown"))}
    assert rows["0-12"] == list(people["0-17"].values())
    assert rows["18-24"] == list(people["18-34"].values())
    assert rows["35-44"] == list(people["35-54"].values())
    assert rows["55-64"] == list(people["55+"].values())
    assert rows["unknown"] == list(people["unknown"].values())
    assert rows["13-17"] == rows["25-34"] == rows["45-54"] == rows["65+"] == [0, 0, 0]


def test_counts_of_an_unknown_hour_are_in_the_day_and_in_no_hour(books):
    draw = random.Random(4)
    between = {"not_before": HOUR, "not_after": HOUR + timedelta(minutes=37)}
    books.write(message(draw, 0, 1, hour=None, between=between))
    work_all_off(books)
    assert books.rows("site_hours", "site_id") == []
    assert books.rows("site_days", "site_id", "day") == [(0, "2026-01-02"), (1, "2026-01-02")]


def test_hours_of_a_lost_clock_are_in_no_sum_and_do_not_stop_the_others(books):
    draw = random.Random(5)
    ends = [datetime(9999, 12, 31, 23, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), HOUR]
    books.write(*(message(draw, 0, seq, at) for seq, at in enumerate(ends, start=1)))
    work_all_off(books)
    found = {day for (day,) in books.rows("site_days", "day")}
    assert found == {"0001-01-01", "2026-01-02"}
    assert len(books.rows("hours", "seq")) == 3


def test_made_up_counts_end_where_a_database_can_add_them_up(books):
    draw = random.Random(6)
    most = 2**63 - 1
    for seq in range(1, 4):
        entry = message(draw, 0, seq, HOUR + timedelta(hours=seq))
        tables = entry.content.tables.model_copy(update={"ots": most})
        content = entry.content.model_copy(update={"tables": tables})
        books.write(type(entry)(entry.branch, content, entry.payload))
    work_all_off(books)
    with books.engine.connect() as connection:
        added = connection.scalar(select(func.sum(tables_of_store.site_hours.c.ots)))
    assert 2 * 3 * 10**12 < added < most


def test_two_workers_that_sum_at_once_add_each_hour_once(books):
    draw = random.Random(8)
    entries = [message(draw, device, seq) for device in range(6) for seq in range(1, 21)]
    books.write(*entries)
    failures: list[SQLAlchemyError] = []

    def work() -> None:
        try:
            while books.rows("marks", "id"):
                work_off(books.engine, ZONE, 10)
        except SQLAlchemyError as bad:
            failures.append(bad)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    whole = sums(books, "site_hours", "site_id", "at")[0, HOUR]
    assert whole[0] == len(entries)
    assert whole[2] == sum(entry.content.tables.ots for entry in entries)


def test_what_was_too_old_to_keep_before_it_was_summed_holds_nothing_up(books):
    draw = random.Random(7)
    books.write(message(draw, 0, 1), message(draw, 0, 2, HOUR - timedelta(hours=1)))
    with books.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM hours WHERE seq = 1")
    assert work_off(books.engine, ZONE, 1) == 1
    work_all_off(books)
    assert books.rows("marks", "id") == []
    assert len(books.rows("site_hours", "site_id")) == 2
