"""What mpv writes over what plays: the notice, and which screen this is, as ASS events.

Advanced SubStation Alpha as libass draws it; a script's units are the window's pixels. Sizes,
colours and places are those of the page (kiosk/player/static/screen.css). Every language of the
notice is written with Latin letters and their accents, which Liberation Sans has; for an own text
in another script libass asks fontconfig for a font that has it (fonts-noto-core on a device).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

FONT = "Liberation Sans"

CELL_PER_EM = 1.117
"""libass sizes a font by its cell (ascent and descent); of this font, so many em."""

WRAP_CHARS = 50
"""26 em, as on the page: a letter is a bit over half an em wide."""

NOTICE_VMIN = {"small": (2.1, 14), "medium": (3.0, 16), "large": (4.0, 18)}
"""Height of an em in hundredths of the screen's shorter side, and the least in pixels."""

POSITIONS = ("bottom-right", "bottom-left", "top-right", "top-left")
MARGIN_VMIN = 2.4
WIDEST = 0.92
"""Of the screen's width."""

TOGETHER = 2
"""Languages that are read at a glance; of more, each stands in turn."""

WHITE, PLATE, BLACK, GOLD, NIGHT = "FFFFFF", "10161C", "000000", "FFD166", "0A0E13"
PLATE_ALPHA = 0x0F

CAMERA = "m 3 8 l 7 6 9 4 15 4 17 6 21 8 21 18 3 18"
LENS = "m 12 8.7 b 16.8 8.7 16.8 15.9 12 15.9 b 7.2 15.9 7.2 8.7 12 8.7"
ICON = 24

Place = tuple[float, float]
"""Of a top left corner, in pixels."""

Measure = Callable[[str], tuple[float, float]]
"""Width and height in pixels of an event as drawn."""


@dataclass(frozen=True)
class Size:
    """Of the window, in pixels."""

    width: int
    height: int

    def vmin(self, hundredths: float) -> float:
        """A share of the shorter side."""
        return min(self.width, self.height) * hundredths / 100


NO_SIZE = Size(0, 0)
"""There is no window yet."""


def escaped(text: str) -> str:
    """Text as itself, whatever is in it: neither a tag nor a line break of ASS."""
    one_line = " ".join(text.split())
    # A word joiner: what follows a lone backslash is then no tag.
    return one_line.replace("\\", "\\\N{WORD JOINER}").replace("{", "\\{")


def style(em: float, colour: str = WHITE, align: int = 7, *, bold: bool = False) -> str:
    """Tags that begin a text; aligned as on a keypad, 7 is by the top left corner."""
    return (
        f"\\an{align}\\q2\\bord0\\shad0\\blur0\\fn{FONT}\\fs{em * CELL_PER_EM:.1f}"
        f"\\b{int(bold)}\\1c&H{_bgr(colour)}&\\1a&H00&"
    )


def text_at(x: float, y: float, tags: str, text: str) -> str:
    """A text at a place."""
    return f"{{\\pos({x:.0f},{y:.0f}){tags}}}{text}"


def plate(at: Place, width: float, height: float, colour: str, alpha: int = 0) -> str:
    """A filled rectangle."""
    w, h = round(width), round(height)
    return shape(at, f"m 0 0 l {w} 0 {w} {h} 0 {h}", colour, alpha)


def shape(at: Place, path: str, colour: str, alpha: int = 0, scale: float = 1.0) -> str:
    """A filled drawing."""
    place = f"\\pos({at[0]:.0f},{at[1]:.0f})\\an7\\bord0\\shad0\\blur0"
    fill = f"\\1c&H{_bgr(colour)}&\\1a&H{alpha:02X}&"
    per_cent = f"\\fscx{100 * scale:.1f}\\fscy{100 * scale:.1f}"
    return f"{{{place}{fill}{per_cent}\\p1}}{path}{{\\p0}}"


def _bgr(colour: str) -> str:
    return colour[4:] + colour[2:4] + colour[:2]


# ------------------------------------------------------------ the notice


def notice_turns(notice: dict[str, Any]) -> int:
    """In how many turns its languages are shown."""
    count = len(_texts(notice))
    return count if count > TOGETHER else 1


