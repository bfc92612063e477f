"""What mpv writes over what plays, as it is told to libass."""

from __future__ import annotations

import subprocess

import pytest

from kiosk.config import NoticeSettings
from kiosk.player.notices import TEXTS, notice_message
from kiosk.screen.mpv.words import (
    FONT,
    Size,
    escaped,
    identify_events,
    notice_events,
    notice_turns,
    qr_dots,
)

FULL_HD = Size(1920, 1080)


def measure(event: str) -> tuple[float, float]:
    """A letter is 18 pixels wide, whatever it is; a line 40 high."""
    lines = event.partition("}")[2].split("\\N")
    return 18.0 * max(map(len, lines)), 40.0 * len(lines)


def places(events: list[str]) -> list[tuple[float, float]]:
    return [
        tuple(float(n) for n in event.split("\\pos(")[1].split(")")[0].split(","))  # type: ignore[misc]
        for event in events
    ]


def notice(**settings) -> dict:
    return notice_message(NoticeSettings(**settings), ["age", "gender", "mood"])


def test_the_notice_says_what_the_director_says_in_both_languages():
    said = "\n".join(notice_events(notice(languages=["en", "de"]), FULL_HD, measure))
    assert "A camera here estimates age, gender and mood." in said
    assert "Es wird kein Bild gespeichert oder gesendet." in said


def test_more_than_two_languages_take_turns_in_a_box_of_one_size():
    told = notice(languages=["en", "de", "fr"])
    assert notice_turns(told) == 3
    turns = [notice_events(told, FULL_HD, measure, turn) for turn in range(3)]
    assert len({turn[0] for turn in turns}) == 1, "the box does not jump"
    assert len({turn[3] for turn in turns}) == 3


@pytest.mark.parametrize("position", ["bottom-right", "bottom-left", "top-right", "top-left"])
@pytest.mark.parametrize("size", [FULL_HD, Size(1080, 1920), Size(640, 360)])
def test_the_notice_is_all_of_it_inside_its_corner(position, size):
    told = notice(position=position, link="https://shop.example/privacy", qr=True)
    plate = notice_events(told, size, lambda _: (size.width * 0.4, 60))[0]
    (x, y), path = places([plate])[0], plate.split("\\p1}")[1].split()
    width, height = float(path[4]), float(path[7])
    assert 0 < x < x + width < size.width
    assert 0 < y < y + height < size.height
    assert (y < size.height / 2) == position.startswith("top")
    assert (x + width / 2 < size.width / 2) == position.endswith("left")


def test_a_notice_that_is_hidden_or_empty_is_not_drawn():
    assert notice_events(notice(show=False), FULL_HD, measure) == []
    assert notice_events({}, FULL_HD, measure) == []
    assert notice_events({"show": True, "texts": [None, {"lines": []}]}, FULL_HD, measure) == []


def test_an_own_text_is_text_whatever_is_in_it():
    events = notice_events(notice(text="{\\p9}m 0 0\\Nso"), FULL_HD, measure)
    assert not any("{\\p9}" in event or "\\Nso" in event for event in events)
    assert escaped("a\nb {x}") == "a b \\{x}"


def test_the_qr_code_is_dot_for_dot_that_of_the_page():
    segno = pytest.importorskip("segno")
    link = "https://shop.example/privacy"
    code = segno.make(link, error="m", micro=False)
    rows = ["".join(".#"[dot] for dot in row) for row in code.matrix_iter(border=4)]
    told = notice(link=link, qr=True)
    assert qr_dots(told["qr"]) == rows
    assert len(notice_events(told, FULL_HD, measure)) == 6


@pytest.mark.parametrize(
    "picture",
    [
        "",
        "data:image/png;base64,AAAA",
        "data:image/svg+xml;,<svg viewBox='0 0 9 9'><path class='qrline' d='M8 8.5h90'/></svg>",
        "data:image/svg+xml;,<svg viewBox='0 0 9 9'><path class='qrline' d='M99 99.5h1'/></svg>",
    ],
)
def test_a_picture_that_is_no_qr_code_gives_none(picture):
    assert qr_dots(picture) == []


def sizes_of(name: str) -> list[float]:
    events = identify_events(name, "1920 x 1080", FULL_HD, measure)
    words = [event for event in events if FONT in event]
    return [float(event.split(f"{FONT}\\fs")[1].split("\\")[0]) for event in words]


def test_a_long_name_is_made_to_fit():
    assert max(sizes_of("tenant/site/one")) > 100
    assert max(sizes_of(f"tenant/site/{'long' * 30}")) < 100


def test_the_font_has_every_letter_of_every_language():
    wanted = {ord(c) for one in TEXTS.values() for line in one.values() for c in line} - {0x20}
    listed = subprocess.run(
        ["fc-list", f":family={FONT}:style=Regular", "charset"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    if not listed:
        pytest.skip("fonts-liberation is not installed: `make setup` installs it")
    ranges = [
        tuple(int(end, 16) for end in part.split("-"))
        for part in listed.splitlines()[0].split("=")[1].split()
    ]
    has = {code for ends in ranges for code in range(ends[0], ends[-1] + 1)}
    assert wanted <= has, sorted(map(chr, wanted - has))
