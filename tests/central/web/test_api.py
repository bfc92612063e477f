from __future__ import annotations

import csv
import io
import json
import math
from datetime import timedelta
from threading import BoundedSemaphore, Semaphore

import httpx
import pyarrow.parquet as pq
import pytest

from kiosk.central.authority import make_signing_key
from kiosk.central.web.api.hours import HourOut
from kiosk.central.web.api.terms import Page
from kiosk.wire import Document, seal
from tests.central.web.office import DEVICES, FIRST, FLEET, HOURS, NOW, Office, served


def every(api: httpx.Client, path: str, limit: int, **asked) -> list[dict]:
    """Every item of a list, page by page."""
    found, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = api.get(path, params={"limit": limit, **asked, **more})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        assert len(page.json()["items"]) <= limit
        cursor = page.json()["next"]
        if cursor is None:
            return found


def where(item: dict) -> str:
    return f"{item['tenant']}/{item['site']}/{item['device']}"


def hour_sent(device: int, number: int):
    return FLEET.hours(device, FIRST + timedelta(hours=number), number + 1)


def test_hours_are_given_as_they_were_sent(office):
    with office.api() as api:
        found = {(where(one), one["hour"]): one for one in every(api, "/hours", 1000)}
    assert len(found) == DEVICES * HOURS
    for device in range(DEVICES):
        for number in range(HOURS):
            sent = json.loads(hour_sent(device, number).encode())
            told = found[str(FLEET.branch(device)), sent["hour"]]
            assert told["counts"] == sent["tables"]
            assert told["epsilon"] == sent["noise"]["epsilon"]


def test_hours_are_what_the_description_says(office):
    with office.api() as api:
        page = Page[HourOut].model_validate_json(api.get("/hours").content)
    assert len(page.items) == DEVICES * HOURS


def test_the_noise_of_an_hour_is_told_as_its_standard_deviation(office):
    with office.api() as api:
        told = api.get("/hours", params={"limit": 1}).json()["items"][0]
    scales = hour_sent(0, 0).noise.scales

    def deviation(scale: float) -> float:
        """Of discrete Laplace noise, added up term by term."""
        decay = math.exp(-1 / scale)
        terms = range(-int(60 * scale), int(60 * scale) + 1)
        weights = [decay ** abs(n) for n in terms]
        return math.sqrt(sum(w * n * n for w, n in zip(weights, terms, strict=True)) / sum(weights))

    assert told["sd"]["watchers"] == pytest.approx(deviation(scales["visits"]), abs=0.001)
    assert told["sd"]["ots"] == pytest.approx(deviation(scales["visits"]) * math.sqrt(2), abs=0.001)
    assert told["sd"]["age_gender"] == pytest.approx(deviation(scales["age_gender"]), abs=0.001)


def test_every_hour_comes_once_however_small_the_pages(office):
    with office.api() as api:
        whole = every(api, "/hours", 1000)
        assert every(api, "/hours", 3) == whole
        assert every(api, "/hours", HOURS) == whole


def test_every_play_comes_once_however_small_the_pages(office):
    sent = {
        proof.play_id
        for device in range(DEVICES)
        for number in range(HOURS)
        for proof in FLEET.plays(device, FIRST + timedelta(hours=number), number + 1).plays
    }
    with office.api() as api:
        for limit in (33, 1000):
            ids = [play["play_id"] for play in every(api, "/plays", limit)]
            assert len(ids) == len(set(ids))
            assert set(ids) == sent


def test_a_question_about_a_device_and_a_time_is_answered_for_those_alone(office):
    branch = FLEET.branch(1)
    asked = {"tenant": branch.tenant, "site": branch.site, "device": branch.device}
    with office.api() as api:
        hours = every(
            api, "/hours", 10, **asked, **{"from": "2026-11-18T11:00:00+01:00", "to": str(NOW)}
        )
        assert {where(hour) for hour in hours} == {str(branch)}
        assert [hour["hour"] for hour in hours] == [
            f"2026-11-18T{at}:00:00Z" for at in range(10, 14)
        ]
        plays = every(api, "/plays", 100, tenant=branch.tenant, site=branch.site)
        assert {play["site"] for play in plays} == {branch.site}


def test_sums_are_those_of_the_hours(office):
    with office.api() as api:
        hours = every(api, "/hours", 1000)
        told = api.get("/audience", params={"period": "today"}).json()
    for name in ("plays", "ots", "watchers"):
        figure = told["totals"][name]
        value = figure if name == "plays" else figure["value"]
        assert value == sum(hour["counts"][name] for hour in hours)


