"""Settings of the notice on the screen: that a camera is at work, and what it estimates."""

from __future__ import annotations

import re
from typing import Literal, Optional

from pydantic import Field, field_validator

from kiosk.config.base import Section

Language = Literal["en", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "da", "cs"]

MAX_QR_LINK = 120
"""Signs of a link in a QR code: with more its dots are too small to be read from a step away."""

LEAST_LETTERS = 5
"""Of a text of one's own: fewer do not say that a camera is at work."""

ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?([/?#][!-~]*)?")


class NoticeSettings(Section):
    """The notice on the screen that a camera is at work, and what it estimates."""

    show: bool = Field(True, description="whether the notice is on the screen")
    languages: list[Language] = Field(
        ["en"],
        description="of our text: one or two stand together, more of them take turns",
    )
    text: str = Field(
        "",
        max_length=300,
        description="what it says instead of our text; empty: ours, which says what is estimated",
    )
    size: Literal["small", "medium", "large"] = Field(
        "medium", description="of its letters: to be read from 2, 3 or 4 metres on a large screen"
    )
    position: Literal["top-left", "top-right", "bottom-left", "bottom-right"] = Field(
        "bottom-right", description="in which corner it stands"
    )
    link: Optional[str] = Field(
        None, max_length=200, description="address of your own page on privacy, shown as text"
    )
    qr: bool = Field(False, description="the link as a QR code, too")

    @field_validator("languages")
    @classmethod
    def _some(cls, languages: list[Language]) -> list[Language]:
        if not languages:
            raise ValueError("name at least one, such as [en]; to hide the notice, set show: false")
        twice = [name for name in languages if languages.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is named twice; remove one")
        return languages

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if text.strip() and sum(sign.isalpha() for sign in text) < LEAST_LETTERS:
            raise ValueError(
                f"says nothing: write at least {LEAST_LETTERS} letters, or leave it empty for ours"
            )
        return text

    @field_validator("link")
    @classmethod
    def _address(cls, link: Optional[str]) -> Optional[str]:
        if link is not None and not ADDRESS.fullmatch(link):
            raise ValueError(
                "an address is expected as a browser's address bar copies it, such as"
                " https://shop.example/privacy: http or https, no spaces, no name or password"
            )
        return link
