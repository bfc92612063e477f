"""Files of an operator become documents."""

from __future__ import annotations

import hashlib
import json

import pytest
from sqlalchemy import select

from kiosk.central.office import publish_campaign, publish_config
from kiosk.central.store import open_database
from kiosk.central.store.tables import documents
from kiosk.errors import BadInputError, CampaignError, ConfigError
from kiosk.wire import Document
from tests.central.courier.desks import settings_in

ORIGIN = "https://media.example/kiosk/"
CAMPAIGN = """\
version: 1
name: spring
creatives:
  - {id: tulips, kind: image, file: pictures/tulips.SVG, duration_s: 5}
  - {id: again, kind: image, file: pictures/tulips.SVG, duration_s: 5}
  - {id: shop, kind: html, file: shop.html, duration_s: 5}
"""


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path)


@pytest.fixture
def campaign(tmp_path):
    folder = tmp_path / "spring"
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "tulips.SVG").write_bytes(b"<svg/>")
    (folder / "shop.html").write_bytes(b"<p>Come in")
    (folder / "campaign.yaml").write_text(CAMPAIGN)
    return folder / "campaign.yaml"


def published(settings):
    with open_database(settings.central).connect() as connection:
        rows = connection.execute(select(documents.c.sealed).order_by(documents.c.id)).scalars()
        return [Document.model_validate_json(json.loads(row)["body"]) for row in rows]


def write(tmp_path, text):
    path = tmp_path / "wanted.yaml"
    path.write_text(text)
    return path


def test_a_configuration_holds_what_the_file_says_and_no_more(settings, tmp_path):
    file = write(tmp_path, "vision:\n  off_hours: [{begin: '22:00', end: '06:00'}]\n")
    assert publish_config(settings, file, "acme/*/*") == 1
    (document,) = published(settings)
    assert (document.kind, document.target) == ("config", "acme/*/*")
    assert document.content == {"vision": {"off_hours": [{"begin": "22:00", "end": "06:00"}]}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("vison:\n  loop: true\n", r'wanted\.yaml:1: vison: unknown key; did you mean "vision"'),
        ("log: {}\nads:\n  reload: 5\n", r"wanted\.yaml:3: ads\.reload: unknown key"),
        ("player:\n  lead_s: soon\n", r"wanted\.yaml:2: player\.lead_s"),
        ("broker:\n  host: evil.example\n", r"wanted\.yaml: broker: this section is not set from"),
        ("desired:\n  commands: []\n", "desired: this section is not set from afar"),
        ("ads:\n  campaign: /x.yaml\n", r"ads\.campaign: not set from afar"),
        (
            "privacy:\n  policy: eu\n  noise: 'off'\n",
            r"privacy\.noise: privacy\.policy eu publishes",
        ),
        ("- a list\n", "a mapping of keys is expected"),
        ("# nothing\n", "it says nothing"),
    ],
)
def test_a_configuration_that_no_device_would_take_is_refused(settings, tmp_path, text, reason):
    with pytest.raises(ConfigError, match=reason):
        publish_config(settings, write(tmp_path, text), "*/*/*")
    assert published(settings) == []


def test_privacy_may_be_said_as_some_devices_have_it(settings, tmp_path):
    # Whether it is less than a device promises, only the device knows.
    file = write(tmp_path, "privacy:\n  epsilon: 2\n")
    assert publish_config(settings, file, "*/*/*") == 1


def test_a_target_that_is_none_is_refused(settings):
    with pytest.raises(BadInputError, match="target"):
        publish_config(settings, None, "everybody")


def test_nothing_takes_back_what_was_published(settings, tmp_path):
    publish_config(settings, write(tmp_path, "log:\n  level: debug\n"), "*/*/*")
    publish_config(settings, None, "*/*/*")
    publish_campaign(settings, None, "*/*/*")
    assert [(one.kind, one.version, one.content) for one in published(settings)][1:] == [
        ("config", 2, {}),
        ("campaign", 1, {}),
    ]


def test_a_campaign_names_each_medium_once_by_its_content(settings, campaign):
    assert publish_campaign(settings, campaign, "*/*/*", ORIGIN) == 1
    (document,) = published(settings)
    assert [one["id"] for one in document.content["creatives"]] == ["tulips", "again", "shop"]
    digest = hashlib.sha256(b"<svg/>").hexdigest()
    tulips, shop = document.media
    assert (tulips.file, tulips.url) == ("pictures/tulips.SVG", f"{ORIGIN}{digest}.svg")
    assert (tulips.sha256, tulips.bytes) == (digest, 6)
    assert shop.file == "shop.html"
    kept = settings.central.folder / "media"
    assert (kept / f"{digest}.svg").read_bytes() == b"<svg/>"
    assert len(list(kept.iterdir())) == 2


def test_a_campaign_that_would_not_play_is_refused_with_its_line(settings, campaign):
    campaign.write_text(CAMPAIGN.replace("shop.html", "gone.html"))
    with pytest.raises(CampaignError, match=r"campaign\.yaml:6: .*there is no such file"):
        publish_campaign(settings, campaign, "*/*/*", ORIGIN)
    assert published(settings) == []


def test_media_outside_the_campaigns_folder_are_refused(settings, campaign):
    (campaign.parent.parent / "secret.html").write_text("x")
    campaign.write_text(CAMPAIGN.replace("shop.html", "../secret.html"))
    with pytest.raises(CampaignError, match=r"\.\./secret\.html: .*relative path of plain names"):
        publish_campaign(settings, campaign, "*/*/*", ORIGIN)


@pytest.mark.parametrize("origin", [None, "ftp://media.example/", "https://media.example"])
def test_media_need_an_address(settings, campaign, origin):
    with pytest.raises(BadInputError, match="address"):
        publish_campaign(settings, campaign, "*/*/*", origin)
    assert published(settings) == []


def test_a_campaign_with_days_in_it_is_published_as_it_is_read(settings, campaign):
    text = campaign.read_text().replace("id: shop,", "id: shop, flight: {from: 2026-11-01},")
    campaign.write_text(text)
    assert publish_campaign(settings, campaign, "acme/*/*", ORIGIN) == 1
    (document,) = published(settings)
    assert document.content["creatives"][2]["flight"] == {"from": "2026-11-01"}


def test_a_medium_that_is_not_the_one_that_was_booked_is_not_published(settings, campaign):
    text = campaign.read_text().replace("id: shop,", f"id: shop, sha256: '{64 * 'a'}',")
    campaign.write_text(text)
    with pytest.raises(CampaignError, match=r"shop: sha256: shop\.html is another file"):
        publish_campaign(settings, campaign, "acme/*/*", ORIGIN)
    assert published(settings) == []
