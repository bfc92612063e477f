"""The API, asked what it cannot answer."""

from urllib.parse import quote

import httpx
import pytest

from kiosk.central.web.api.cells import creative_names
from tests.central.web.office import FIRST, FLEET

HOSTILE = [
    "'; DROP TABLE hours; --",
    "<script>alert(1)</script>",
    "\x00",
    "-1",
    "9223372036854775808",
    "1e400",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999-12:00",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "../../../../etc/passwd",
    "x" * 3000,
    "WyIyMDI2Il0",
    "W10",
]


def test_no_text_in_any_place_is_more_than_a_wrong_text(office):
    described = httpx.get(f"{office.url}/api/openapi.json").json()
    places = {
        # Cursors are read by each list on its own, all else by what they share.
        (one["name"], path if one["in"] == "path" or one["name"] == "cursor" else ""): (path, one)
        for path, methods in described["paths"].items()
        for one in methods.get("get", {}).get("parameters", ())
    }
    asked = 0
    with office.api("operator") as api:
        for path, place in places.values():
            name, is_query = place["name"], place["in"] == "query"
            for text in HOSTILE:
                here = path.removeprefix("/api/v1").replace("{form}", "csv")
                here = here if is_query else here.replace(f"{{{name}}}", quote(text, safe=""))
                here = here.replace("{", "").replace("}", "")
                answer = api.get(here, params={name: text} if is_query else {})
                assert answer.status_code < 500, (answer.url, answer.text)
                asked += 1
    assert asked > 300


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "/hours?cursor=abc", None, 422),
        ("GET", "/hours?limit=0", None, 422),
        ("GET", "/hours?limit=1001", None, 422),
        ("GET", "/hours?from=yesterday", None, 422),
        ("GET", "/hours?from=2026-11-18T09:00:00", None, 422),
        ("GET", "/hours?device=a", None, 422),
        ("GET", "/audience?first=2020-01-01&last=2026-01-01", None, 422),
        ("GET", "/audience?first=2026-01-02&last=2026-01-01", None, 422),
        ("GET", "/audience?first=2026-01-02", None, 422),
        ("DELETE", "/sites", None, 405),
        ("POST", "/bookings", b"{", 422),
        ("POST", "/bookings", b"[" * 100_000, 400),
        ("POST", "/bookings", b'{"plays": 1, "odd": 2}', 422),
        ("POST", "/bookings", b" " * (1024 * 1024 + 1), 413),
    ],
)
def test_what_cannot_be_answered_is_told_as_a_problem(shared, method, path, body, status):
    with shared.api("operator") as api:
        headers = {"Content-Type": "application/json"} if body else {}
        answer = api.request(method, path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_an_address_tells_every_method_that_it_takes(shared):
    with shared.api("operator") as api:
        assert api.patch("/bookings/1").headers["allow"] == "DELETE, GET, PUT"
        assert api.delete("/bookings").headers["allow"] == "GET, POST"
        assert api.delete("/devices/demo/oslo/a").headers["allow"] == "GET"


def test_a_fault_of_ours_is_told_without_a_traceback(shared, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("kiosk.central.web.api.audience.read_overview", broken)
    with shared.api() as api:
        answer = api.get("/overview")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text
    assert "event=web_fault" in caplog.text


def test_the_description_is_openapi_and_names_every_fault(shared):
    described = httpx.get(f"{shared.url}/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for methods in described["paths"].values():
        for operation in methods.values():
            assert {"401", "422", "429", "503"} <= set(operation["responses"])
            assert operation["security"]
    assert "Problem" in described["components"]["schemas"]


def test_more_creatives_than_one_question_may_name_are_looked_up(shared):
    with shared.engine.connect() as connection:
        known = creative_names(connection, range(1, 40_000))
    assert set(FLEET.hours(0, FIRST, 1).tables.creatives) <= set(known.values())
