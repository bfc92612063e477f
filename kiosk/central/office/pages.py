"""How the pages are served: by HTTPS wherever others can reach them."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from kiosk.central.authority import Authority
from kiosk.central.office.broker import is_any, known_names, reachable
from kiosk.config import Settings


def has_own_certificate(settings: Settings) -> bool:
    """Whether the pages are served with a certificate of our own authority.

    They are when others can reach them, no proxy stands before them and none is configured: no
    password crosses a network in the clear, and devices fetch media by HTTPS only. Devices trust
    our authority; a browser asks.
    """
    web = settings.central.web
    return web.public_url is None and web.cert_file is None and not _is_loopback(web.host)


def page_address(settings: Settings) -> str:
    """Where a browser on this machine finds the pages."""
    web = settings.central.web
    if web.public_url is not None:
        return f"{web.public_url}/"
    scheme = "https" if web.cert_file is not None or has_own_certificate(settings) else "http"
    host = reachable(web.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{web.port}/"


def media_origin(settings: Settings) -> str | None:
    """The address below which devices fetch media from our pages; they want HTTPS."""
    web = settings.central.web
    if web.public_url is not None:
        return f"{web.public_url}/media/" if web.public_url.startswith("https://") else None
    if web.cert_file is None and not has_own_certificate(settings):
        return None
    return f"https://{settings.central.broker.names[0]}:{web.port}/media/"


def with_certificate(settings: Settings, authority: Authority) -> tuple[Settings, bool]:
    """The settings with our own certificate for the pages, if they need one; whether it is new.

    Raises:
        StateError: the certificate cannot be written.
    """
    if not has_own_certificate(settings):
        return settings, False
    central = settings.central
    certificate, key = _files(central.folder)
    names = known_names(central.broker)
    if not is_any(central.web.host):
        names.append(central.web.host)
    is_new = authority.keep_pair(certificate, key, list(dict.fromkeys(names)))
    web = central.web.model_copy(update={"cert_file": certificate, "key_file": key})
    central = central.model_copy(update={"web": web})
    return settings.model_copy(update={"central": central}), is_new


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / "web" / "web.crt", folder / "web" / "web.key"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
