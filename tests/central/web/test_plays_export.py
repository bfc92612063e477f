"""Proof of play from a device's state file, over the wire, out of head office's API."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections import Counter
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from kiosk.central.ingest.decode import decode
from kiosk.central.store import write
from kiosk.cli import main
from kiosk.clock import iso
from kiosk.wire import EARLIER
from tests import postgres
from tests.central.web.office import Office, served
from tests.openrtb import check_openrtb
from tests.played import HOUR, NOON, Shop, Showing

DEVICES = ("kiosk-1", "kiosk-2")
PLACE = {"tenant": "demo", "site": "oslo"}


def shop_of(folder, device: str) -> Shop:
    """Three hours: one published with noise, one below zero by it, and one that is still open."""
    shop = Shop(folder / f"{device}.db")
    shop.show(
        *(Showing(f"{device}-a{number}", NOON + timedelta(minutes=number)) for number in range(4)),
        Showing(f"{device}-sold", NOON + timedelta(minutes=9), contract="tea-2026"),
        Showing(f"{device}-unseen", NOON + timedelta(minutes=10), presented=False),
        Showing(f"{device}-cut", NOON + HOUR, contract="tea-2026", completed=False),
        Showing(f"{device}-late", NOON + 2 * HOUR, creative="=cmd"),
    )
    shop.publish(NOON, plays=5, impressions=12, scale=4.0)
    shop.publish(NOON + HOUR, plays=1, impressions=-3, scale=4.0)
    return shop


def exported(shop: Shop, device: str, form: str, *more: str) -> bytes:
    """What the device says itself."""
    settings = (f"state.path={shop.path}", "device.tenant=demo", "device.site=oslo")
    given = [part for one in (*settings, f"device.name={device}") for part in ("--set", one)]
    given += ["--set", "device.timezone=UTC", "--format", form, *more]
    found = CliRunner().invoke(main, ["plays", "export", *given])
    assert found.exit_code == 0, found.output
    return found.stdout_bytes


def gather(office: Office, shops: dict[str, Shop]) -> None:
    for device, shop in shops.items():
        sent = [decode(f"kiosk/v1/demo/oslo/{device}/{leaf}", text) for leaf, text in shop.send()]
        assert len([entry for entry in sent if entry.content.stream == "plays"]) == 3
        for again in (sent, sent[::-1]):
            with office.engine.begin() as connection:
                write(connection, again, NOON + 3 * HOUR)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request, tmp_path_factory):
    """Head office, in each kind of database, of two devices; and their state files."""
    folder = tmp_path_factory.mktemp("town")
    database = postgres.database() if request.param == "postgresql" else None
    office = Office(folder, database)
    shops = {device: shop_of(folder, device) for device in DEVICES}
    gather(office, shops)
    with served(office):
        yield office, shops


def asked(office: Office, form: str, **more: str) -> bytes:
    with office.api() as api:
        answer = api.get("/plays/export", params={"format": form, **more})
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return answer.content


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("form", ["csv", "openrtb"])
@pytest.mark.parametrize("batches", [1, 100])
def test_head_office_exports_the_same_bytes_as_the_device(town, form, batches, monkeypatch):
    monkeypatch.setattr("kiosk.central.web.api.proofs.BATCHES", batches)
    office, shops = town
    for device, shop in shops.items():
        told = asked(office, form, **PLACE, device=device)
        assert told == exported(shop, device, form)
        assert f"{device}-sold".encode() in told


def test_the_json_of_several_devices_is_in_the_words_of_openrtb(town):
    office, _ = town
    told = json.loads(asked(office, "openrtb"))
    check_openrtb(told)
    assert len(told["plays"]) == 16


def test_every_form_has_every_play_once(town):
    office, _ = town
    table = pq.read_table(io.BytesIO(asked(office, "parquet")))
    told = rows(asked(office, "csv"))
    assert table.column_names == list(told[0])
    assert str(table.schema.field("start").type) == "timestamp[us, tz=UTC]"
    assert len({row["play_id"] for row in told}) == len(told) == table.num_rows == 16
    for row, other in zip(told, table.to_pylist(), strict=True):
        assert row["play_id"] == other["play_id"]
        assert row["start"] == iso(other["start"])
        assert row["contract"] == (other["contract"] or "")
        assert row["multiplier"] == (
            "" if other["multiplier"] is None else str(other["multiplier"])
        )
        assert row["completed"] == str(other["completed"]).lower()


def test_the_multiplier_is_of_the_devices_hour_as_it_was_published(town):
    office, _ = town
    told = {row["play_id"]: row for row in rows(asked(office, "csv", **PLACE, device="kiosk-2"))}
    assert told["kiosk-2-sold"]["multiplier"] == "2.4"
    assert float(told["kiosk-2-sold"]["multiplier_sd"]) > 0
    assert told["kiosk-2-unseen"]["multiplier"] == ""
    assert told["kiosk-2-cut"]["multiplier"] == "0.0"
    assert (told["kiosk-2-late"]["multiplier"], told["kiosk-2-late"]["hour_published"]) == (
        *("", "false"),
    )
    assert told["kiosk-2-late"]["creative"] == "'=cmd"


def test_exports_side_by_side_hold_each_play_once_whatever_batch_it_came_in(town):
    """Three plays of a batch; the cut goes through one of them."""
    office, shops = town
    cut = iso(NOON + timedelta(minutes=2))
    before, after = asked(office, "csv", to=cut), asked(office, "csv", **{"from": cut})
    names = [row["play_id"] for row in rows(before) + rows(after)]
    assert len(names) == len(set(names)) == 16
    assert {name for name in names if name.endswith(("a0", "a1"))} == {
        row["play_id"] for row in rows(before)
    }
    only = exported(shops["kiosk-1"], "kiosk-1", "csv", "--from", cut)
    assert asked(office, "csv", **PLACE, device="kiosk-1", **{"from": cut}) == only


def test_a_page_of_plays_says_the_same_as_the_export(town):
    office, _ = town
    with office.api() as api:
        page = api.get("/plays", params={"limit": 1000}).json()["items"]
    told = rows(asked(office, "csv"))
    assert [one["play_id"] for one in page] == [row["play_id"] for row in told]
    for one, row in zip(page, told, strict=True):
        assert (one["contract"] or "") == row["contract"]
        assert ("" if one["multiplier"] is None else str(one["multiplier"])) == row["multiplier"]
        assert str(one["hour_published"]).lower() == row["hour_published"]


def test_plays_of_a_device_that_knew_no_contracts_are_exported_without(tmp_path):
    office = Office(tmp_path)
    [payload] = [text for leaf, text in earlier(tmp_path)]
    entry = decode("kiosk/v1/demo/oslo/old/up/plays", payload)
    assert isinstance(entry.content, EARLIER["up/plays"])
    with office.engine.begin() as connection:
        write(connection, [entry], NOON)
        connection.exec_driver_sql("UPDATE play_batches SET until = NULL")
    with served(office):
        # As after an update of head office: what it had says not until when.
        told = rows(asked(office, "csv", **{"from": iso(NOON), "to": iso(NOON + HOUR)}))
        assert [(row["play_id"], row["contract"]) for row in told] == [("a", ""), ("b", "")]
        assert rows(asked(office, "csv", **{"from": iso(NOON + HOUR)})) == []


def earlier(folder, start: datetime = NOON) -> list[tuple[str, bytes]]:
    shop = Shop(folder / f"{start:%m-%d}.db")
    shop.show(Showing("a", start), Showing("b", start + timedelta(minutes=1)))
    sent = list(shop.send())
    return [
        (leaf, text.replace(b'"schema":2', b'"schema":1').replace(b'"contract":null,', b""))
        for leaf, text in sent
    ]


def test_plays_that_waited_long_are_found_by_their_own_time(tmp_path):
    """A version before put what had waited while it was off into one batch with the new."""
    office = Office(tmp_path)
    month = timedelta(days=30)
    both = [
        json.loads(text)["plays"][0]
        for start in (NOON - month, NOON)
        for _, text in earlier(tmp_path, start)[:1]
    ]
    both[1]["play_id"] = "new"
    said = {"schema": 1, "stream": "plays", "epoch": "0123abcd", "seq": 1, "plays": both}
    entry = decode("kiosk/v1/demo/oslo/old/up/plays", json.dumps(said).encode())
    with office.engine.begin() as connection:
        write(connection, [entry], NOON)
    with served(office):
        told = rows(asked(office, "csv", **{"from": iso(NOON)}))
        assert [row["play_id"] for row in told] == ["new"]
        told = rows(asked(office, "csv", to=iso(NOON)))
        assert [row["play_id"] for row in told] == ["a"]


def test_an_hour_of_two_lives_of_a_state_file_is_one_hour(tmp_path):
    """A damaged file was set aside within an hour: each half was published."""
    office = Office(tmp_path)
    for name, plays, impressions in (("one", 3, 2), ("two", 1, 4)):
        shop = Shop(tmp_path / f"{name}.db")
        shop.show(Showing(name, NOON))
        shop.publish(NOON, plays=plays, impressions=impressions)
        sent = [decode(f"kiosk/v1/demo/oslo/k/{leaf}", text) for leaf, text in shop.send()]
        with office.engine.begin() as connection:
            write(connection, sent, NOON + HOUR)
    with served(office):
        assert [row["multiplier"] for row in rows(asked(office, "csv"))] == ["1.5", "1.5"]


def test_the_page_of_content_leads_to_the_plays_of_its_days(town):
    office, _ = town
    with office.signed_in() as browser:
        page = browser.get("/content", params={"period": "today"}).text
        found = re.findall(r'href="(/api/v1/plays/(\w+)[^"]+)"', page)
        links = [html.unescape(link) for link, what in found if what == "export"]
        assert len(links) == 3
        told = [browser.get(link) for link in links]
        [counted] = [browser.get(html.unescape(link)) for link, what in found if what != "export"]
    assert [answer.status_code for answer in told] == [200] * 3
    sums = {row["contract"]: int(row["plays"]) for row in rows(counted.content)}
    proved = [row for row in rows(told[0].content) if row["presented"] == "true"]
    assert sums == Counter(row["contract"] for row in proved if row["completed"] == "true")
    assert told[0].content == asked(office, "csv")
    check_openrtb(json.loads(told[2].content))


def test_plays_are_counted_by_contract_from_what_was_proved(town):
    office, _ = town
    with office.api() as api:
        told = api.get("/plays/contracts").json()["items"]
        some = api.get("/plays/contracts", params={**PLACE, "device": "kiosk-1"}).json()["items"]
        cut = {"from": iso(NOON + timedelta(minutes=9)), "to": iso(NOON + HOUR)}
        [one] = [
            one
            for one in api.get("/plays/contracts", params=cut).json()["items"]
            if one["contract"] is not None
        ]
    house, sold = told
    assert (house["contract"], sold["contract"]) == (None, "tea-2026")
    assert {one["tenant"] for one in told} == {"demo"}
    # Four plays and the one of the open hour, on either device; another was never confirmed.
    assert (house["plays"], house["broken_off"], house["unseen"]) == (10, 0, 2)
    assert (sold["plays"], sold["broken_off"], sold["unseen"]) == (2, 2, 0)
    assert sold["first"] == iso(NOON + timedelta(minutes=9))
    assert sold["last"] == iso(NOON + HOUR)
    assert [one["plays"] for one in some] == [5, 1]
    assert (one["plays"], one["broken_off"], one["last"]) == (2, 0, one["first"])
    seconds = [float(row["duration_s"]) for row in rows(asked(office, "csv")) if row["contract"]]
    assert sold["shown_s"] == pytest.approx(sum(seconds))


def test_what_an_export_cannot_be_of_is_told_before_it_begins(town):
    office, _ = town
    with office.api() as api:
        for wrong in ({"format": "xml"}, {"site": "oslo"}, {"from": "yesterday"}):
            assert api.get("/plays/export", params=wrong).status_code == 422
        assert api.get("/plays/export", params={**PLACE, "device": "none"}).status_code == 404
