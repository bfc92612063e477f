"""The form on a device's page that orders a command."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from kiosk.central.courier import ORDERS, order_command
from kiosk.central.web.api.asked import device_id_of
from kiosk.central.web.api.terms import Name
from kiosk.central.web.auth import Operator
from kiosk.central.web.context import Here, Writing

router = APIRouter(include_in_schema=False)


async def fields(request: Request) -> Mapping[str, str]:
    """What stands in a form, files left out."""
    return {key: value for key, value in (await request.form()).items() if isinstance(value, str)}


@router.post("/devices/{tenant}/{site}/{device}/commands")
def order_from_page(
    *,
    web: Here,
    user: Operator,
    connection: Writing,
    tenant: Name,
    site: Name,
    device: Name,
    form: Annotated[Mapping[str, str], Depends(fields)],
) -> Response:
    """Order what the form says in field ``name``, with arguments in fields of their own names."""
    device_id = device_id_of(connection, tenant, site, device)
    name = form.get("name", "")
    args = {key: form[key] for key in ORDERS.get(name, {}) if key in form}
    order_command(connection, device_id, name, args, user.name, web.clock.utc())
    return RedirectResponse(f"/devices/{tenant}/{site}/{device}", HTTPStatus.SEE_OTHER)
