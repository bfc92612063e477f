"""Films that no screen's decoder takes: refused by their headers, whatever else is in the file."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kiosk.ads import load_campaign, medium_fault
from kiosk.errors import CampaignError
from tests.ads.written import campaign, folder, run, told

__all__ = ["folder"]

HUGE = (16384, 16384)
WIDTH, HEIGHT = 320, 180


def fault(path: Path) -> str | None:
    return medium_fault(path, path.name, "video")


def box(kind: bytes, content: bytes, *, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, kind, len(content) + 16) + content
    return struct.pack(">I4s", len(content) + 8, kind) + content


def track(width: int, height: int, kind: bytes = b"vide", *, wide: bool = False) -> bytes:
    entry = box(b"avc1", bytes(24) + struct.pack(">HH", width, height) + bytes(50))
    table = box(b"stsd", struct.pack(">II", 0, 1) + entry)
    handler = box(b"hdlr", bytes(8) + kind + bytes(13))
    information = box(b"minf", box(b"vmhd", bytes(12)) + box(b"stbl", table))
    media = box(b"mdia", box(b"mdhd", bytes(24)) + handler + information, wide=wide)
    return box(b"trak", box(b"tkhd", bytes(84)) + media)


def mp4(*tracks: bytes, before: bytes = b"") -> bytes:
    movie = box(b"moov", box(b"mvhd", bytes(100)) + b"".join(tracks))
    return box(b"ftyp", b"isom\0\0\2\0isom") + before + movie


def element(name: str, content: bytes, size: bytes | None = None) -> bytes:
    size = size or struct.pack(">Q", len(content) | 1 << 56)
    return bytes.fromhex(name) + size + content


def webm(*sizes: tuple[int, int], before: bytes = b"", segment: bytes | None = None) -> bytes:
    tracks = b"".join(
        element(
            "AE",
            element("D7", struct.pack(">I", number))
            + element("83", b"\1")
            + element(
                "E0", element("B0", struct.pack(">H", w)) + element("BA", struct.pack(">I", h))
            ),
        )
        for number, (w, h) in enumerate(sizes, 1)
    )
    inside = before + element("1549A966", bytes(30)) + element("1654AE6B", tracks)
    return element("1A45DFA3", element("4282", b"webm")) + element("18538067", inside, segment)


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (1920, 1080),
        (3840, 2160),
        (4096, 2160),
        (7680, 4320),
        (8192, 4320),
        (8192, 4352),
        (5760, 5760),
    ],
)
@pytest.mark.parametrize("upright", [False, True])
def test_what_a_decoder_takes_is_let_through_up_to_8k(tmp_path, width, height, upright):
    size = (height, width) if upright else (width, height)
    for name, content in (("a.mp4", mp4(track(*size))), ("a.webm", webm(size))):
        (tmp_path / name).write_bytes(content)
        assert fault(tmp_path / name) is None


@pytest.mark.parametrize(
    "size", [HUGE, (8192, 8192), (8192, 4353), (8193, 16), (16, 8193), (65535, 65535)]
)
def test_what_none_takes_is_refused_with_its_size_and_what_to_do(tmp_path, size):
    for name, content in (("a.mp4", mp4(track(*size))), ("a.webm", webm(size))):
        (tmp_path / name).write_bytes(content)
        assert fault(tmp_path / name) == (
            f"{name}: has {size[0]} x {size[1]} pixels; 8192 on a side, and in all as many as"
            " 8192 x 4352 (8K), are the most that a screen's decoder takes, make it smaller"
        )


def test_check_and_whoever_loads_it_tell_file_line_and_key(folder):
    (folder / "wall.webm").write_bytes(webm(HUGE))
    path = campaign(folder, [], ["id: wall"])
    text = path.read_text().replace(
        "kind: image, file: tea.svg, duration_s: 10, id: wall",
        "kind: video, file: wall.webm, duration_s: 10, id: wall",
    )
    path.write_text(text)
    assert [line.split(";")[0] for line in told(path)] == [
        "error 7 creatives[1].file: wall.webm: has 16384 x 16384 pixels"
    ]
    result = run(str(path))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {path}:7: creatives[1].file: wall.webm: has 16384 x 16384")
    with pytest.raises(CampaignError, match=r"c\.yaml:7: creatives\[1\]\.file: wall\.webm: has"):
        load_campaign(path)


MADE = {
    "mp4": ("mp4", "mpeg4", {}),
    "mp4, header first": ("mp4", "mpeg4", {"movflags": "faststart"}),
    "mp4 in pieces": ("mp4", "mpeg4", {"movflags": "frag_keyframe+empty_moov"}),
    "webm": ("webm", "libvpx", {}),
    "webm, as it is sent live": ("webm", "libvpx", {"live": "1"}),
}


def film(path: Path, form: str, codec: str, options: dict[str, str], frames: int = 5) -> Path:
    with av.open(str(path), "w", format=form, container_options=options) as container:
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.start_encoding()
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        if frames:
            container.mux(stream.encode(None))
    return path


def enlarged(content: bytes, form: str) -> bytes:
    """The same film, of which the header says that it is huge."""
    if form == "mp4":
        before, after = struct.pack(">HH", WIDTH, HEIGHT), struct.pack(">HH", *HUGE)
    else:
        before = b"\xb0\x82" + struct.pack(">H", WIDTH) + b"\xba\x81" + bytes([HEIGHT])
        after = b"\xb0\x82" + struct.pack(">H", HUGE[0]) + b"\xba\x81" + bytes([255])
    assert content.count(before) == 1
    return content.replace(before, after)


@pytest.mark.parametrize("how", MADE)
def test_a_film_without_frames_has_nothing_too_large(tmp_path, how):
    form, codec, options = MADE[how]
    assert fault(film(tmp_path / f"a.{form}", form, codec, options, frames=0)) is None


@pytest.mark.parametrize("how", MADE)
def test_a_film_as_encoders_write_it_is_read(tmp_path, how):
    form, codec, options = MADE[how]
    path = film(tmp_path / f"a.{form}", form, codec, options)
    assert fault(path) is None
    path.write_bytes(enlarged(path.read_bytes(), form))
    assert "has 16384 x" in str(fault(path))


@pytest.mark.parametrize(
    "content",
    [
        mp4(track(640, 360), track(*HUGE)),
        mp4(track(640, 360, b"soun"), track(*HUGE, wide=True)),
        mp4(track(*HUGE), before=box(b"mdat", bytes(999), wide=True)),
        mp4(track(*HUGE)) + box(b"moov", b""),
        webm((640, 360), HUGE),
        webm(HUGE, before=element("1F43B675", bytes(999)) * 9),
        webm(HUGE, segment=b"\xff"),
        webm(HUGE, segment=b"\x01" + b"\xff" * 7),
        webm(HUGE, before=element("EC", bytes(99))) + bytes(9),
    ],
    ids=[
        "second track",
        "beside sound, in boxes of 64 bits",
        "header behind the frames",
        "two headers",
        "second track of a webm",
        "behind its frames",
        "of unknown length",
        "of unknown length in 8 bytes",
        "behind a gap",
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_wherever_the_header_stands_and_whatever_the_file_is_called(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "has 16384 x 16384 pixels" in str(fault(tmp_path / name))


def test_what_is_no_picture_is_not_taken_for_one(tmp_path):
    for content in (mp4(track(*HUGE, b"soun")), box(b"free", mp4(track(*HUGE))), webm()):
        (tmp_path / "a.mp4").write_bytes(content)
        assert fault(tmp_path / "a.mp4") is None


GOOD = [mp4(track(*HUGE)), webm(HUGE)]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(GOOD),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=9)), max_size=4),
    st.integers(1, 600),
)
@example(b"\x1a\x45\xdf\xa3", [], 600)
@example(b"\x1a\x45\xdf\xa3\x00" + bytes(40), [], 600)
@example(b"\0\0\0\1moov" + b"\xff" * 8, [], 600)
@example(b"\0\0\0\1moov" + bytes(8), [], 600)
@example(b"\0\0\0\7moov" + bytes(8), [], 600)
def test_a_broken_header_is_none_or_a_sentence_and_never_an_error(
    tmp_path_factory, content, changes, length
):
    broken = bytearray(content)
    for place, new in changes:
        broken[place : place + len(new)] = new
    path = tmp_path_factory.getbasetemp() / "broken.mp4"
    path.write_bytes(broken[:length] or b"x")
    said = fault(path)
    assert said is None or said.endswith("make it smaller")


def read_by(work) -> int:
    """How many bytes this process has the system read for it meanwhile."""

    def so_far() -> int:
        return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])

    idle = -so_far() + so_far()
    before = so_far()
    work()
    return so_far() - before - idle


@pytest.mark.parametrize("end", [True, False], ids=["header at the end", "no header"])
def test_of_a_film_of_4_gb_only_some_bytes_are_read(tmp_path, end):
    path = tmp_path / "long.mp4"
    with path.open("wb") as file:
        file.write(struct.pack(">I4sQ", 1, b"mdat", 4 * 10**9))
        file.truncate(4 * 10**9)
        file.seek(0, os.SEEK_END)
        file.write(mp4(track(*HUGE)) if end else b"")
    assert read_by(lambda: fault(path)) < 2000
    assert (fault(path) is not None) == end


@pytest.mark.parametrize(
    "content",
    [
        box(b"free", b"") * 500_000,
        mp4(box(b"trak", b"") * 500_000),
        mp4(box(b"trak", box(b"mdia", b"")) * 250_000),
        webm(before=element("EC", b"") * 500_000),
        webm(*[(16, 16)] * 50_000),
    ],
    ids=["boxes", "tracks", "tracks with media", "gaps", "tracks of a webm"],
)
def test_a_header_without_end_is_given_up(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    assert fault(tmp_path / "a.mp4") is None
    assert read_by(lambda: fault(tmp_path / "a.mp4")) < 80_000


def test_an_element_that_its_parent_s_end_cuts_has_nothing_read_for_it(tmp_path):
    path = tmp_path / "a.webm"
    video = bytes.fromhex("E0 81 B0 84")
    inside = element("1654AE6B", element("AE", video))
    path.write_bytes(element("1A45DFA3", b"") + element("18538067", inside, b"\xff"))
    os.truncate(path, 10**8)
    assert fault(path) is None
    assert read_by(lambda: fault(path)) < 2000
