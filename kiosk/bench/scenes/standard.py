"""The scenes that figures are taken on: fixed seeds, from easy to hard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiosk.bench.scenes.scene import Actor, Kind, Light, Pillar, Scene, Turn, Waypoint
from kiosk.bench.scenes.sources import FILM, STILLS

HD, FULL_HD, SMALL = (1280, 720), (1920, 1080), (640, 360)
AWAY_DEG = 50.0
"""How far somebody looks away: as far as a head that was photographed from the front can turn."""

TURN_S = 0.4
"""How long a head takes to turn."""

CLOTHES_BGR = (
    (92, 64, 52), (48, 58, 130), (60, 104, 58), (140, 132, 126), (40, 40, 44), (124, 84, 132),
    (52, 132, 160), (168, 120, 72),
)  # fmt: skip
CAST = (*(still.name for still in STILLS), FILM)
CROWD_FACES_PX = (84, 112, 190)
"""Faces at 720 lines: behind, in front, and where there is one rank only."""

ONE_RANK = 4
"""People who fit beside each other with large faces."""

Track = tuple[tuple[float, float, float, float], ...]
"""Rows of seconds, x, y and face width in pixels."""

Looks = tuple[tuple[float, float], ...]
"""From when on a head is turned how far: seconds, degrees."""


def standard_scenes() -> tuple[Scene, ...]:
    """Every scene that tracking and counting are measured on; names are unique."""
    return (*_alone(), *_together(), *_hidden(), *_pictures(), *_light_and_lens())


def still_crowd(faces: int, size_px: tuple[int, int] = HD, seconds: float = 4.0) -> Scene:
    """People who stand before the screen, look at it and hardly move.

    Args:
        faces: how many, 0 to 10; all of them fully in view.
        size_px: width and height of the frame.
        seconds: duration.
    """
    width, height = size_px
    unit = height / HD[1]
    random = np.random.default_rng([faces, 3])
    far_px, near_px, alone_px = CROWD_FACES_PX
    if faces <= ONE_RANK:
        ranks = [(faces, alone_px, 0.46, 0.0)]
    else:
        # The farther people stand in the gaps, higher in the picture.
        ranks = [(faces // 2, far_px, 0.22, 0.5), (faces - faces // 2, near_px, 0.50, 0.0)]
    actors: list[Actor] = []
    for count, face, level, gap in ranks:
        for place in range(count):
            x = width * (place + 0.5 + 0.9 * gap) / (count + 0.9 * gap)
            y = height * level + unit * float(random.uniform(-12, 12))
            px = unit * face * float(random.uniform(0.95, 1.05))
            actors.append(_person(len(actors), ((0, x, y, px), (seconds, x, y, px))))
    return Scene(f"crowd-{faces}-{height}", size_px, 25, seconds, 100 + faces, tuple(actors))


def _person(number: int, track: Track, looks: Looks = ((0, 0),), portrait: str = "") -> Actor:
    """The n-th person of a scene; every eight of them start again, mirrored."""
    turns: list[Turn] = []
    for at, yaw in looks:
        if turns:
            turns.append(Turn(at, turns[-1].yaw_deg))
        turns.append(Turn(at + (TURN_S if turns else 0), yaw))
    return Actor(
        name=f"person-{number + 1}",
        kind=Kind.PERSON,
        portrait=portrait or CAST[(3 * number + 1) % len(CAST)],
        path=tuple(Waypoint(*row) for row in track),
        turns=tuple(turns),
        mirrored=number // len(CAST) % 2 == 1,
        clothes_bgr=CLOTHES_BGR[number % len(CLOTHES_BGR)],
    )


def _picture(
    kind: Kind, portrait: str, at_px: tuple[float, float], face: float, seconds: float
) -> Actor:
    path = (Waypoint(0, *at_px, face), Waypoint(seconds, *at_px, face))
    return Actor(f"{kind.value}-{portrait}", kind, portrait, path)


def _across(
    size_px: tuple[int, int],
    y: float,
    face: float,
    start_s: float,
    end_s: float,
    *,
    to_left: bool = False,
) -> Track:
    """Through the whole picture, from outside to outside."""
    ends = [-0.7 * face, size_px[0] + 0.7 * face]
    if to_left:
        ends.reverse()
    return ((start_s, ends[0], y, face), (end_s, ends[1], y, face))


def _alone() -> tuple[Scene, ...]:
    """One person: straight, stop and go, approach, a turn back, glances, far, near, slow camera."""
    right, left = AWAY_DEG, -AWAY_DEG
    stop = ((0, -80, 300, 110), (2.5, 640, 300, 110), (7.5, 640, 300, 110), (10, 1360, 300, 110))
    approach = ((0, 420, 330, 42), (4, 600, 300, 170), (8, 600, 300, 170), (10.5, 1400, 300, 190))
    back = ((0, 1350, 280, 90), (3, 560, 280, 100), (5, 560, 280, 100), (8, 1350, 280, 90))
    stands = ((0, 640, 290, 130), (12, 640, 290, 130))
    again = ((0, -80, 280, 100), (2.5, 500, 280, 100), (5, -80, 280, 100))
    late = ((9, -80, 280, 100), (11, 500, 280, 100), (13.5, -80, 280, 100))
    one, hd = _person, HD
    return (
        Scene("walks-by", hd, 15, 6, 1, (one(0, _across(hd, 280, 100, 0.5, 5.5), ((0, right),)),)),
        Scene("walks-by-and-looks", hd, 15, 7, 2,
              (one(1, _across(hd, 300, 120, 0.5, 6.5, to_left=True),
                   ((0, left), (2.2, 0), (4.6, left))),)),
        Scene("stops-and-looks", hd, 15, 10, 3,
              (one(2, stop, ((0, right), (2.3, 0), (7.3, right))),)),
        Scene("approaches", hd, 25, 11, 4, (one(3, approach, ((0, 0), (8, right))),)),
        Scene("turns-back", hd, 15, 8.5, 5, (one(4, back, ((0, left), (2.8, 0), (4.8, right))),)),
        Scene("glances", hd, 15, 12, 6,
              (one(5, stands, ((0, 0), (2, left), (4, 0), (6, right), (7.5, 0), (10, left))),)),
        Scene("film-stands", hd, 25, 10, 7, (_person(6, stands, portrait=FILM),)),
        Scene("comes-again", hd, 15, 14, 8,
              (one(7, again), replace(one(7, late), name="person-9"))),
        Scene("far", hd, 15, 8, 9, (one(2, _across(hd, 240, 40, 0.5, 7.5), ((0, 0),)),)),
        Scene("near", hd, 15, 6, 10, (one(6, _across(hd, 340, 230, 0.5, 5.5), ((0, 0),)),)),
        Scene("hurries", hd, 25, 4, 11, (one(1, _across(hd, 290, 110, 0.5, 2.5), ((0, right),)),),
              light=Light(exposure_s=0.02)),
        Scene("slow-camera", hd, 8, 8, 12,
              (one(4, _across(hd, 290, 110, 0.5, 5.5)),
               one(0, _across(hd, 260, 80, 2.0, 7.5, to_left=True), ((0, left),)))),
    )  # fmt: skip


def _together() -> tuple[Scene, ...]:
    """Several people: one after another, crossing, a group, a crowd in motion."""
    right, left = AWAY_DEG, -AWAY_DEG
    column = tuple(
        _person(
            i, _across(HD, 270 + 12 * i, 92 + 6 * i, 0.3 + 1.3 * i, 5.5 + 1.3 * i), ((0, right),)
        )
        for i in range(3)
    )
    cross = (
        _person(0, _across(HD, 300, 130, 0.4, 6.0), ((0, right),)),
        _person(3, _across(HD, 270, 90, 0.4, 6.4, to_left=True), ((0, left),)),
    )
    alike = (
        _person(1, _across(HD, 285, 104, 0.4, 6.0), ((0, 20),)),
        _person(2, _across(HD, 275, 100, 0.4, 6.0, to_left=True), ((0, -20),)),
    )
    meet = (
        _person(4, ((0, -80, 290, 110), (2.5, 560, 290, 110), (6, 560, 290, 110),
                    (9, 1360, 290, 110)), ((0, right), (6.0, right))),
        _person(5, ((0, 1360, 280, 104), (2.5, 720, 280, 104), (6.4, 720, 280, 104),
                    (9, -80, 280, 104)), ((0, left), (3, 0), (6.2, left))),
    )  # fmt: skip
    group = tuple(
        _person(i, ((0, x, y, face), (9, x, y, face)), ((0, 0), (2.0 + i, right), (5.0 + i, 0)))
        for i, (x, y, face) in enumerate(((320, 270, 96), (560, 250, 88), (860, 280, 104)))
    )
    passer = _person(6, _across(HD, 330, 170, 2.0, 6.0, to_left=True), ((0, left),))
    busy = tuple(
        _person(i, _across(HD, 230 + 22 * i, 62 + 14 * i, 0.2 + 0.9 * i, 6.0 + 0.9 * i,
                           to_left=i % 2 == 1), ((0, left if i % 2 else right),))
        for i in range(6)
    )  # fmt: skip
    return (
        Scene("one-after-another", HD, 15, 9, 21, column),
        Scene("cross", HD, 25, 7, 22, cross),
        Scene("cross-alike", HD, 15, 7, 23, alike),
        Scene("meet-and-part", HD, 15, 9.5, 24, meet),
        Scene("passes-before-group", HD, 15, 9, 25, (*group, passer)),
        Scene("busy", HD, 25, 11, 26, busy),
        Scene("busy-half-rate", HD, 12.5, 11, 27, busy),
    )


def _hidden() -> tuple[Scene, ...]:
    """Behind a pillar: in passing, for a while, and at the edge of the picture."""
    pillar = (Pillar(600, 690),)
    behind = ((0, -80, 280, 84), (3, 645, 280, 84), (3.4, 645, 280, 84), (6.4, 1360, 280, 84))
    edge = ((0, 1340, 300, 120), (2, 1236, 300, 120), (6, 1236, 300, 120), (7.5, 1360, 300, 120))
    middle = ((0, 420, 290, 100), (9, 420, 290, 100))
    return (
        Scene("pillar", HD, 15, 6, 41, (_person(1, _across(HD, 280, 84, 0.3, 5.7)),), pillar),
        Scene("waits-behind-pillar", HD, 15, 7.5, 42, (_person(2, behind),), pillar),
        Scene("at-the-edge", HD, 15, 9, 43, (_person(3, edge), _person(6, middle))),
    )


def _pictures() -> tuple[Scene, ...]:
    """Decoys: posters and a screen, alone and behind people."""
    poster = _picture(Kind.POSTER, "officer", (980, 190), 84, 10)
    second = _picture(Kind.POSTER, "astronaut", (240, 200), 70, 10)
    screen = _picture(Kind.SCREEN, FILM, (330, 180), 70, 10)
    stands = ((0, 640, 300, 120), (10, 640, 300, 120))
    looks = ((0, 0), (4, AWAY_DEG), (7, 0))
    return (
        Scene("empty", HD, 15, 4, 61),
        Scene("pictures-only", HD, 15, 10, 62, (poster, screen)),
        Scene("poster-and-passers", HD, 15, 10, 63,
              (poster, second, _person(0, _across(HD, 260, 100, 1, 6), ((0, AWAY_DEG),)),
               _person(1, _across(HD, 280, 120, 4, 9.5, to_left=True), ((0, -AWAY_DEG),)))),
        Scene("screen-and-watcher", HD, 15, 10, 64, (screen, _person(2, stands, looks))),
    )  # fmt: skip


def _light_and_lens() -> tuple[Scene, ...]:
    """Dim, from one side, flickering, bright; a small picture, a noisy one."""
    walks = (
        _person(0, _across(HD, 290, 100, 0.4, 6.6), ((0, AWAY_DEG), (2.4, 0), (4.4, AWAY_DEG))),
        _person(5, ((0, 420, 270, 84), (7, 420, 270, 84))),
    )
    small = (
        _person(3, _across(SMALL, 150, 52, 0.4, 6.4), ((0, AWAY_DEG), (2.2, 0))),
        _person(4, ((0, 430, 140, 44), (7, 430, 140, 44))),
    )
    return (
        Scene("dim", HD, 15, 7, 81, walks, light=Light(gain=0.4, noise=7, exposure_s=0.03)),
        Scene("from-the-side", HD, 15, 7, 82, walks, light=Light(side=0.9, gamma=1.3)),
        Scene("flicker", HD, 15, 7, 83, walks, light=Light(flicker=0.2, flicker_hz=2.7)),
        Scene("glare", HD, 15, 7, 84, walks, light=Light(gain=1.5, gamma=0.8)),
        Scene("small-picture", SMALL, 15, 7, 85, small, light=Light(noise=4)),
    )
