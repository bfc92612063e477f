"""How mpv is started: one window, no control but ours, and as little of its reach as media need.

mpv 0.35 (Debian 12) or newer. Its manual: https://mpv.io/manual/stable/
"""

from __future__ import annotations

from pathlib import Path

from kiosk.screen.compositor import GROUND

PROGRAM = "mpv"

KINDS = ("image", "video")
"""What it can show; HTML takes a browser."""

MOST_PIXELS = 50_000_000
"""Of a picture: four bytes each are 200 MB. A picture bomb is refused before it is decoded, and not
by the kernel when memory is gone; `kiosk campaign check` draws the same line."""

AHEAD_MIB = 24
BEHIND_MIB = 24
"""Of a film's file kept in memory: seconds of 1080p, and a short film as a whole, which then loops
without being read again."""

NETWORK_S = 5
"""For the director to answer on this machine."""

FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "ogg", "mpeg", "mpegts", "avi"),
    *("gif", "apng", "image2", "png_pipe", "jpeg_pipe", "jpegls_pipe", "webp_pipe", "bmp_pipe"),
    *("tiff_pipe", "gif_pipe", "svg_pipe"),
)
"""Containers that FFmpeg may open. Not among them are those that name further files or addresses
(HLS, DASH, concat, ffconcat, SDP, image sequences by pattern), whatever a file's name pretends."""

ALONE = (
    "--no-config",
    "--load-scripts=no",
    "--ytdl=no",
    "--osc=no",
    "--load-osd-console=no",
    "--load-stats-overlay=no",
    "--load-auto-profiles=no",
    "--resume-playback=no",
    "--save-position-on-quit=no",
    "--gpu-shader-cache-dir=",
    "--cache-on-disk=no",
    "--terminal=no",
)
"""It reads no configuration, runs no script, and keeps nothing."""

DEAF = (
    "--input-default-bindings=no",
    "--input-builtin-bindings=no",
    "--input-vo-keyboard=no",
    "--input-media-keys=no",
    "--input-cursor=no",
    "--cursor-autohide=always",
)
"""Nobody but the client on the socket tells it anything."""

NARROW = (
    # FFmpeg's demuxers alone, and of these the ones above: mpv's own ones for playlists, EDL, cue
    # sheets, archives and discs are not asked.
    "--demuxer=lavf",
    f"--demuxer-lavf-o=format_whitelist=[{','.join(FORMATS)}]",
    "--access-references=no",
    "--load-unsafe-playlists=no",
    "--autoload-files=no",
    "--sub-auto=no",
    "--audio-file-auto=no",
    "--cover-art-auto=no",
    "--aid=no",
    "--sid=no",
    f"--vd-lavc-o=max_pixels={MOST_PIXELS}",
    f"--network-timeout={NETWORK_S}",
)
"""What a hostile medium could reach: no second file or address, no sound, no subtitles (with their
fonts), no picture larger than a screen could use."""

STEADY = (
    "--idle=yes",
    "--force-window=immediate",
    "--fullscreen=yes",
    "--border=no",
    "--keepaspect-window=no",
    "--stop-screensaver=no",
    "--osd-level=0",
    "--osd-bar=no",
    # Beside what does not fill the screen; other outputs than a graphics card's take a filter.
    f"--background={GROUND}",
    # A picture stays and a film loops until it is replaced; what breaks off keeps its last frame.
    "--image-display-duration=inf",
    "--loop-file=inf",
    "--keep-open=always",
    "--keep-open-pause=no",
    "--prefetch-playlist=yes",
    f"--demuxer-max-bytes={AHEAD_MIB}MiB",
    f"--demuxer-max-back-bytes={BEHIND_MIB}MiB",
    # A graphics card when there is one (mpv passes over a software renderer of OpenGL), else shared
    # memory, which costs less than emulating a card.
    "--vo=gpu,wlshm,x11",
    "--scale=bilinear",
    "--cscale=bilinear",
    "--dscale=bilinear",
    "--dither=no",
    "--sws-fast=yes",
    "--sws-scaler=bilinear",
)
"""It plays until it is told otherwise, at the least cost."""


def beside(width: int, height: int) -> str:
    """A filter that fills what a picture leaves of the screen, with the page's own ground.

    Args:
        width: of the screen, in pixels.
        height: likewise.
    """
    colour = GROUND.replace("#", "0x")
    return f"lavfi=[pad=aspect={width}/{height}:x=(ow-iw)/2:y=(oh-ih)/2:color={colour}]"


def mpv_command(socket: Path, cards: Path = Path("/dev/dri")) -> list[str]:
    """Program and arguments.

    Args:
        socket: to be made, on which it takes commands in JSON.
        cards: where the kernel lists its graphics devices.
    """
    # Without a card it would try one library after the other for each film.
    decodes = "auto-safe" if any(cards.glob("renderD*")) else "no"
    ours = [f"--hwdec={decodes}", f"--input-ipc-server={socket}"]
    return [PROGRAM, *ALONE, *DEAF, *NARROW, *STEADY, *ours]
