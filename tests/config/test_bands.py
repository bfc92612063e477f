"""Age bands of the published tables."""

from __future__ import annotations

import pytest

from kiosk import terms
from kiosk.audience import draw_release, tables_of
from kiosk.config import PrivacySettings, band_of, load_settings
from kiosk.errors import ConfigError


@pytest.mark.parametrize(
    ("bands", "sentence"),
    [
        ("[0-17, 13-34, 35+]", "0-17 and 13-34 overlap; a pass stands in one band only"),
        ("[0-12, 18-34, 35+]", "nobody of 13 to 17 stands in any band; leave no gap"),
        ("[13-17, 18+]", "nobody of 0 to 12 stands in any band; leave no gap"),
        ("[0-17, 18-34]", "nobody of 35 and older stands in any band; end with 35+"),
        ("[]", "nobody of 0 and older stands in any band; end with 0+"),
        ("[0-19, 20+]", "20+: a band has to begin at one of 0, 13, 18, 25, 35, 45, 55, 65"),
        ("[0-17, 18+, 25+]", "18+ and 25+ overlap; a pass stands in one band only"),
        ("[0-17, grown-up]", "'grown-up' is no age band; write one as 18-34, the last one as 55+"),
        ("[0-17, 18-10, 18+]", "18-10: ends before it begins"),
    ],
)
def test_bands_that_overlap_or_leave_gaps_are_one_sentence_with_its_line(tmp_path, bands, sentence):
    path = tmp_path / "config.yaml"
    path.write_text(f"privacy:\n  epsilon: 1\n  age_bands: {bands}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert f"config.yaml:3: privacy.age_bands: {sentence}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_estimated_band_stands_in_one_of_the_tables():
    bands = ["0-17", "18-34", "35-54", "55+"]
    assert [band_of(bands, band) for band in terms.AGE_BANDS] == [
        "0-17", "0-17", "18-34", "18-34", "35-54", "35-54", "55+", "55+",
    ]  # fmt: skip
    assert band_of(bands, terms.UNKNOWN) == terms.UNKNOWN
    assert [band_of(list(terms.AGE_BANDS), band) for band in terms.AGE_BANDS] == list(
        terms.AGE_BANDS
    )


def test_joined_bands_join_the_counts_and_are_what_is_published():
    bands = ["0-17", "18-34", "35+"]
    counts = {
        "ots": 6,
        "age_gender/18-24/female": 1,
        "age_gender/25-34/female": 2,
        "age_gender/65+/male": 3,
        "creative/tea/age_gender/25-34/female": 2,
    }
    tables = tables_of(counts, bands)
    assert list(tables.age_gender) == [*bands, "unknown"]
    assert tables.age_gender["18-34"]["female"] == 3
    assert tables.age_gender["35+"]["male"] == 3
    assert tables.creatives["tea"].age_gender["18-34"]["female"] == 2
    published = draw_release(counts, PrivacySettings(age_bands=bands)).tables
    assert list(published.age_gender) == list(published.impressions_age_gender)
    assert list(published.age_gender) == [*bands, "unknown"]
