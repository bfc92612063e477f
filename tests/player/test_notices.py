"""What the notice says, by language and by what is estimated."""

from __future__ import annotations

from typing import get_args

import pytest

from kiosk.config import Language, NoticeSettings
from kiosk.player.notices import notice_message

EVERY = list(get_args(Language))
MOOD_WORDS = {
    "en": "mood", "de": "Stimmung", "fr": "humeur", "es": "ánimo", "it": "umore", "nl": "stemming",
    "pl": "nastrój", "pt": "espírito", "sv": "sinnesstämning", "da": "humør", "cs": "nálad",
}  # fmt: skip
GENDER_WORDS = {
    "en": "gender", "de": "Geschlecht", "fr": "genre", "es": "género", "it": "genere",
    "nl": "geslacht", "pl": "płeć", "pt": "género", "sv": "kön", "da": "køn", "cs": "pohlaví",
}  # fmt: skip


def said(*estimated: str, **settings) -> list[dict]:
    return notice_message(NoticeSettings(**settings), estimated)["texts"]


@pytest.mark.parametrize("language", EVERY)
@pytest.mark.parametrize(
    ("estimated", "gender", "mood"),
    [
        pytest.param(("age", "gender", "mood"), True, True, id="full"),
        pytest.param(("age", "gender"), True, False, id="eu"),
        pytest.param((), False, False, id="count-only"),
        pytest.param(("age",), True, False, id="less than eu: it says rather more than less"),
        pytest.param(("mood",), True, True, id="less than full"),
    ],
)
def test_it_says_what_is_estimated_and_that_nothing_is_kept(language, estimated, gender, mood):
    ((tag, lines),) = [
        (one["lang"], one["lines"]) for one in said(*estimated, languages=[language])
    ]
    does, kept = lines
    assert tag == language
    assert (GENDER_WORDS[language] in does) == gender
    assert (MOOD_WORDS[language] in does) == mood
    assert all(line.endswith(".") and len(line) < 70 for line in lines)
    assert kept == said(languages=[language])[0]["lines"][1], "the same, whatever is estimated"


def test_no_two_languages_or_policies_say_the_same():
    lines = [
        line
        for estimated in (("age", "gender", "mood"), ("age", "gender"), ())
        for one in said(*estimated, languages=EVERY)
        for line in one["lines"][:1]
    ]
    assert len(set(lines)) == len(lines) == 3 * len(EVERY)


def test_languages_stand_in_the_order_that_was_asked_for():
    assert [one["lang"] for one in said("age", languages=["pl", "de", "en"])] == ["pl", "de", "en"]


@pytest.mark.parametrize("own", ["We count.", " We count. \n"])
def test_own_words_stand_alone_and_in_no_language_that_we_know(own):
    assert said("age", text=own, languages=["de", "en"]) == [{"lang": "", "lines": ["We count."]}]


def test_own_words_keep_their_lines_and_empty_ones_are_none():
    assert said("age", text="We count.\nAsk us.")[0]["lines"] == ["We count.", "Ask us."]
    assert said("age", text=" \n ") == said("age")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://shop.example/privacy", "shop.example/privacy"),
        ("http://shop.example/", "shop.example"),
        ("https://shop.example:8443/p?l=de#q", "shop.example:8443/p?l=de#q"),
        (None, None),
    ],
)
def test_a_link_is_shown_as_people_type_it(link, shown):
    message = notice_message(NoticeSettings(link=link), ())
    assert (message["link"], message["qr"]) == (shown, None)


def test_a_qr_code_is_a_picture_that_holds_itself():
    message = notice_message(NoticeSettings(link="https://shop.example/privacy", qr=True), ())
    assert message["qr"].startswith("data:image/svg+xml")
    assert "http" not in message["qr"].replace("http%3A%2F%2Fwww.w3.org", "")
