"""What no channel may carry, whatever it is called: pictures, crops, embeddings.

The checkers of the channels know every field, so this is the second lock: it looks at raw bytes.

The smallest things to be found: a crop of 32x32 grey pixels (1,024 bytes) and an embedding of 128
numbers (128 bytes when quantised, 512 as floats). Whole and in one piece they are longer than
anything that is published: as base64 an embedding takes 171 characters or more. Entropy is not
used: below some hundred bytes it cannot tell a random name from a feature, and above that the
limits on length have already spoken.
"""

from __future__ import annotations

import re

SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WebP": rb"RIFF.{4}WEBP",
    "AVI": rb"RIFF.{4}AVI ",
    "BMP": rb"BM.{4}\0\0\0\0.{4}[\x0c\x28\x38\x40\x6c\x7c]\0\0\0",
    "TIFF": rb"II\x2a\0.{3}\0|MM\0\x2a\0.{3}",
    "JPEG XL": rb"\0\0\0\x0cJXL \r\n\x87\n|\A\xff\x0a",
    "AVIF, HEIF or MP4": rb"ftyp(?:avi[fs]|hei[cmsx]|he[vm][cmsx]|mif1|msf1|iso|mp4|M4V|qt  )",
    "JPEG 2000": rb"\0\0\0\x0cjP  \r\n\x87\n",
    "Matroska or WebM": rb"\x1a\x45\xdf\xa3",
    "netpbm": rb"\AP[1-7][\s#]",
    "NumPy": rb"\x93NUMPY",
    "a data URL": rb"data:[a-z]*/?[a-z0-9.+-]*[;,]",
    "JPEG in base64": rb"/9j/[24]",
    "PNG in base64": rb"iVBORw0KGgo",
    "GIF in base64": rb"R0lGODdh|R0lGODlh",
    "WebP in base64": rb"UklGR[a-zA-Z0-9+/]{9}RUJQ",
}
"""Raw pixels have no signature: they are found as bytes that are no text, by length."""

MOST_NUMBERS = 8
"""In a row. The longest list that is published is a viewer's box, with four; an embedding has 128
and a crop more, so that twice the box leaves a wide gap to both."""

MOST_UNBROKEN = 96
"""Characters without a space or sign. The longest name, address or token of ours has about 60;
these are 72 bytes of base64, fewer than any embedding."""

WINDOW, MOST_BINARY = 128, 40
"""Of so many bytes in a row, so many may be no text: the smallest embedding fills the window, and
about two thirds of any feature or picture are no text. Zeros are what SQLite leaves."""

_PICTURES = {name: re.compile(pattern, re.DOTALL) for name, pattern in SIGNATURES.items()}
_NUMBER = rb"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_ROW = b"){%d,}\\d" % MOST_NUMBERS
_NUMBERS = re.compile(rb"(?:" + _NUMBER + rb"[\]\[\s,;|()]+" + _ROW)
# In a page of SQLite, tabs and ends of lines are the types of small numbers.
_NUMBERS_IN_PAGES = re.compile(rb"(?:" + _NUMBER + rb"[\]\[ ,;|()]+" + _ROW)
_UNBROKEN = re.compile(rb"[A-Za-z0-9+/_=-]{" + b"%d" % (MOST_UNBROKEN + 1) + rb",}")
_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%[0-9A-Fa-f]{2}")
_TEXT = b"\0\t\n\r" + bytes(range(0x20, 0x7F))
_MARKS = bytes(byte not in _TEXT for byte in range(256))


def find_pictures(data: bytes) -> list[str]:
    """Signatures of pictures, films and arrays."""
    return [
        f"{name} at byte {found.start()}"
        for name, pattern in _PICTURES.items()
        if (found := pattern.search(data)) is not None
    ]


def find_features(data: bytes, *, binary: bool = True) -> list[str]:
    """Rows of numbers, runs of base64 or hexadecimal, and runs of bytes that are no text.

    Args:
        data: what was written.
        binary: whether bytes that are no text are looked for as well; not in a database's pages.
    """
    offences = []
    if found := (_NUMBERS if binary else _NUMBERS_IN_PAGES).search(data):
        offences.append(f"more than {MOST_NUMBERS} numbers in a row: {_shown(found)}")
    if found := _UNBROKEN.search(data):
        offences.append(f"more than {MOST_UNBROKEN} characters unbroken: {_shown(found)}")
    # Escaped, a byte is one mark again.
    plain = _ESCAPE.sub(b"\xff", data)
    if plain != data and (at := _binary(plain)) is not None:
        offences.append(f"escaped bytes: {plain[at : at + 24]!r}")
    if binary and (at := _binary(data)) is not None:
        offences.append(f"bytes that are no text: {data[at : at + 24]!r}")
    return offences


def _binary(data: bytes) -> int | None:
    marks = data.translate(_MARKS)
    for start in range(0, len(marks), WINDOW // 2):
        if marks.count(1, start, start + WINDOW) > MOST_BINARY:
            return start
    return None


def find_all(data: bytes) -> list[str]:
    """Everything that this module knows."""
    return find_pictures(data) + find_features(data)


def _shown(found: re.Match[bytes]) -> str:
    return repr(found[0][:40])