def test_multipliers_are_impressions_over_plays(office):
    branch = FLEET.branch(0)
    asked = {"tenant": branch.tenant, "site": branch.site}
    with office.api() as api:
        hours = every(api, "/hours", 1000, **asked)
        site = api.get("/multipliers", params=asked).json()["items"]
        device = api.get("/multipliers", params={**asked, "device": branch.device}).json()["items"]
    for told, mine in ((site, hours), (device, [h for h in hours if h["device"] == branch.device])):
        assert told
        for one in told:
            assert one["weekday"] == 2
            at = [h["counts"] for h in mine if h["hour"] == f"2026-11-18T{one['hour']:02d}:00:00Z"]
            plays = sum(counts["plays"] for counts in at)
            impressions = sum(counts["impressions"] for counts in at)
            assert one["plays"] == plays
            assert one["qty"] == {
                "multiplier": round(max(0, impressions / plays), 4),
                "sourcetype": 2,
                "vendor": "kiosk",
            }
            assert one["sd"] > 0


def test_a_device_is_shown_with_all_it_said(office):
    branch = FLEET.branch(0)
    with office.api() as api:
        listed = every(api, "/devices", 3)
        assert sorted(map(where, listed)) == sorted(str(FLEET.branch(i)) for i in range(DEVICES))
        told = api.get(f"/devices/{branch}").json()
        assert told["health"]["campaign"]["version"] == 12
        assert told["online"] is True
        assert api.get("/devices/demo/oslo/nothing").status_code == 404
        sites = {site["site"] for site in every(api, "/sites", 1)}
        assert sites == {FLEET.branch(device).site for device in range(DEVICES)}


def test_an_export_holds_every_hour_in_both_forms(office):
    with office.api() as api:
        hours = {(where(one), one["hour"]): one["counts"] for one in every(api, "/hours", 1000)}
        told = api.get("/export/hours.csv", params={"period": "today"})
        assert "attachment" in told.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(told.text)))
        content = api.get("/export/hours.parquet", params={"period": "today"}).content
    table = pq.read_table(io.BytesIO(content))
    assert len(rows) == table.num_rows == len(hours)
    assert table.column_names == list(rows[0])
    assert str(table.schema.field("hour").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("ots").type) == "int64"
    assert b"OTS passes" in table.schema.field("age_25_34_female").metadata[b"about"]
    for row, other in zip(rows, table.to_pylist(), strict=True):
        counts = hours[where(row), row["hour"]]
        assert int(row["ots"]) == other["ots"] == counts["ots"]
        assert int(row["age_65_plus_male"]) == counts["age_gender"]["65+"]["male"]
        assert int(row["mood_happy"]) == counts["mood"]["happy"]
        assert float(row["sd_ots"]) == other["sd_ots"] > 0


def test_so_many_exports_are_under_way_and_no_more(shared, monkeypatch):
    monkeypatch.setattr("kiosk.central.web.api.export.WAIT_S", 0.05)
    monkeypatch.setattr("kiosk.central.web.api.export._places", BoundedSemaphore(1))
    with shared.api() as api:
        assert api.get("/export/hours.csv").status_code == 200
        with monkeypatch.context() as busy:
            busy.setattr("kiosk.central.web.api.export._places", Semaphore(0))
            answer = api.get("/export/hours.csv")
            assert answer.status_code == 503
            assert "retry-after" in answer.headers
        assert api.get("/export/hours.csv").status_code == 200


@pytest.mark.parametrize(("by", "rows"), [("hour", 2 * HOURS), ("day", 2)])
def test_sums_are_exported_site_by_site(office, by, rows):
    with office.api() as api:
        asked = {"period": "7d", "by": by}
        told = list(csv.DictReader(io.StringIO(api.get("/export/audience.csv", params=asked).text)))
        content = api.get("/export/audience.parquet", params=asked).content
        hours = every(api, "/hours", 1000)
    assert len(told) == pq.read_table(io.BytesIO(content)).num_rows == rows
    assert sum(int(row["ots"]) for row in told) == sum(hour["counts"]["ots"] for hour in hours)


def test_sums_of_a_device_are_its_hours(office):
    branch = FLEET.branch(0)
    asked = {"tenant": branch.tenant, "site": branch.site, "device": branch.device}
    with office.api() as api:
        told = api.get("/export/audience.csv", params=asked).text
        assert told == api.get("/export/hours.csv", params=asked).text
        assert len(told.splitlines()) == HOURS + 1


