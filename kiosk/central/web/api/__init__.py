"""The API for programs, under /api/v1; described by OpenAPI 3.1 at /api/openapi.json.

Comes in: requests with a token, or of a signed-in browser. Goes out: JSON with the figures as they
are, and how exactly they are known; problem documents (RFC 9457) for what cannot be answered. Lists
come in pages that go on where the last one ended. It never shows a secret, and changes nothing
without a row in the audit.
"""

from kiosk.central.web.api.routes import describe, router

__all__ = ["describe", "router"]
