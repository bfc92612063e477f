"""Head office's pages in a real browser."""

from __future__ import annotations

import html
import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from kiosk.central.store import tables
from tests.central.pages.shop import (
    DESK,
    DEVICES,
    FLEET,
    HOSTILE,
    PATHS,
    PHONE,
    SILENT,
    contrasts,
    place,
    visiting,
)
from tests.central.web.office import Office, served

pytestmark = pytest.mark.timeout(120)

CHARTS = {
    "/": {"today"},
    "/audience": {"days", "heat", "ages", "moods", "groups"},
    "/content": {"rates", "uplifts"},
    f"/devices/{FLEET.branch(0)}": {"hours"},
}
ENOUGH = 4.5
"""Contrast of text that WCAG 2.2 asks for at level AA (1.4.3)."""


@pytest.fixture(scope="module")
def desk(chromium, office):
    with visiting(chromium, office) as visit:
        yield visit


@pytest.fixture(scope="module")
def operator(chromium, office):
    with visiting(chromium, office, "operator") as visit:
        yield visit


@pytest.fixture(scope="module")
def bare(chromium, office):
    """A browser without scripts."""
    with visiting(chromium, office, java_script_enabled=False) as visit:
        yield visit


@pytest.fixture(scope="module")
def reader(office):
    """A client without a screen, signed in."""
    with office.signed_in("operator") as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_every_page_draws_its_charts_fits_and_can_be_read(chromium, office, path) -> None:
    with visiting(chromium, office) as visit:
        page = visit.open(path)
        for width, scheme in ((DESK, "light"), (PHONE, "dark"), (PHONE, "light"), (DESK, "dark")):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            assert set(visit.drawn()) == CHARTS.get(path, set())
            page.wait_for_function("w => document.documentElement.scrollWidth <= w", arg=width)
            faint = {name: ratio for name, ratio in contrasts(page).items() if ratio < ENOUGH}
            assert not faint, scheme
        assert visit.faults == []
        assert visit.abroad == []


def test_without_scripts_every_table_is_open(bare) -> None:
    page = bare.open("/audience")
    assert page.locator("details.table").count() == 5
    for table in page.locator("details.table table").all():
        expect(table).to_be_visible()
    expect(page.locator(".canvas").first).to_be_hidden()
    page.select_option("#f-period", "28d")
    page.click("form.filters button")
    assert "period=28d" in page.url
    expect(page.locator(".filters #f-period")).to_have_value("28d")


def test_a_chart_has_its_table_one_click_away(desk) -> None:
    page = desk.open("/audience")
    table = page.locator("[data-chart=ages] table")
    expect(table).to_be_hidden()
    page.locator("[data-chart=ages] summary").click()
    expect(table).to_be_visible()
    expect(table.locator("tbody tr")).to_have_count(9)


def test_a_chart_says_what_its_table_says(desk) -> None:
    page = desk.open("/audience?period=7d")
    desk.drawn()
    canvas = page.locator("[data-chart=days] .canvas")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 90)
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + 91)
    tip = page.locator("[data-chart=days] [aria-label=tip] text")
    expect(tip).to_contain_text("±")
    day, figure = (part.strip() for part in tip.inner_html().split("</tspan>")[:2])
    # Plot writes a character of no width into what may be empty.
    day, figure = (re.sub("<[^>]*>|\u200b", "", part) for part in (day, figure))
    page.locator("[data-chart=days] summary").click()
    row = page.locator("[data-chart=days] tr", has_text=day)
    assert figure.split()[0] in row.inner_text()


def test_a_chart_that_cannot_be_drawn_says_so_and_opens_its_table(chromium, office) -> None:
    with visiting(chromium, office) as visit:
        visit.page.route("**/vendor/plot*", lambda route: route.abort())
        page = visit.open("/audience")
        expect(page.locator(".canvas").first).to_contain_text("the table says the same")
        for table in page.locator("details.table table").all():
            expect(table).to_be_visible()


def test_while_scripts_load_a_chart_has_its_place_and_no_table_flashes_by(chromium, office) -> None:
    with visiting(chromium, office) as visit:
        waiting = []

        def hold(route) -> None:
            waiting.append(route)

        visit.page.route("**/vendor/plot*", hold)
        visit.page.goto(f"{office.url}/audience", wait_until="commit")
        canvas = visit.page.locator(".canvas").first
        expect(canvas).to_be_visible()
        expect(canvas).to_be_empty()
        expect(visit.page.locator("details.table table").first).to_be_hidden()
        height = canvas.bounding_box()
        assert height is not None
        assert height["height"] >= 200
        for route in waiting:
            route.continue_()
        expect(canvas.locator("svg")).to_be_visible()


