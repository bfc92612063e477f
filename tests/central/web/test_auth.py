from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, func, select, text

from kiosk.central.store import tables
from kiosk.central.web import (
    accounts,
    add_user,
    create_token,
    disable_user,
    ensure_first_operator,
    list_tokens,
    list_users,
    revoke_token,
    set_password,
)
from kiosk.central.web.pace import Pace
from kiosk.config import Settings
from kiosk.errors import BadInputError, StateError
from tests import postgres
from tests.central.web.office import PASSWORD, Office, served


def sign_in(browser: httpx.Client, name="viewer", password=PASSWORD, **more) -> httpx.Response:
    data = {"name": name, "password": password} | more.pop("data", {})
    return browser.post("/sign-in", data=data, **more)


def audited(office: Office) -> list[str]:
    with office.engine.connect() as connection:
        wanted = select(tables.audit.c.action).order_by(tables.audit.c.id)
        return list(connection.execute(wanted).scalars())


def token_of(browser: httpx.Client) -> str:
    """The CSRF token, as a page carries it."""
    page = browser.get("/")
    assert page.status_code == 200, page.text
    return page.text.split('name="csrf" value="')[1].split('"')[0]


def test_a_page_sends_a_stranger_to_the_sign_in_page_and_back(shared):
    with shared.browser() as browser:
        answer = browser.get("/devices?sort=site")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?next=%2Fdevices%3Fsort%3Dsite"
        back = sign_in(browser, data={"next": "/devices?sort=site"})
        assert back.headers["location"] == "/devices?sort=site"
        assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    "goal",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:x", "/\r\nX: y"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(shared, goal):
    with shared.browser() as browser:
        assert sign_in(browser, data={"next": goal}).headers["location"] == "/"


def test_a_wrong_password_and_an_unknown_user_look_and_take_the_same(empty, monkeypatch):
    slow = PasswordHasher()
    monkeypatch.setattr(accounts, "_hasher", slow)
    of_nobody = slow.hash("nobody's")
    monkeypatch.setattr(accounts, "_hash_of_nobody", lambda: of_nobody)
    set_password(empty.engine, "viewer", PASSWORD, empty.clock)

    def seconds(name: str) -> float:
        begin = time.perf_counter()
        with empty.browser() as browser:
            assert sign_in(browser, name, "wrong password").status_code == 401
        return time.perf_counter() - begin

    known, unknown = (min(seconds(name) for _ in range(2)) for name in ("viewer", "nobody"))
    assert unknown > known / 3
    assert audited(empty).count("sign-in refused") == 4


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(shared):
    with shared.browser() as browser:
        cookie = sign_in(browser).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_is_for_https_alone(tmp_path):
    with served(Office(tmp_path, public_url="https://office.example")) as office:
        with office.browser() as browser:
            answer = sign_in(browser)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-kiosk_session=")
        assert "Secure" in cookie
        assert "max-age" in answer.headers["strict-transport-security"]


def test_a_session_ends_after_its_time(empty):
    with empty.signed_in() as browser:
        empty.clock.advance(12 * 3600 - 1)
        assert browser.get("/").status_code == 200
        empty.clock.advance(2)
        assert browser.get("/").status_code == 303


def test_signing_out_ends_the_session_and_not_only_the_cookie(empty):
    with empty.signed_in() as browser:
        stolen = dict(browser.cookies)
        answer = browser.post("/sign-out", data={"csrf": token_of(browser)})
        assert answer.status_code == 303
        assert browser.get("/").status_code == 303
    assert httpx.get(f"{empty.url}/", cookies=stolen).status_code == 303


def test_the_sessions_of_one_user_are_bounded(empty, monkeypatch):
    monkeypatch.setattr("kiosk.central.web.sessions.SESSIONS_PER_USER", 2)
    with ExitStack() as stack:
        browsers = []
        for _ in range(3):
            browsers.append(stack.enter_context(empty.signed_in()))
            empty.clock.advance(1)
        oldest, middle, newest = browsers
        assert oldest.get("/").status_code == 303
        assert middle.get("/").status_code == 200
        assert newest.get("/").status_code == 200
    with empty.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.sessions)) == 2


def test_the_database_holds_no_secret_of_a_browser_or_a_program(empty):
    with empty.signed_in() as browser:
        cookie = browser.cookies["kiosk_session"].encode()
    empty.engine.dispose()
    files = Path(empty.settings.central.database).parent.glob("central.db*")
    held = b"".join(path.read_bytes() for path in files)
    assert b"$argon2id$" in held
    for secret in (cookie, PASSWORD.encode(), empty.tokens["operator"].encode()):
        assert secret not in held


