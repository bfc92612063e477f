"""Figures for Prometheus: how devices and workers do; never how many people passed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from kiosk.central.web.auth import bearer, program
from kiosk.central.web.context import Web, web_of
from kiosk.central.web.fleet import FleetCollector

router = APIRouter(include_in_schema=False)

LOOPBACK = frozenset({"127.0.0.1", "::1"})
LOOPBACK_NAMES = frozenset({"127.0.0.1", "[::1]", "localhost"})
FORWARDED = ("forwarded", "x-forwarded-for", "via")


def registry_of(web: Web) -> CollectorRegistry:
    """Everything that there is to tell."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(FleetCollector(web))
    return registry


@router.get("/metrics")
async def show_metrics(
    request: Request, token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Response:
    """Figures in OpenMetrics or in Prometheus's own text, as the one who asks prefers.

    This machine's own Prometheus needs no token; any other needs one, of either role.
    """
    web = web_of(request)
    known = _here(request)
    if not known and token is not None:
        known = await run_in_threadpool(program, web, token.credentials) is not None
    if not known:
        raise HTTPException(401, "a valid token is needed", {"WWW-Authenticate": "Bearer"})
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    text = await run_in_threadpool(encode, request.app.state.registry)
    return Response(text, media_type=None, headers={"Content-Type": kind})


def _here(request: Request) -> bool:
    # A proxy's requests come from this machine too, and so may those of a page that rebinds a name.
    if any(name in request.headers for name in FORWARDED) or request.client is None:
        return False
    host = request.headers.get("host", "").rsplit(":", 1)[0] or ""
    return request.client.host in LOOPBACK and host in LOOPBACK_NAMES