def test_pages_are_used_with_the_keyboard_alone(desk) -> None:
    page = desk.open("/audience")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.id || e.textContent.trim(), s.outlineStyle, s.outlineWidth] })()"
        )
        seen.append(focused)
    names = [name for name, _, _ in seen]
    assert names[:4] == ["f-site", "f-period", "f-compare", "Show"]
    assert "Watchers" in names
    assert all(style == "solid" and width == "2px" for _, style, width in seen)


def test_names_that_are_markup_stay_text(desk, office: Office) -> None:
    for path in ("/content", "/audience", f"/reports/{place(FLEET.branch(0))}"):
        page = desk.open(path)
        desk.drawn()
        assert page.locator("img").count() == 0
        assert page.title() != "1"
    page = desk.open("/content?period=28d")
    expect(page.get_by_role("rowheader", name=HOSTILE, exact=True)).to_be_visible()
    expect(page.get_by_text("<b>autumn</b>")).to_be_visible()


def test_the_first_page_says_who_is_in_trouble_and_what_to_do(desk) -> None:
    page = desk.open("/")
    trouble = page.locator(".troubles li")
    expect(trouble).to_have_count(1)
    expect(trouble).to_contain_text(FLEET.branch(SILENT).device)
    expect(trouble).to_contain_text("check its power")
    expect(page.locator("main")).to_contain_text(f"{DEVICES - 1} of {DEVICES}")
    trouble.get_by_role("link").click()
    expect(page.locator("h1")).to_have_text(FLEET.branch(SILENT).device)
    expect(page.locator(".alert")).to_contain_text("silent")


def test_filters_lead_from_all_sites_to_one_device(desk) -> None:
    page = desk.open("/audience")
    branch = FLEET.branch(0)
    everything = page.locator(".tile").first.inner_text()
    page.select_option("#f-site", place(branch))
    page.keyboard.press("Enter")
    page.click("form.filters button")
    expect(page.locator(".title")).to_contain_text(branch.site)
    assert page.locator(".tile").first.inner_text() != everything
    page.select_option("#f-device", branch.device)
    page.click("form.filters button")
    expect(page.locator(".title")).to_contain_text(branch.device)


def test_a_period_of_ones_own_asks_for_its_days(desk) -> None:
    page = desk.open("/audience")
    expect(page.locator("#f-from")).to_be_hidden()
    page.select_option("#f-period", "custom")
    page.fill("#f-from", "2026-11-12")
    page.fill("#f-to", "2026-11-13")
    page.click("form.filters button")
    expect(page.locator(".title")).to_contain_text("Thu 12 Nov 2026 to Fri 13 Nov 2026")
    page.select_option("#f-compare", "before")
    page.click("form.filters button")
    expect(page.locator(".tile").first).to_contain_text("the days before")


def test_small_figures_are_not_shown_as_they_are(desk) -> None:
    page = desk.open(f"/devices/{FLEET.branch(0)}")
    page.locator("[data-chart=hours] summary").click()
    night = page.locator("[data-chart=hours] tr", has_text="Wed 18 Nov, 03:00")
    bound = re.search(r"fewer than (\d+)", night.inner_text())
    assert bound is not None
    assert int(bound[1]) >= 10


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=entrance", "entrance"),
        ("state=silent", FLEET.branch(SILENT).device),
        ("alert=silent", FLEET.branch(SILENT).device),
        ("q=no-such-device", "No device is like this"),
    ],
)
def test_devices_are_searched_and_filtered(desk, query: str, expected: str) -> None:
    page = desk.open(f"/devices?{query}")
    body = page.locator("section.panel")
    expect(body).to_contain_text(expected)
    assert page.locator("tbody tr").count() < DEVICES


def test_devices_are_sorted_by_a_click_on_a_column(desk) -> None:
    page = desk.open("/devices")
    page.get_by_role("link", name="Device", exact=True).click()
    up = page.locator("tbody th").all_inner_texts()
    page.get_by_role("link", name="Device ↑").click()
    assert page.locator("tbody th").all_inner_texts() == up[::-1]
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)