def test_a_disabled_user_is_out_at_once(empty):
    with empty.signed_in() as browser:
        disable_user(empty.engine, "viewer", empty.clock)
        assert browser.get("/").status_code == 303
        assert sign_in(browser).status_code == 401
        set_password(empty.engine, "viewer", "another password", empty.clock)
        assert sign_in(browser, password="another password").status_code == 303
    assert [user.disabled for user in list_users(empty.engine)] == [None, None]


def test_another_password_ends_every_session(empty):
    with empty.signed_in() as browser:
        set_password(empty.engine, "viewer", "another password", empty.clock)
        assert browser.get("/").status_code == 303
        assert sign_in(browser).status_code == 401


def test_who_tries_too_often_has_to_wait(tmp_path):
    with served(Office(tmp_path, sign_in_per_min=3)) as office:
        with office.browser() as browser:
            tries = [sign_in(browser, password="wrong password") for _ in range(4)]
            assert [answer.status_code for answer in tries] == [401, 401, 401, 429]
            assert 0 < int(tries[-1].headers["retry-after"]) <= 60
            assert sign_in(browser).status_code == 429
        # Somebody else, elsewhere, is not kept waiting.
        with office.browser("127.0.0.2") as other:
            assert sign_in(other).status_code == 303


def test_a_name_is_tried_only_so_often_from_all_addresses_together(tmp_path):
    with served(Office(tmp_path, sign_in_per_min=1)) as office:
        answers = []
        for number in range(2, 7):
            with office.browser(f"127.0.0.{number}") as browser:
                answers.append(sign_in(browser, password="wrong password").status_code)
        assert answers == [401, 401, 401, 401, 429]


def test_refused_attempts_do_not_fill_the_audit_for_ever(empty):
    with empty.browser() as browser:
        sign_in(browser, password="wrong password")
        empty.clock.advance(91 * 24 * 3600)
        sign_in(browser, password="wrong password")
    assert audited(empty).count("sign-in refused") == 1
    assert audited(empty).count("add user") == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({}, 303),
    ],
    ids=str,
)
def test_no_other_site_signs_somebody_in(shared, headers, status):
    with shared.browser() as browser:
        assert sign_in(browser, headers=headers).status_code == status


def test_our_own_origin_may_send_forms(shared):
    with shared.browser() as browser:
        assert sign_in(browser, headers={"Origin": shared.url}).status_code == 303


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({"csrf": "x" * 43}, {}),
        ({"csrf": "ours"}, {"Origin": "https://evil.example"}),
        ({"csrf": "ours"}, {"Sec-Fetch-Site": "cross-site"}),
    ],
    ids=["no token", "wrong token", "another origin", "another site"],
)
def test_a_forged_form_orders_nothing(shared, form, headers):
    with shared.signed_in("operator") as browser:
        if form.get("csrf") == "ours":
            form = {"csrf": token_of(browser)}
        answer = browser.post(
            "/devices/demo/oslo/window-1/commands", data=form | {"name": "ping"}, headers=headers
        )
        assert answer.status_code == 403
    assert "order ping" not in audited(shared)


