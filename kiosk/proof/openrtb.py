"""Proof of play as JSON in the words of OpenRTB 2.6.

Each play is the pair of messages that would have sold it: a bid request with the screen (3.2.32,
DOOH) and the impression that it was (3.2.4, Imp; 3.2.31, Qty), and a bid response with the creative
that was shown (4.2.3, Bid). Nothing was auctioned: the price is 0, and a contract is a private
deal. What the standard has no field for stands in ``ext``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kiosk.clock import iso
from kiosk.proof.rows import PUBLISHER_PROVIDED, VENDOR, ProofRow

VERSION = "2.6"

ONLY = "1"
"""Id of the one impression of a request."""


def openrtb_of(row: ProofRow) -> dict[str, Any]:
    """A play as a bid request and its response."""
    place = f"{row.tenant}/{row.site}/{row.device}"
    request = {
        "id": row.play_id,
        "imp": [_impression(row)],
        "dooh": {"id": place, "name": row.device, "publisher": {"id": row.tenant}},
    }
    response = {"id": row.play_id, "seatbid": [{"bid": [_bid(row)]}]}
    return {"request": request, "response": response}


def _impression(row: ProofRow) -> dict[str, Any]:
    found: dict[str, Any] = {"id": ONLY, "instl": 1, "dt": round(row.start.timestamp() * 1000)}
    if row.multiplier is not None:
        found["qty"] = {
            "multiplier": row.multiplier,
            "sourcetype": PUBLISHER_PROVIDED,
            "vendor": VENDOR,
            "ext": {"sd": row.multiplier_sd},
        }
    if row.contract is not None:
        found["pmp"] = {"private_auction": 1, "deals": [{"id": row.contract}]}
    return found


def _bid(row: ProofRow) -> dict[str, Any]:
    bid: dict[str, Any] = {
        "id": row.play_id,
        "impid": ONLY,
        "price": 0,
        "adid": row.creative,
        "crid": row.creative,
        "cid": row.campaign,
        "ext": {
            "site": row.site,
            "start": iso(row.start),
            "start_local": row.start_local.isoformat(timespec="seconds"),
            "duration_s": row.duration_s,
            "completed": row.completed,
            "presented": row.presented,
            "hour_published": row.hour_published,
        },
    }
    if row.contract is not None:
        bid["dealid"] = row.contract
    return bid


def openrtb_text(batches: Iterable[Sequence[ProofRow]]) -> Iterator[str]:
    """One JSON object with every play, piece by piece: a play stands on a line of its own."""
    yield f'{{"openrtb":"{VERSION}","plays":['
    before = "\n"
    for batch in batches:
        lines = [json.dumps(openrtb_of(row), separators=(",", ":")) for row in batch]
        if lines:
            yield before + ",\n".join(lines)
            before = ",\n"
    yield "\n]}\n"
