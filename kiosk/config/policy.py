"""A configuration checked as a whole: a policy and what contradicts it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kiosk.config.notice import MAX_QR_LINK
from kiosk.config.privacy import POLICY_ESTIMATES
from kiosk.config.windows import covers_the_week

if TYPE_CHECKING:
    from kiosk.config import Settings

MAX_EU_EPSILON = 2.0
"""A pass changes the odds of what may be concluded by a factor of 7.4 at most."""

Where = tuple[str, ...]


def contradictions(settings: Settings) -> Iterator[tuple[Where, str]]:
    """Where one setting denies another: the key to blame, and a sentence."""
    yield from _of_the_policy(settings)
    yield from _of_moods(settings)
    yield from _of_the_notice(settings)
    yield from _of_the_hours(settings)


def _of_the_policy(settings: Settings) -> Iterator[tuple[Where, str]]:
    policy, allowed = settings.privacy.policy, POLICY_ESTIMATES[settings.privacy.policy]
    wanted = dict.fromkeys(settings.vision.attributes.estimate or ())
    denied = [attribute for attribute in wanted if attribute not in allowed]
    if denied:
        them = "it" if len(denied) == 1 else "them"
        yield (
            ("vision", "attributes", "estimate"),
            f"privacy.policy {policy} does not allow {_listed(denied)} to be estimated;"
            f" leave {them} out, or choose another policy",
        )
    if policy != "eu":
        return
    if settings.privacy.noise == "off":
        yield (
            ("privacy", "noise"),
            "privacy.policy eu publishes with noise only; leave it at discrete-laplace",
        )
    if settings.privacy.epsilon > MAX_EU_EPSILON:
        yield (
            ("privacy", "epsilon"),
            f"privacy.policy eu publishes with an epsilon of at most {MAX_EU_EPSILON:g};"
            " lower it, or choose another policy",
        )
    if not settings.player.notice.show:
        yield (
            ("player", "notice", "show"),
            "privacy.policy eu wants the notice on the screen; set it to true,"
            " or choose another policy",
        )


def _of_moods(settings: Settings) -> Iterator[tuple[Where, str]]:
    privacy = settings.privacy
    if not privacy.mood_table:
        return
    if "mood" not in (settings.seeing.attributes.estimate or ()):
        yield (
            ("privacy", "mood_table"),
            f"no mood is estimated under privacy.policy {privacy.policy} and"
            " vision.attributes.estimate, so there is none to publish; leave it empty",
        )
    elif privacy.shares.mood == 0 and privacy.shares.creative_mood == 0:
        yield (
            ("privacy", "mood_table"),
            "privacy.shares leaves no epsilon to moods; raise its mood, or set this to false",
        )


def _of_the_notice(settings: Settings) -> Iterator[tuple[Where, str]]:
    notice = settings.player.notice
    if notice.qr and notice.link is None:
        yield (
            ("player", "notice", "qr"),
            "there is nothing to put into the QR code; give player.notice.link, or set this to"
            " false",
        )
    if notice.qr and notice.link is not None and len(notice.link) > MAX_QR_LINK:
        yield (
            ("player", "notice", "link"),
            f"it has {len(notice.link)} signs, and a QR code that can be read from a step away"
            f" holds {MAX_QR_LINK}; shorten it, or set player.notice.qr to false",
        )


def _of_the_hours(settings: Settings) -> Iterator[tuple[Where, str]]:
    off, staff = settings.vision.off_hours, settings.audience.staff_hours
    if covers_the_week(off):
        yield ("vision", "off_hours"), "they cover the whole week, so nobody would ever be seen"
    elif covers_the_week(staff):
        yield (
            ("audience", "staff_hours"),
            "they cover the whole week, so nobody would ever be counted",
        )
    elif covers_the_week([*off, *staff]):
        yield (
            ("audience", "staff_hours"),
            "together with vision.off_hours they cover the whole week, so nobody would ever be"
            " counted",
        )


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
