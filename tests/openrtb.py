"""What an OpenRTB-shaped export has to look like, written down from OpenRTB 2.6."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

TEXT = {"type": "string", "minLength": 1}


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def one(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": 1}


QTY = closed(
    {
        "multiplier": {"type": "number", "minimum": 0},
        "sourcetype": {"const": 2},
        "vendor": {"const": "kiosk"},
        "ext": closed({"sd": {"type": "number", "minimum": 0}}),
    }
)

IMP = closed(
    {
        "id": TEXT,
        "instl": {"enum": [0, 1]},
        "dt": {"type": "integer", "minimum": 1_000_000_000_000, "description": "milliseconds"},
    },
    qty=QTY,
    pmp=closed({"private_auction": {"enum": [0, 1]}, "deals": one(closed({"id": TEXT}))}),
)

MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$"}
FLAG = {"type": "boolean"}

BID = closed(
    {
        "id": TEXT,
        "impid": TEXT,
        "price": {"type": "number", "minimum": 0},
        "adid": TEXT,
        "crid": TEXT,
        "cid": TEXT,
        "ext": closed(
            {
                "site": TEXT,
                "start": MOMENT,
                "start_local": MOMENT,
                "duration_s": {"type": "number", "minimum": 0},
                "completed": FLAG,
                "presented": FLAG,
                "hour_published": FLAG,
            }
        ),
    },
    dealid=TEXT,
)

REQUEST = closed(
    {
        "id": TEXT,
        "imp": one(IMP),
        "dooh": closed({"id": TEXT, "name": TEXT, "publisher": closed({"id": TEXT})}),
    }
)

RESPONSE = closed({"id": TEXT, "seatbid": one(closed({"bid": one(BID)}))})

PLAY = closed({"request": REQUEST, "response": RESPONSE})

EXPORT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **closed({"openrtb": {"const": "2.6"}, "plays": {"type": "array", "items": PLAY}}),
}


def check_openrtb(told: Any) -> None:
    """Raises ValidationError."""
    Draft202012Validator.check_schema(EXPORT)
    Draft202012Validator(EXPORT).validate(told)
    for play in told["plays"]:
        request, [seat] = play["request"], play["response"]["seatbid"]
        [impression], [bid] = request["imp"], seat["bid"]
        assert play["response"]["id"] == request["id"]
        assert bid["impid"] == impression["id"]
        # Section 4.2.3: a deal of a bid is one that the request offered.
        offered = [deal["id"] for deal in impression.get("pmp", {"deals": []})["deals"]]
        assert [bid[name] for name in ("dealid",) if name in bid] == offered