def test_an_operator_orders_a_command_and_sees_what_becomes_of_it(operator, office: Office) -> None:
    page = operator.open(f"/devices/{FLEET.branch(1)}")
    page.get_by_role("button", name="Ping").click()
    expect(page.locator("#h-history")).to_be_visible()
    expect(page.get_by_role("row", name="ping")).to_contain_text("operator")
    page.get_by_role("button", name="Restart").click()  # without the tick: the browser refuses
    with office.engine.connect() as connection:
        names = connection.execute(select(tables.commands.c.name)).scalars().all()
    assert names == ["ping"]
    page.select_option("#process", "director")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Restart").click()
    expect(page.get_by_role("row", name="restart director")).to_be_visible()
    assert operator.faults == []


def test_who_may_only_look_gets_no_buttons(desk) -> None:
    page = desk.open(f"/devices/{FLEET.branch(1)}")
    expect(page.locator("#commands")).to_contain_text("may look")
    expect(page.locator("#commands button")).to_have_count(0)


def test_a_diagnosis_is_shown_to_be_read(desk, office: Office) -> None:
    reply = (
        '{"detail": "all is well", "data": {"disk_free_mb": 812, "python": "3.11"},'
        ' "lines": ["WARNING event=camera_silent <script>alert(1)</script>"]}'
    )
    with office.engine.begin() as connection:
        device = connection.execute(
            select(tables.devices.c.id).where(tables.devices.c.name == FLEET.branch(2).device)
        ).scalars()
        connection.execute(
            tables.commands.insert(),
            [
                {
                    "id": f"{number:016x}",
                    "device_id": number,
                    "name": "diagnose",
                    "args": "{}",
                    "by": "operator",
                    "issued": office.clock.utc(),
                    "expires_at": office.clock.utc(),
                    "outcome": "done",
                    "reply": reply,
                    "replied": office.clock.utc(),
                }
                for number in device
            ],
        )
    page = desk.open(f"/devices/{FLEET.branch(2)}")
    expect(page.locator(".log")).to_have_text(
        "WARNING event=camera_silent <script>alert(1)</script>"
    )
    expect(page.locator("td .facts")).to_contain_text("812")


def test_the_report_of_a_week_prints_on_paper_without_scripts(bare) -> None:
    page = bare.open(f"/reports/{place(FLEET.branch(0))}/2026-W46")
    expect(page.locator("h1")).to_contain_text("2026-W46")
    assert page.locator("script").count() == 0
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    page.emulate_media(media="print")
    expect(page.locator(".top")).to_be_hidden()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, "Nothing is here"),
        ("/audience?site=a/b", 404, "no site or device"),
        ("/audience?period=custom&from=x&to=y", 422, "first and a last day"),
        ("/audience?period=custom&from=2020-01-01&to=2026-01-01", 422, "400 days"),
        ("/audience?show=passwords", 422, "cannot be used"),
        ("/devices/a/b/c", 404, "no device"),
        ("/reports/nordlys/x/2026-W99", 404, "2026-W47"),
        ("/content?control=999999999", 404, "not played"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(
    reader, path: str, status: int, said: str
) -> None:
    answer = reader.get(path)
    assert answer.status_code == status
    assert said in answer.text
    assert "Traceback" not in answer.text


def test_an_office_of_which_nothing_is_known_yet_says_what_to_do(chromium, tmp_path) -> None:
    with served(Office(tmp_path)) as empty, visiting(chromium, empty) as visit:
        for path in ("/", "/audience", "/content", "/devices", "/sites"):
            page = visit.open(path)
            expect(page.locator(".empty").first).to_be_visible()
        assert visit.faults == []


def test_a_database_that_is_away_is_said_on_a_page(tmp_path) -> None:
    office = Office(tmp_path)
    with served(office), office.signed_in() as browser:
        office.engine.dispose()
        (tmp_path / "central.db").unlink()
        (tmp_path / "central.db").mkdir()
        answer = browser.get("/")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_files_that_pages_load_are_kept_by_browsers_under_their_content(reader) -> None:
    page = reader.get("/audience").text
    links = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert {link.partition("?")[0] for link in links} >= {
        "/static/office.css",
        "/static/charts.js",
        "/static/vendor/d3.min.js",
        "/static/vendor/plot.umd.min.js",
    }
    for link in links:
        answer = reader.get(link)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert len(link.partition("?v=")[2]) == 12
    other = reader.get("/static/office.css?v=000000000000")
    assert "immutable" not in other.headers["Cache-Control"]


def test_the_same_can_be_taken_along_as_tables(reader) -> None:
    page = reader.get(f"/audience?site={place(FLEET.branch(0))}&period=7d").text
    links = [html.unescape(link) for link in re.findall(r'href="(/api/[^"]+)"', page)]
    assert len(links) == 4
    for link in links:
        answer = reader.get(link)
        assert answer.status_code == 200, link
        assert len(answer.content) > 1000
