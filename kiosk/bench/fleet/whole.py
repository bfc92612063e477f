"""The whole bench: the hour, then the pages."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from kiosk.bench.fleet.children import accepts, free_port
from kiosk.bench.fleet.head import add_user, open_database
from kiosk.bench.fleet.history import write_history
from kiosk.bench.fleet.load import Load, play_hour
from kiosk.bench.fleet.office import Web
from kiosk.bench.fleet.pages import Timing, time_pages
from kiosk.bench.fleet.places import Database, broker_for, database_for
from kiosk.bench.fleet.plan import BenchPlan
from kiosk.clock import SystemClock
from kiosk.config import Settings
from kiosk.errors import KioskError
from kiosk.simulate import CREATIVES, Fleet

AT_ONCE = 4
WEB_START_S = 60.0

PAST_CREATIVES = 4
"""Creatives of the fleet that has a past: a year of it should fit a disk."""


def run_fleet_bench(
    settings: Settings, plan: BenchPlan, say: Callable[[str], None]
) -> dict[str, Any]:
    """Play a fleet's hour, check what arrived, and time the pages.

    Everything runs on loopback, as children that end with the bench, in folders that go with it.

    Args:
        settings: of head office; database, broker and ports are the bench's own.
        plan: what to play.
        say: is told how it goes.

    Returns:
        JSON-ready figures.

    Raises:
        KioskError: something is not installed, does not start, or does not deliver in time.
    """
    found: dict[str, Any] = {"cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory(prefix="kiosk-bench-") as name:
        folder = Path(name)
        if plan.devices:
            with database_for(plan.database, folder) as database:
                found |= _of_load(_load(settings, plan, database, folder, say), plan, database)
                if plan.requests and not plan.history_days:
                    own = _with(settings, database)
                    found |= _pages(own, plan, open_database(own.central), database, say)
        if plan.requests and plan.history_days:
            past = folder / "past"
            past.mkdir()
            with database_for(plan.database, past) as database:
                own = _with(settings, database)
                engine = open_database(own.central)
                found |= _past(own, plan, engine, say)
                found |= _pages(own, plan, engine, database, say)
    return found


def fleet_bench_text(found: dict[str, Any]) -> str:
    """The figures for a terminal."""
    lines = []
    for name, value in found.items():
        if name == "page_timings":
            lines += [
                f"  {page:14} {one['p50_ms']:8.1f} {one['p95_ms']:8.1f}"
                f" {one['p95_at_once_ms']:10.1f} {one['processor_ms']:8.1f} {one['kb']:8.1f}"
                for page, one in value.items()
            ]
        elif name == "pages":
            names = f"{'p50 ms':>8} {'p95 ms':>8} {'4 at once':>10} {'cpu ms':>8} {'kB':>8}"
            lines.append(f"  {'page':14} {names}")
        elif isinstance(value, list):
            lines += [f"{name}:", *(f"  {one}" for one in value)] if value else []
        else:
            lines.append(f"{name:24} {value}")
    return "\n".join(lines)


def _with(settings: Settings, database: Database) -> Settings:
    web = settings.central.web.model_copy(
        update={"host": "127.0.0.1", "port": free_port(), "cert_file": None, "key_file": None}
    )
    central = settings.central.model_copy(update={"database": database.url, "web": web})
    return settings.model_copy(update={"central": central})


def _load(
    settings: Settings,
    plan: BenchPlan,
    database: Database,
    folder: Path,
    say: Callable[[str], None],
) -> Load:
    own = _with(settings, database)
    with broker_for(plan.broker, folder, own.central) as broker:
        return play_hour(
            own.model_copy(update=broker.settings),
            plan,
            broker=broker,
            database=database,
            folder=folder,
            say=say,
        )


def _of_load(load: Load, plan: BenchPlan, database: Database) -> dict[str, Any]:
    told, verdict = load.told, load.verdict
    return {
        "devices": plan.devices,
        "database": database.name,
        "broker": plan.broker,
        "workers": plan.workers,
        "connections": load.connections,
        "messages_sent": told["sent"],
        "messages_sent_again": told["again"],
        "health_sent": told["health"],
        "rows_expected": verdict.rows_expected,
        "rows_found": verdict.rows_found,
        "plays_expected": verdict.plays_expected,
        "plays_found": verdict.plays_found,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "altered": verdict.altered,
        "sums_wrong": verdict.sums_wrong,
        "seconds": round(load.seconds, 1),
        "sums_seconds": round(load.settled_s, 1),
        "messages_per_s": round(verdict.rows_expected / load.seconds),
        "processor_s": load.processor_s,
        "ingest_peak_rss_mb": round(load.peak_rss_mb, 1),
        "ingest_rss_growth_mb": load.rss_growth_mb,
        "bare_broker_messages_per_s": round(load.broker_bare),
        "bare_database_rows_per_s": round(load.database_bare),
        "events": load.events,
        "wrong": verdict.examples,
    }


def _past(
    settings: Settings, plan: BenchPlan, engine: Engine, say: Callable[[str], None]
) -> dict[str, Any]:
    fleet = Fleet(plan.history_devices, plan.seed, creatives=CREATIVES[:PAST_CREATIVES])
    say(f"writing {plan.history_days} days of {fleet.devices} devices")
    began = time.monotonic()
    rows = write_history(engine, settings, fleet, plan.history_days, datetime.now(UTC), say=say)
    return {
        "history_devices": fleet.devices,
        "history_hours": rows,
        "history_seconds": round(time.monotonic() - began, 1),
    }


def _pages(
    settings: Settings,
    plan: BenchPlan,
    engine: Engine,
    database: Database,
    say: Callable[[str], None],
) -> dict[str, Any]:
    password = secrets.token_urlsafe(12)
    add_user(engine, "bench", "viewer", password, SystemClock())
    place = tempfile.TemporaryDirectory(prefix="kiosk-bench-web-")
    web = Web(settings, Path(place.name))
    try:
        _until_it_listens(web, settings.central.web.port)
        say(f"asking for each page {plan.requests} times, then {AT_ONCE} at once")
        site, device = _somewhere(engine)
        timings = time_pages(
            web.url,
            _paths(site, device, datetime.now(UTC)),
            ("bench", password),
            requests=plan.requests,
            at_once=AT_ONCE,
            servers=[pid for pid in (web.process.pid, database.pid) if pid is not None],
        )
    finally:
        web.close()
        place.cleanup()
        engine.dispose()
    return _told(timings)


def _told(timings: dict[str, Timing]) -> dict[str, Any]:
    return {
        "pages": {name: one.p95_ms for name, one in timings.items()},
        "page_timings": {name: asdict(one) for name, one in timings.items()},
    }


def _until_it_listens(web: Web, port: int) -> None:
    deadline = time.monotonic() + WEB_START_S
    while not accepts(port):
        if web.process.poll() is not None or time.monotonic() > deadline:
            said = web.log.read_text(encoding="utf-8", errors="replace")[-800:]
            raise KioskError(f"`kiosk central web` does not start: {said}")
        time.sleep(0.1)


def _somewhere(engine: Engine) -> tuple[str, str]:
    with engine.connect() as connection:
        row = connection.execute(
            text(
                "SELECT s.tenant, s.site, d.name FROM devices AS d"
                " JOIN sites AS s ON s.id = d.site_id ORDER BY d.id LIMIT 1"
            )
        ).one()
    return f"{row.tenant}/{row.site}", str(row.name)


def _paths(site: str, device: str, now: datetime) -> dict[str, str]:
    week = "{}-W{:02d}".format(*now.isocalendar()[:2])
    return {
        "overview": "/",
        "audience": "/audience",
        "audience-year": "/audience?period=365d",
        "audience-site": f"/audience?site={site}",
        "audience-device": f"/audience?site={site}&device={device}",
        "content": "/content",
        "content-year": "/content?period=365d",
        "devices": "/devices",
        "device": f"/devices/{site}/{device}",
        "sites": "/sites",
        "report": f"/reports/{site}/{week}",
    }