def notice_events(notice: dict[str, Any], size: Size, measure: Measure, turn: int = 0) -> list[str]:
    """What stands on the screen; nothing when there is no notice.

    Args:
        notice: as the director says it.
        size: of the window.
        measure: how large a text is drawn.
        turn: which language, when they take turns.
    """
    texts = _texts(notice)
    if not notice.get("show") or not texts:
        return []
    vmin, least = NOTICE_VMIN.get(str(notice.get("size")), NOTICE_VMIN["medium"])
    em = max(size.vmin(vmin), least)
    link = escaped(str(notice.get("link") or ""))
    dots = qr_dots(str(notice.get("qr") or ""))
    box = _laid_out(texts, link, len(dots), em, measure)
    if box.width > size.width * WIDEST:
        box = _laid_out(texts, link, len(dots), em * size.width * WIDEST / box.width, measure)
    return box.events(str(notice.get("position")), size, turn, dots)


def _texts(notice: dict[str, Any]) -> list[list[str]]:
    given = notice.get("texts")
    lines = [one.get("lines") for one in given if isinstance(one, dict)] if given else []
    return [[str(line) for line in each] for each in lines if isinstance(each, list) and each]


@dataclass(frozen=True)
class _Box:
    """The notice at the size of an em; all turns take up the room of the largest."""

    em: float
    turns: tuple[str, ...]
    text_width: float
    text_height: float
    dot: int
    code: int

    @property
    def width(self) -> float:
        gap = 0.65 * self.em
        return (
            self.em * (0.85 + 1.45 + 1.0) + gap + self.text_width + (self.code and gap + self.code)
        )

    @property
    def height(self) -> float:
        return max(self.text_height, self.code) + 1.2 * self.em

    def events(self, position: str, size: Size, turn: int, dots: Sequence[str]) -> list[str]:
        position = position if position in POSITIONS else POSITIONS[0]
        margin = size.vmin(MARGIN_VMIN)
        x = margin if position.endswith("left") else size.width - margin - self.width
        y = margin if position.startswith("top") else size.height - margin - self.height
        middle, icon = y + self.height / 2, 1.45 * self.em
        left = x + 0.85 * self.em
        words = left + icon + 0.65 * self.em
        said = self.turns[turn % len(self.turns)]
        drawn = [
            plate((x, y), self.width, self.height, PLATE, PLATE_ALPHA),
            shape((left, middle - icon / 2), CAMERA, WHITE, scale=icon / ICON),
            shape((left, middle - icon / 2), LENS, PLATE, scale=icon / ICON),
            text_at(words, middle, style(self.em, align=4), said),
        ]
        if self.code:
            at = (words + self.text_width + 0.65 * self.em, middle - self.code / 2)
            drawn.append(plate(at, self.code, self.code, WHITE))
            drawn.append(shape(at, _squares(dots, self.dot), BLACK))
        return drawn


def _laid_out(
    texts: Sequence[Sequence[str]], link: str, dots: int, em: float, measure: Measure
) -> _Box:
    spoken = [_wrapped(lines) for lines in texts]
    gap = f"\\N{{\\fs{em * 0.45:.1f}}} \\N{{\\fs{em * CELL_PER_EM:.1f}}}"
    turns = spoken if len(spoken) > TOGETHER else [gap.join(spoken)]
    if link:
        turns = [f"{turn}\\N{{\\b1}}{link}{{\\b0}}" for turn in turns]
    sizes = [measure(text_at(0, 0, style(em), turn)) for turn in turns]
    dot = max(1, round(5.8 * em / dots)) if dots else 0
    return _Box(
        em,
        tuple(turns),
        max(width for width, _ in sizes),
        max(height for _, height in sizes),
        dot,
        dot * dots,
    )


def _wrapped(lines: Sequence[str]) -> str:
    short = (part for line in lines for part in textwrap.wrap(line, WRAP_CHARS) or [""])
    return "\\N".join(escaped(part) for part in short)


# ------------------------------------------------------------ the QR code


