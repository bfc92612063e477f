"""A fleet with a past, and a browser that watches what pages do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from playwright.sync_api import Browser, Page, Route
from sqlalchemy import insert, select

from kiosk.central.store import Entry, tables, work_off, write
from kiosk.simulate import Fleet
from kiosk.wire import Branch
from tests.central.web.office import NOW, PASSWORD, Office

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESK = 360, 1280
DEVICES, SITES, HOURS = 5, 2, 8 * 24
FLEET = Fleet(DEVICES, seed=3, sites=SITES, tenant="nordlys")
SILENT = 4
"""A device that was lost an hour ago."""

HOSTILE = '"><img src=x onerror="document.title=1">'
"""A creative's name that tries to be markup."""

PATHS = (
    "/",
    "/audience",
    "/content",
    "/devices",
    "/sites",
    f"/devices/{FLEET.branch(0)}",
    f"/reports/nordlys/{FLEET.branch(0).site}",
)


def place(branch: Branch) -> str:
    return f"{branch.tenant}/{branch.site}"


def fill(office: Office) -> None:
    """Eight days of hours, and how the devices do."""
    first = NOW.replace(minute=0) - timedelta(hours=HOURS)
    entries = []
    for number in range(HOURS):
        at = first + timedelta(hours=number)
        for device in range(DEVICES):
            content = FLEET.hours(device, at, number + 1)
            if device == 0 and number == 100:
                tables_ = content.tables
                renamed = {HOSTILE: tables_.creatives[FLEET.creatives[0].name]}
                content = content.model_copy(
                    update={"tables": tables_.model_copy(update={"creatives": renamed})}
                )
            entries.append(Entry(FLEET.branch(device), content, content.encode()))
    for device in range(DEVICES):
        said = (
            FLEET.health(device, NOW, hours_next=HOURS + 1, troubled=False),
            FLEET.status(device, NOW - timedelta(hours=1), online=device != SILENT),
        )
        entries += [Entry(FLEET.branch(device), one, one.encode()) for one in said]
    with office.engine.begin() as connection:
        write(connection, entries, NOW)
    while work_off(office.engine, "UTC"):
        pass
    with office.engine.begin() as connection:
        creative = connection.execute(select(tables.creatives.c.id)).scalars().first()
        days = {"begin": "2026-11-10", "end": "2026-11-30"}
        row = {"creative_id": creative, "plays": 5000, "note": "<b>autumn</b>", **days}
        connection.execute(insert(tables.bookings).values(row))


class Visit:
    """A signed-in browser; what went wrong in it, and what it asked for elsewhere."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.faults: list[str] = []
        self.abroad: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console",
            lambda said: self.faults.append(said.text) if said.type == "error" else None,
        )
        page.route("**/*", self._pass)

    def _pass(self, route: Route) -> None:
        if route.request.url.startswith((self.url, "data:")):
            route.continue_()
        else:
            self.abroad.append(route.request.url)
            route.abort()

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def drawn(self) -> list[str]:
        """Which charts of the page are drawn."""
        self.page.wait_for_load_state("load")
        script = "all => all.filter(f => f.querySelector('.canvas svg')).map(f => f.dataset.chart)"
        return list(self.page.eval_on_selector_all("[data-chart]", script))


@contextmanager
def visiting(
    browser: Browser, office: Office, name: str = "viewer", width: int = DESK, **options
) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    try:
        visit = Visit(context.new_page(), office.url)
        visit.open("/sign-in")
        visit.page.fill("#name", name)
        visit.page.fill("#password", PASSWORD)
        visit.page.press("#password", "Enter")
        visit.page.wait_for_url(f"{office.url}/")
        yield visit
    finally:
        context.close()


def contrasts(page: Page) -> dict[str, float]:
    """The lowest contrast of text on what lies behind it, by WCAG 2.2, element by element."""
    found = page.evaluate(CONTRAST)
    return dict(json.loads(found))


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const parse = (text) => {
    if (known.has(text)) return known.get(text);
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    known.set(text, [r, g, b, a / 255]);
    return known.get(text);
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let node = element; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return [255, 255, 255, 1];
  };
  const worst = {};
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    if (element.closest('svg, .visually-hidden, .skip')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const name = `${element.tagName}.${element.className}`.toLowerCase();
    worst[name] = Math.min(worst[name] ?? 21, Math.round(100 * ratio) / 100);
  }
  return JSON.stringify(worst);
}"""
