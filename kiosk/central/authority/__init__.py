"""Who may connect to the fleet's broker, and whose word counts to a device.

Comes in: the folder of head office, names of devices, requests for certificates. Goes out:
certificates that say which device somebody is, the list of those that are revoked, and the key that
signs what devices are told. A device's private key is made here once, at its enrolment, and not
kept. Never speaks to the network, and keeps no other record than the certificates themselves.
"""

from kiosk.central.authority.keys import (
    load_public_key,
    load_signing_key,
    make_signing_key,
)
from kiosk.central.authority.register import (
    Authority,
    Enrolled,
    Pair,
    find_authority,
    open_authority,
    parse_branch,
)

__all__ = [
    "Authority",
    "Enrolled",
    "Pair",
    "find_authority",
    "load_public_key",
    "load_signing_key",
    "make_signing_key",
    "open_authority",
    "parse_branch",
]
