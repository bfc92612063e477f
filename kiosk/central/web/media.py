"""Media of campaigns, for devices: files under the names of their content."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response
from fastapi.responses import FileResponse

from kiosk.central.web.context import Here

router = APIRouter(include_in_schema=False)

HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    # An advert may be a page, and is not to act in our name.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Content-Disposition": "attachment",
}


@router.api_route("/media/{name}", methods=["GET", "HEAD"])
def show_medium(
    web: Here, name: Annotated[str, Path(pattern=r"^[0-9a-f]{64}(\.[a-z0-9]{1,8})?$")]
) -> Response:
    """A medium, whole or a range of it; whoever knows its hash may have it, as passers-by do."""
    path = web.settings.central.folder / "media" / name
    if not path.is_file():
        raise HTTPException(404, "there is no such medium")
    return FileResponse(path, media_type="application/octet-stream", headers=HEADERS)
