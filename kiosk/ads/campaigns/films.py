"""The size of a film's pictures by its header: MP4 (ISO/IEC 14496-12) and WebM (RFC 9559).

Only what leads there is read, some bytes at a time. Nothing is decoded: a decoder that is given
what it cannot hold takes its whole process with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

MOST_READS = 4096
"""Of one file: a film that still has not said its size by then does so in no place of its own."""

BOX_HEAD = 8
"""Bytes of a box's length and name, the length that is written when it has 64 bits not counted."""

HANDLER_AT = 8
"""Where in a ``hdlr`` box the track's kind stands, after version, flags and a reserved word."""

ENTRIES_AT = 8
"""Where in a ``stsd`` box its entries begin, after version, flags and their number."""

PICTURE_AT = 24
"""Where in a sample entry of pictures the width stands, and the height behind it: 16 bits each."""

EBML, SEGMENT, TRACKS, TRACK, VIDEO = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE, 0xE0
PIXEL_WIDTH, PIXEL_HEIGHT = 0xB0, 0xBA
"""Names of Matroska's elements (RFC 9559, section 5.1), with the bits that tell their lengths."""


@dataclass(frozen=True)
class _Part:
    """A box or an element: where its content lies in the file, never beyond what holds it."""

    kind: bytes
    begin: int
    end: int


_Parts = Callable[[_Part], Iterator[_Part]]


class _Film:
    """A file that is read a few bytes at a time, and not for ever."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MOST_READS
        self.whole = _Part(b"", 0, file.seek(0, SEEK_END))

    def read(self, place: int, count: int) -> bytes:
        """Fewer bytes than asked for, or none, where there are no more."""
        self._left -= 1
        if self._left < 0:
            return b""
        self._file.seek(place)
        return self._file.read(count)

    def boxes(self, part: _Part) -> Iterator[_Part]:
        begin = part.begin
        while begin + BOX_HEAD <= part.end:
            head = self.read(begin, 2 * BOX_HEAD)
            length, inside = int.from_bytes(head[:4], "big"), begin + BOX_HEAD
            if length == 1:
                length, inside = int.from_bytes(head[8:], "big"), begin + 2 * BOX_HEAD
            elif length == 0:
                length = part.end - begin
            end = begin + length
            if len(head) < BOX_HEAD or end < inside:
                return
            yield _Part(head[4:8], inside, min(end, part.end))
            begin = end

    def elements(self, part: _Part) -> Iterator[_Part]:
        begin = part.begin
        while begin < part.end:
            head = self.read(begin, 12)
            named = _width(head)
            sized = _width(head[named:])
            if not (0 < named <= 4 and 0 < sized <= 8) or len(head) < named + sized:
                return
            unknown = (1 << 7 * sized) - 1
            length = int.from_bytes(head[named : named + sized], "big") & unknown
            inside = begin + named + sized
            if inside > part.end:
                return
            end = part.end if length == unknown else inside + length
            yield _Part(head[:named], inside, min(end, part.end))
            begin = end


def sizes_of(file: BinaryIO) -> list[tuple[int, int]]:
    """Width and height in pixels of each track of pictures; none when the header does not tell.

    Args:
        file: open for reading, best without a buffer of its own: most of it is jumped over.

    Raises:
        OSError: it cannot be read.
    """
    film = _Film(file)
    if film.read(0, 4) == _name(EBML):
        return list(_in_matroska(film))
    return list(_in_mp4(film))


def _in_mp4(film: _Film) -> Iterator[tuple[int, int]]:
    movie = next(_within(film.boxes, film.whole, b"moov"), None)
    if movie is None:
        return
    for track in _within(film.boxes, movie, b"trak"):
        handlers = _within(film.boxes, track, b"mdia", b"hdlr")
        if all(film.read(one.begin + HANDLER_AT, 4) != b"vide" for one in handlers):
            continue
        for table in _within(film.boxes, track, b"mdia", b"minf", b"stbl", b"stsd"):
            for entry in film.boxes(_Part(table.kind, table.begin + ENTRIES_AT, table.end)):
                said = film.read(entry.begin + PICTURE_AT, 4)
                yield int.from_bytes(said[:2], "big"), int.from_bytes(said[2:], "big")


def _in_matroska(film: _Film) -> Iterator[tuple[int, int]]:
    tracks = next(_within(film.elements, film.whole, _name(SEGMENT), _name(TRACKS)), None)
    if tracks is None:
        return
    for video in _within(film.elements, tracks, _name(TRACK), _name(VIDEO)):
        said = {
            one.kind: int.from_bytes(film.read(one.begin, min(8, one.end - one.begin)), "big")
            for one in film.elements(video)
        }
        yield said.get(_name(PIXEL_WIDTH), 0), said.get(_name(PIXEL_HEIGHT), 0)


def _within(parts: _Parts, outer: _Part, first: bytes, *more: bytes) -> Iterator[_Part]:
    """Parts by the names of those that they lie in, from the outside to the inside."""
    for one in parts(outer):
        if one.kind == first:
            if more:
                yield from _within(parts, one, *more)
            else:
                yield one


def _width(head: bytes) -> int:
    """Bytes of the number that begins there (RFC 8794, section 4); 0 and 9: it is none."""
    return 9 - head[0].bit_length() if head else 0


def _name(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
