"""Render a scene, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kiosk.bench.scenes.drawing import Camera, draw, draw_pillar
from kiosk.bench.scenes.placing import place_all
from kiosk.bench.scenes.portraits import Portrait
from kiosk.bench.scenes.scene import RenderedFrame, Scene, Truth
from kiosk.bench.scenes.shop import shop
from kiosk.bench.scenes.visible import seen


def render(scene: Scene, cast: Mapping[str, Portrait]) -> Iterator[RenderedFrame]:
    """Draw a scene; the same scene and cast always give the same frames.

    Args:
        scene: what to draw.
        cast: the portraits that its actors name.

    Returns:
        Frames in order, each with a picture of its own, ``scene.fps`` of them a second.
    """
    background = shop(scene.size_px, scene.seed)
    camera = Camera(scene.light, scene.size_px, scene.seed)
    for number in range(scene.frames):
        t_s = number / scene.fps
        placed = place_all(scene, cast, t_s)
        image = background.copy()
        for one in placed:
            draw(image, one, scene.light.exposure_s)
        for pillar in scene.pillars:
            draw_pillar(image, pillar)
        truth = Truth(number, t_s, seen(scene, placed))
        yield RenderedFrame(camera.expose(image, t_s), t_s, truth)
