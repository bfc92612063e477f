"""The page that holds an HTML creative: its address, which changes with it, and its policy."""

from __future__ import annotations

import hashlib
from pathlib import Path

STATIC = Path(__file__).parent / "static"

MEDIA_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; media-src data:; font-src data:;"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"
)
"""A creative runs in a sandbox of its own and reaches no network, whatever is in it; and so does
the frame, which gives way to it."""

_VERSION = hashlib.sha256((STATIC / "frame.html").read_bytes() + MEDIA_POLICY.encode())

FRAME_URL = f"/frame?v={_VERSION.hexdigest()[:12]}"
"""A browser may keep it for ever, and so has it while the director is away."""
