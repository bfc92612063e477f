"""Campaign files that are almost right, and the sentence that they are refused with."""

from __future__ import annotations

import struct
import zlib

import pytest

from kiosk.ads import load_campaign
from kiosk.errors import CampaignError

SOLD = """\
version: 1
name: nordlys
dayparts:
  breakfast: [{days: [mon, tue, wed, thu, fri], from: "06:00", to: "10:00"}]
  night: [{from: "22:00", to: "02:00"}, {days: [sun], from: "10:00"}]
contracts:
  - id: bean-co-autumn
    advertiser: bean-co
    category: food-and-drink
    flight: {from: 2026-11-01, to: 2026-11-30}
    dayparts: [breakfast, {days: [sat], from: "07:00", to: "12:00"}]
    goal: {share_of_voice: 0.2}
    priority: 10
    exclusive: category
    separation_plays: 2
    frequency: {max_per_hour: 180, min_gap_s: 20}
  - {id: gin, advertiser: nightcap, category: alcohol, dayparts: [night]}
creatives:
  - {id: tea, kind: image, file: tea.svg, duration_s: 5}
  - id: bean
    kind: image
    file: tea.svg
    duration_s: 5
    contract: bean-co-autumn
    targeting: {looking: 0.5}
    flight: {from: "2026-11-10"}
    frequency: {max_per_hour: 60}
    sha256: "%s"
  - {id: tonic, kind: image, file: tea.svg, duration_s: 5, contract: gin, all_ages: true,
     category: soft-drinks, targeting: {age: ["18-24"]}}
""" % (64 * "0")

HEAD = "version: 1\nname: spring\ncreatives:\n"
GOOD = "  - {id: tea, kind: image, file: tea.svg, duration_s: 5}\n"


A = "  - {id: a, kind: image, file: tea.svg, duration_s: 5, "


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG, as far as a reader of headers goes."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.fixture
def folder(tmp_path):
    for name in ("tea.svg", "film.MP4", "page.html"):
        (tmp_path / name).write_text("x")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 50_000))
    (tmp_path / "bomb.gif").write_bytes(b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(9))
    return tmp_path


def fault(folder, text: str) -> str:
    path = folder / "campaign.yaml"
    path.write_text(text)
    with pytest.raises(CampaignError) as caught:
        load_campaign(path)
    return str(caught.value).replace(str(path), "c")
