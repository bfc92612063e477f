# ruff: noqa: RUF001 - French writes its apostrophe like this
"""What the notice on the screen says, in every language that it speaks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal
from urllib.parse import urlsplit

import segno

from kiosk.config import Attribute, Language, NoticeSettings

Kind = Literal["all", "age_gender", "counted", "kept"]
"""Three sentences on what the camera does, and the one that always follows."""

TEXTS: dict[Language, dict[Kind, str]] = {
    "en": {
        "all": "A camera here estimates age, gender and mood.",
        "age_gender": "A camera here estimates age and gender.",
        "counted": "A camera here counts people.",
        "kept": "No picture is kept or sent.",
    },
    "de": {
        "all": "Eine Kamera schätzt hier Alter, Geschlecht und Stimmung.",
        "age_gender": "Eine Kamera schätzt hier Alter und Geschlecht.",
        "counted": "Eine Kamera zählt hier Personen.",
        "kept": "Es wird kein Bild gespeichert oder gesendet.",
    },
    "fr": {
        "all": "Ici, une caméra estime l’âge, le genre et l’humeur.",
        "age_gender": "Ici, une caméra estime l’âge et le genre.",
        "counted": "Ici, une caméra compte les personnes.",
        "kept": "Aucune image n’est conservée ni transmise.",
    },
    "es": {
        "all": "Aquí, una cámara estima la edad, el género y el estado de ánimo.",
        "age_gender": "Aquí, una cámara estima la edad y el género.",
        "counted": "Aquí, una cámara cuenta personas.",
        "kept": "No se guarda ni se envía ninguna imagen.",
    },
    "it": {
        "all": "Qui una telecamera stima età, genere e umore.",
        "age_gender": "Qui una telecamera stima età e genere.",
        "counted": "Qui una telecamera conta le persone.",
        "kept": "Nessuna immagine viene conservata o inviata.",
    },
    "nl": {
        "all": "Een camera schat hier leeftijd, geslacht en stemming.",
        "age_gender": "Een camera schat hier leeftijd en geslacht.",
        "counted": "Een camera telt hier personen.",
        "kept": "Er wordt geen beeld bewaard of verzonden.",
    },
    "pl": {
        "all": "Kamera szacuje tu wiek, płeć i nastrój.",
        "age_gender": "Kamera szacuje tu wiek i płeć.",
        "counted": "Kamera liczy tu osoby.",
        "kept": "Żaden obraz nie jest zapisywany ani przesyłany.",
    },
    "pt": {
        "all": "Aqui, uma câmara estima a idade, o género e o estado de espírito.",
        "age_gender": "Aqui, uma câmara estima a idade e o género.",
        "counted": "Aqui, uma câmara conta pessoas.",
        "kept": "Nenhuma imagem é guardada nem enviada.",
    },
    "sv": {
        "all": "En kamera uppskattar här ålder, kön och sinnesstämning.",
        "age_gender": "En kamera uppskattar här ålder och kön.",
        "counted": "En kamera räknar här personer.",
        "kept": "Ingen bild sparas eller skickas.",
    },
    "da": {
        "all": "Et kamera anslår her alder, køn og humør.",
        "age_gender": "Et kamera anslår her alder og køn.",
        "counted": "Et kamera tæller her personer.",
        "kept": "Intet billede gemmes eller sendes.",
    },
    "cs": {
        "all": "Kamera zde odhaduje věk, pohlaví a náladu.",
        "age_gender": "Kamera zde odhaduje věk a pohlaví.",
        "counted": "Kamera zde počítá osoby.",
        "kept": "Žádný snímek se neukládá ani neodesílá.",
    },
}
"""European Portuguese; every one in words that a passer-by knows."""

QUIET_ZONE = 4
"""Dots of empty border that readers of QR codes count on."""


def notice_message(settings: NoticeSettings, estimated: Collection[Attribute]) -> dict[str, Any]:
    """The notice as the screen's page is told it.

    Args:
        settings: of the notice.
        estimated: what is estimated of a face; the text says at least that much.
    """
    return {
        "show": settings.show,
        "texts": _texts(settings, estimated),
        "size": settings.size,
        "position": settings.position,
        "link": _as_read(settings.link) if settings.link else None,
        "qr": _qr_code(settings.link) if settings.qr and settings.link else None,
    }


def _texts(settings: NoticeSettings, estimated: Collection[Attribute]) -> list[dict[str, Any]]:
    own = settings.text.strip()
    if own:
        return [{"lang": "", "lines": own.splitlines()}]
    does: Kind = "counted"
    if estimated:
        does = "all" if "mood" in estimated else "age_gender"
    said = [(name, TEXTS[name]) for name in settings.languages]
    return [{"lang": name, "lines": [texts[does], texts["kept"]]} for name, texts in said]


def _as_read(link: str) -> str:
    """An address without what nobody types."""
    return link.removeprefix(f"{urlsplit(link).scheme}://").removesuffix("/")


def _qr_code(link: str) -> str:
    """A QR code as the address of a picture that holds itself."""
    code = segno.make(link, error="m", micro=False)
    return code.svg_data_uri(border=QUIET_ZONE, dark="#000", light="#fff", omitsize=True)