def qr_dots(picture: str) -> list[str]:
    """Rows of a QR code, ``#`` for a dark dot, of the SVG picture that the director sends.

    It is drawn by one path of horizontal runs in units of a dot (segno, ISO/IEC 18004). What is
    anything else gives no code: the link stands beside it as text.
    """
    svg = unquote(picture)
    box = re.search(r"viewBox='0 0 (\d{1,3}) \1'", svg)
    path = re.search(r" class='qrline'[^>]* d='([Mmh0-9. -]*)'", svg)
    if not svg.startswith("data:image/svg+xml") or box is None or path is None:
        return []
    side = int(box[1])
    rows = [["."] * side for _ in range(side)]
    x = y = 0.0
    try:
        for command, numbers in re.findall(r"([Mmh])([^Mmh]*)", path[1]):
            values = [float(number) for number in re.findall(r"-?\d*\.?\d+", numbers)]
            if command == "h":
                rows[int(y)][int(x) : int(x + values[0])] = "#" * int(values[0])
                x += values[0]
            else:
                x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    except IndexError:
        return []
    return ["".join(row) for row in rows] if {len(row) for row in rows} == {side} else []


def _squares(dots: Sequence[str], dot: int) -> str:
    path = []
    for y, row in enumerate(dots):
        for run in re.finditer("#+", row):
            x0, x1, y0, y1 = run.start() * dot, run.end() * dot, y * dot, (y + 1) * dot
            path.append(f"m {x0} {y0} l {x1} {y0} {x1} {y1} {x0} {y1}")
    return " ".join(path)


# ------------------------------------------------------------ signs


def identify_events(name: str, detail: str, size: Size, measure: Measure) -> list[str]:
    """Which screen this is, on a plate in the middle.

    Args:
        name: of the device, with its site and tenant before it.
        detail: what else helps.
        size: of the window.
        measure: how large a text is drawn.
    """
    *place, last = name.split("/")
    big, small = min(size.vmin(10), size.width * 0.11), size.vmin(3.8)
    lines = [(small, " / ".join(place), False), (big, last or "?", True), (small, detail, False)]
    return _sign(lines, size, measure, framed=True)


def aim_events(page_url: str, size: Size, measure: Measure) -> list[str]:
    """That the camera is being aimed, which only a browser shows; over all of the screen."""
    lines = [
        (size.vmin(6), "The camera is being aimed", True),
        (size.vmin(3), "This screen is drawn by mpv, which cannot show the aiming page.", False),
        (size.vmin(3), f"Look at {page_url} in a browser on this device.", False),
    ]
    ground = plate((0, 0), size.width, size.height, NIGHT)
    return [ground, *_sign(lines, size, measure, framed=False)]


def card_events(size: Size, measure: Measure) -> list[str]:
    """The words on the card."""
    lines = [(size.vmin(13), "Welcome", True), (size.vmin(3.1), "Come in, take your time.", False)]
    return _sign(lines, size, measure, framed=False)


def _sign(
    lines: Sequence[tuple[float, str, bool]], size: Size, measure: Measure, *, framed: bool
) -> list[str]:
    """Lines of several sizes below each other, in the middle; smaller where they would not fit."""
    shown = [(em, escaped(text), bold) for em, text, bold in lines if text]
    gap = size.vmin(1.6)
    room = size.width * 0.88 - size.vmin(12)
    drawn = []
    for em, text, bold in shown:
        width, _ = measure(text_at(0, 0, style(em, bold=bold), text))
        fits = em * min(1.0, room / width) if width else em
        drawn.append((fits, text, bold, min(width, room)))
    height = sum(em * CELL_PER_EM for em, *_ in drawn) + gap * (len(drawn) - 1)
    y, events = (size.height - height) / 2, []
    if framed:
        width = max((width for *_, width in drawn), default=0.0) + size.vmin(12)
        events += _frame(width, height + size.vmin(9), size)
    for em, text, bold, _ in drawn:
        events.append(text_at(size.width / 2, y, style(em, align=8, bold=bold), text))
        y += em * CELL_PER_EM + gap
    return events


def _frame(width: float, height: float, size: Size) -> list[str]:
    x, y = (size.width - width) / 2, (size.height - height) / 2
    edge = size.vmin(1)
    return [
        plate((x - edge, y - edge), width + 2 * edge, height + 2 * edge, GOLD),
        plate((x, y), width, height, NIGHT),
    ]
