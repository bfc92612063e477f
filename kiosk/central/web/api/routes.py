"""All of the API under one roof: who may call, how often, and how faults are described."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from kiosk.central.web.api import (
    audience,
    bookings,
    documents,
    export,
    hours,
    multipliers,
    operations,
    places,
    plays,
)
from kiosk.central.web.api.terms import Answer
from kiosk.central.web.auth import Caller
from kiosk.central.web.pace import Pace


class Fault(Answer):
    """Where something was wrong, and what."""

    where: str
    what: str


class Problem(Answer):
    """A problem document (RFC 9457)."""

    type: str = Field("about:blank", description="always this: the status says which it is")
    title: str
    status: int
    detail: str = Field(description="one sentence")
    errors: list[Fault] | None = Field(None, description="each fault, when it was the request's")


def _problems(*statuses: tuple[int, str]) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": why, "content": {"application/problem+json": {"schema": schema}}}
        for status, why in statuses
    }


PROBLEMS = _problems(
    (400, "the request cannot be read"),
    (401, "no valid token"),
    (403, "the role does not allow it"),
    (404, "there is no such thing"),
    (413, "the request is too large"),
    (422, "the request does not fit"),
    (429, "too many requests"),
    (503, "the database does not answer"),
)


def paced(request: Request, user: Caller) -> None:
    """Let a caller call as often as it may, and tell it how often that is."""
    pace: Pace = request.app.state.pace
    request.state.headers = pace.call(user.name).headers()


router = APIRouter(prefix="/api/v1", dependencies=[Depends(paced)], responses=PROBLEMS)
for part in (places, hours, plays, audience, multipliers, export, operations, documents, bookings):
    router.include_router(part.router)


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """Add to an OpenAPI description what its answers to faults refer to."""
    template = "#/components/schemas/{model}"
    for model in (Fault, Problem):
        described = model.model_json_schema(ref_template=template)
        described.pop("$defs", None)
        schema["components"]["schemas"][model.__name__] = described
    return schema