def test_a_booking_is_written_down_changed_and_struck_out(office):
    wish = {"creative_id": 1, "begin": "2026-11-01", "end": "2026-11-30", "plays": 5000}
    with office.api("operator") as api:
        made = api.post("/bookings", json={**wish, "note": "<script>alert(1)</script>'; --"})
        assert made.status_code == 201, made.text
        place = made.headers["location"].removeprefix("/api/v1")
        assert api.get(place).json() == made.json()
        changed = api.put(place, json={**wish, "plays": 6000}).json()
        assert changed["plays"] == 6000
        assert api.get("/deliveries").json()[0]["booked"] == 6000
        assert api.delete(place).status_code == 204
        assert api.get(place).status_code == 404
        assert api.delete(place).status_code == 404
        done = [row["action"] for row in api.get("/audit", params={"limit": 3}).json()["items"]]
        assert done == ["remove booking", "change booking", "add booking"]


def test_a_command_is_ordered_and_can_be_followed(office):
    branch = FLEET.branch(2)
    with office.api("operator") as api:
        wish = {"name": "restart", "args": {"process": "vision"}}
        made = api.post(f"/devices/{branch}/commands", json=wish)
        assert made.status_code == 202, made.text
        told = api.get(made.headers["location"].removeprefix("/api/v1")).json()
        assert (where(told), told["name"], told["outcome"]) == (str(branch), "restart", None)
        assert told["by"] == "token:operator"
        assert every(api, "/commands", 1, tenant="demo", site=branch.site)[0] == told
        for odd in (
            {"name": "rm"},
            {"name": "restart"},
            {"name": "restart", "args": {"process": "x"}},
        ):
            assert api.post(f"/devices/{branch}/commands", json=odd).status_code == 422
        assert api.post("/devices/demo/oslo/nothing/commands", json=wish).status_code == 404


def test_a_sealed_document_is_published_once(office):
    key = make_signing_key(office.settings.central.folder)
    body = Document(
        kind="config",
        target="demo/*/*",
        version=8,
        issued=NOW,
        content={"log": {"level": "info"}},
    )
    sealed = seal(body.encode().decode(), "document", key).model_dump(by_alias=True)
    with office.api("operator") as api:
        made = api.post("/documents", json=sealed)
        assert made.status_code == 201, made.text
        told = api.get(made.headers["location"].removeprefix("/api/v1")).json()
        assert told["sealed"] == sealed
        assert told["version"] == 8
        again = api.post("/documents", json=sealed)
        assert again.status_code == 422
        forged = sealed | {"body": sealed["body"].replace("info", "debug")}
        assert "altered" in api.post("/documents", json=forged).json()["detail"]
        assert [one["version"] for one in every(api, "/documents", 1)] == [8]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/bookings"),
        ("PUT", "/bookings/1"),
        ("DELETE", "/bookings/1"),
        ("POST", "/documents"),
        ("GET", "/documents/1"),
        ("GET", "/audit"),
        ("POST", "/devices/demo/oslo/window-1/commands"),
    ],
)
def test_a_reading_token_changes_nothing_and_sees_no_secret(shared, method, path):
    with shared.api() as api:
        answer = api.request(method, path, json={} if method in {"POST", "PUT"} else None)
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Bearer kiosk_é", "Basic dmlld2VyOng=", "Bearer " + "x" * 5000],
)
def test_who_has_no_token_is_told_that_one_is_needed(shared, header):
    answer = httpx.get(
        f"{shared.url}/api/v1/sites", headers={"Authorization": header.encode()} if header else {}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answer.json()) == {"type", "title", "status", "detail"}


def test_a_signed_in_browser_may_ask_but_changes_nothing_without_its_token(shared):
    with shared.signed_in("operator") as browser:
        assert browser.get("/api/v1/sites").status_code == 200
        wish = {"creative_id": 1, "begin": "2026-11-01", "end": "2026-11-30", "plays": 5000}
        assert browser.post("/api/v1/bookings", json=wish).status_code == 403
        csrf = browser.get("/").text.split('name="csrf" value="')[1].split('"')[0]
        headers = {"X-CSRF-Token": csrf}
        assert browser.post("/api/v1/bookings", json=wish, headers=headers).status_code == 201
        elsewhere = headers | {"Origin": "https://evil.example"}
        assert browser.post("/api/v1/bookings", json=wish, headers=elsewhere).status_code == 403


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path):
    with served(Office(tmp_path, requests_per_min=3)) as office:
        with office.api() as api:
            answers = [api.get("/sites") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        with office.api("operator") as other:
            for path in ("/sites", "/hours", "/export/hours.csv"):
                assert "ratelimit-remaining" in other.get(path).headers