def test_a_form_of_ours_orders_a_command(shared):
    with shared.signed_in("operator") as browser:
        csrf = token_of(browser)
        with shared.engine.connect() as connection:
            name = connection.scalar(select(tables.devices.c.name).where(tables.devices.c.id == 1))
            site = connection.scalar(select(tables.sites.c.site).where(tables.sites.c.id == 1))
        page = f"/devices/demo/{site}/{name}"
        form = {"csrf": csrf, "name": "restart", "process": "vision"}
        answer = browser.post(f"{page}/commands", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert browser.post(f"{page}/commands", data=form | {"name": "rm"}).status_code == 422
    assert audited(shared).count("order restart") == 1


def test_a_viewer_orders_nothing(shared):
    with shared.signed_in() as browser:
        form = {"csrf": token_of(browser), "name": "ping"}
        answer = browser.post("/devices/demo/oslo/window-1/commands", data=form)
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/sign-in", "/api/v1/sites", "/nothing-here"])
def test_every_answer_carries_the_headers_of_security(shared, path):
    headers = httpx.get(shared.url + path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_a_first_operator_is_made_once(tmp_path):
    from kiosk.central.store import open_database
    from kiosk.config import Settings
    from tests.fakes import FakeClock

    settings = Settings.model_validate({"central": {"database": str(tmp_path / "central.db")}})
    engine, clock = open_database(settings.central), FakeClock()
    password = ensure_first_operator(engine, clock)
    assert password is not None
    assert len(password) >= 16
    assert ensure_first_operator(engine, clock) is None
    assert [(user.name, user.role) for user in list_users(engine)] == [("operator", "operator")]


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [
        ("viewer", "viewer", PASSWORD),
        ("", "viewer", PASSWORD),
        ("a b", "viewer", PASSWORD),
        ("a\x00", "viewer", PASSWORD),
        ("new", "admin", PASSWORD),
        ("new", "viewer", "short"),
        ("new", "viewer", "x" * 1001),
    ],
)
def test_an_odd_user_is_refused_in_a_sentence(shared, name, role, password):
    with pytest.raises(BadInputError):
        add_user(shared.engine, name, role, password, shared.clock)
    assert len(list_users(shared.engine)) == 2


def test_a_token_is_good_until_it_is_revoked(empty):
    secret = create_token(empty.engine, "planner", "viewer", empty.clock)
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{empty.url}/api/v1/sites", headers=headers).status_code == 200
    with pytest.raises(BadInputError):
        create_token(empty.engine, "planner", "viewer", empty.clock)
    revoke_token(empty.engine, "planner", empty.clock)
    assert httpx.get(f"{empty.url}/api/v1/sites", headers=headers).status_code == 401
    with pytest.raises(BadInputError):
        revoke_token(empty.engine, "planner", empty.clock)
    create_token(empty.engine, "planner", "operator", empty.clock)
    assert [token.name for token in list_tokens(empty.engine)].count("planner") == 2
    assert audited(empty)[-3:] == ["create token", "revoke token", "create token"]


def test_what_was_done_by_hand_is_in_the_audit(empty):
    add_user(empty.engine, "new", "viewer", PASSWORD, empty.clock, by="operator")
    disable_user(empty.engine, "new", empty.clock)
    assert audited(empty)[-2:] == ["add user", "disable user"]


def test_names_that_nobody_tries_any_more_are_forgotten(monkeypatch):
    monkeypatch.setattr("kiosk.central.web.pace.KEYS_MAX", 20)
    pace = Pace(Settings().central.web)
    begun = time.time()
    for number in range(200):
        monkeypatch.setattr(time, "time", lambda: begun + 10 * number)  # noqa: B023
        assert pace.sign_in(f"10.0.0.{number}", f"name-{number}") is None
    assert pace.kept < 60


def test_who_is_counted_stays_counted_in_a_flood_of_names(monkeypatch):
    monkeypatch.setattr("kiosk.central.web.pace.KEYS_MAX", 20)
    settings = Settings.model_validate({"central": {"web": {"sign_in_per_min": 1}}})
    pace = Pace(settings.central.web)
    assert pace.sign_in("10.0.0.1", "ada") is None
    for number in range(100):
        pace.sign_in(f"10.1.0.{number}", f"name-{number}")
    assert pace.sign_in("10.0.0.1", "ada") is not None


@pytest.mark.parametrize(
    "trouble",
    ["ALTER DATABASE {name} SET default_transaction_read_only = on", "DROP TABLE audit"],
)
def test_nobody_signs_in_to_a_database_that_takes_nothing_and_is_told_so(tmp_path, trouble):
    with served(Office(tmp_path, postgres.database())) as office, office.browser() as browser:
        name = office.engine.url.database
        with office.engine.begin() as connection:
            connection.execute(text(trouble.format(name=name)))
        office.engine.dispose()
        answer = sign_in(browser)
        assert answer.status_code == 503, answer.text
        assert "retry-after" in answer.headers
        assert "set-cookie" not in answer.headers


def test_a_stranger_is_told_no_file_of_ours(empty):
    def gone(*_):
        raise StateError("/etc/kiosk/password: cannot be read")

    event.listen(empty.engine, "do_connect", gone)
    empty.engine.dispose()
    with empty.browser() as browser:
        answer = sign_in(browser)
        assert answer.status_code == 503
        assert "/etc" not in answer.text
    assert "kiosk_database_up 0.0" in httpx.get(f"{empty.url}/metrics").text
