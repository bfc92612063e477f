"""The web application of head office: pages, API, and figures for Prometheus.

The pages' part of it exports ``router``, ``show_sign_in``, ``show_error`` and ``static_files``.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine

from kiosk import __version__
from kiosk.central.web import media, metrics, orders, signing_in
from kiosk.central.web.api import describe
from kiosk.central.web.api import router as api
from kiosk.central.web.context import Web
from kiosk.central.web.guard import Guard
from kiosk.central.web.pace import Pace
from kiosk.central.web.pages import router as pages
from kiosk.central.web.pages import static_files
from kiosk.central.web.problems import answer_faults, fault
from kiosk.clock import Clock
from kiosk.config import Settings

ABOUT = """\
Figures of an audience that was measured without knowing anybody. Counts of people carry the noise
that devices drew (discrete Laplace); beside each stands its standard deviation, `sd`, or the
interval of 95 % that it leaves. Times are RFC 3339 in UTC; days are those of `central.timezone`.
"""


def make_app(engine: Engine, settings: Settings, clock: Clock) -> FastAPI:
    """The web application.

    Args:
        engine: head office's database.
        settings: the whole configuration.
        clock: the time.
    """
    wanted = settings.central.web
    https = wanted.cert_file is not None or (wanted.public_url or "").startswith("https:")
    app = FastAPI(
        title="kiosk",
        version=__version__,
        description=ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,  # Its page would load a script from elsewhere.
        redoc_url=None,
        # Nothing of ours reports to anybody, whatever stands in the environment.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.web = Web(engine, settings, clock, https)
    app.state.pace = Pace(wanted)
    app.state.registry = metrics.registry_of(app.state.web)
    answer_faults(app)
    app.add_middleware(Guard, https=https, fault=fault)
    app.include_router(api)
    for part in (metrics, media, signing_in, orders):
        app.include_router(part.router)
    app.include_router(pages)
    app.mount("/static", static_files(), name="static")
    _describe_faults(app)
    return app


def _describe_faults(app: FastAPI) -> None:
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(plain())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
