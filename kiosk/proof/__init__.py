"""Proof of play as others read it: a row for each play, as CSV and as OpenRTB-shaped JSON.

Comes in: what was played, and what was published of the hour in which it began. Goes out: rows, the
text of an export, piece by piece, and how many plays each contract was given. A device and head
office write the same bytes for the same plays. It reads no file and no database, and knows of the
audience only what was published.
"""

from kiosk.proof.contracts import (
    MOST_CONTRACTS,
    ContractPlays,
    TooManyContractsError,
    count_contracts,
)
from kiosk.proof.openrtb import openrtb_of, openrtb_text
from kiosk.proof.rows import (
    PUBLISHER_PROVIDED,
    VENDOR,
    PlayedHour,
    ProofRow,
    hour_of,
    multiplier_of,
    proof_row,
)
from kiosk.proof.sheet import COLUMNS, contracts_text, csv_text

__all__ = [
    "COLUMNS",
    "MOST_CONTRACTS",
    "PUBLISHER_PROVIDED",
    "VENDOR",
    "ContractPlays",
    "PlayedHour",
    "ProofRow",
    "TooManyContractsError",
    "contracts_text",
    "count_contracts",
    "csv_text",
    "hour_of",
    "multiplier_of",
    "openrtb_of",
    "openrtb_text",
    "proof_row",
]
