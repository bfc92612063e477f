"""Pages for people, an API for programs, figures for Prometheus.

Comes in: head office's database, and requests. Goes out: HTML, JSON and OpenMetrics, to who has
signed in or holds a token; orders, bookings and documents of operators, with a row in the audit
each. It never shows more than head office has, never trusts a name or a text that came from a
device, and speaks to nothing but the database.
"""

from kiosk.central.web.accounts import (
    ROLES,
    Token,
    User,
    add_user,
    create_token,
    disable_user,
    ensure_first_operator,
    list_tokens,
    list_users,
    revoke_token,
    set_password,
)
from kiosk.central.web.app import make_app
from kiosk.central.web.server import serve

__all__ = [
    "ROLES",
    "Token",
    "User",
    "add_user",
    "create_token",
    "disable_user",
    "ensure_first_operator",
    "list_tokens",
    "list_users",
    "make_app",
    "revoke_token",
    "serve",
    "set_password",
]
