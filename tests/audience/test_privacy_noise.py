"""The noise: drawn as the mechanism says, by a child that is not believed blindly."""

from __future__ import annotations

import itertools
import math
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from scipy import stats

from kiosk.audience import draw_release, plan_budget
from kiosk.config import PrivacySettings
from kiosk.errors import KioskError

# A busy machine draws for a minute.
PATIENCE_S = 240
pytestmark = pytest.mark.timeout(2 * PATIENCE_S)

NONE = dict.fromkeys(plan_budget(PrivacySettings()), 0)

CREATIVES = (8_700, pytest.param(34_500, marks=pytest.mark.long))

# Failing by chance alone has to be rarer than one in a million for the whole file.
BY_CHANCE = 1e-9


def settings_of(epsilon=1.0, **shares) -> PrivacySettings:
    return PrivacySettings.model_validate(
        {"epsilon": epsilon, "shares": {**NONE, "visits": 1, **shares}}
    )


def draws(settings: PrivacySettings, creatives: int) -> dict[str, list[int]]:
    """The noise on an hour with nobody in it, by table, cell after cell."""
    counts = {f"creative/c{number}/plays": 0 for number in range(creatives)}
    tables = draw_release(counts, settings, timeout_s=PATIENCE_S).tables.model_dump()
    found: dict[str, list[int]] = {"visits": []}
    for block in (tables, *tables["creatives"].values()):
        found["visits"] += [block["ots"] - block["watchers"], block["watchers"]]
        for key in ("age_gender", "attention_s"):
            if block[key] is not None:
                found.setdefault(key, []).extend(flat(block[key]))
    return found


def flat(table):
    return [table] if isinstance(table, int) else [n for part in table.values() for n in flat(part)]


@pytest.fixture(scope="module", params=CREATIVES)
def sample(request) -> dict[float, list[int]]:
    """Half a million draws and more, or two million, by the scale that they should have."""
    hours = (
        settings_of(3.0, creative_visits=1, creative_age_gender=1),
        settings_of(1.3, creative_visits=0.1, creative_age_gender=0.2),
    )
    with ThreadPoolExecutor(2) as both:
        even, uneven = both.map(draws, hours, (request.param, request.param))
    return {
        1.0: even["visits"] + even["age_gender"],
        5.0: uneven["age_gender"],
        # The hour's own two draws have another scale than those of the creatives.
        10.0: uneven["visits"][2:],
    }


def chance(k: int, scale: float) -> float:
    a = math.exp(-1 / scale)
    return (1 - a) / (1 + a) * a ** abs(k)


def tail(k: int, scale: float) -> float:
    """Probability of ``k`` or more, above 0."""
    a = math.exp(-1 / scale)
    return a**k / (1 + a)


def test_there_are_enough_draws_to_tell(sample):
    assert sum(map(len, sample.values())) > 500_000
    assert min(map(len, sample.values())) > 17_000


@pytest.mark.parametrize("scale", [1.0, 5.0, 10.0])
def test_the_noise_is_discrete_laplace_of_the_stated_scale(sample, scale):
    drawn = sample[scale]
    # As far out as a tail of 50 draws is to be expected.
    reach = next(k for k in range(1, 1000) if tail(k + 1, scale) * len(drawn) < 50)
    seen = Counter(max(-reach, min(k, reach)) for k in drawn)
    inside = range(-reach + 1, reach)
    expected = [tail(reach, scale), *(chance(k, scale) for k in inside), tail(reach, scale)]
    found = [seen[k] for k in range(-reach, reach + 1)]
    p = stats.chisquare(found, [share * len(drawn) for share in expected]).pvalue
    assert p > BY_CHANCE


@pytest.mark.parametrize("scale", [1.0, 5.0, 10.0])
def test_both_tails_of_the_noise_are_alike_and_as_heavy_as_stated(sample, scale):
    drawn = sample[scale]
    for factor in (1, 3, 6):
        far = math.ceil(factor * scale)
        above, below = sum(k >= far for k in drawn), sum(k <= -far for k in drawn)
        assert stats.binomtest(above, above + below).pvalue > BY_CHANCE
        assert stats.binomtest(above + below, len(drawn), 2 * tail(far, scale)).pvalue > BY_CHANCE


@pytest.mark.parametrize("scale", [1.0, 5.0, 10.0])
def test_the_noise_of_a_cell_says_nothing_of_the_next_cell_s(sample, scale):
    drawn = sample[scale]
    variance = math.fsum(k * k for k in drawn) / len(drawn)
    together = math.fsum(a * b for a, b in itertools.pairwise(drawn))
    assert abs(together) / (variance * math.sqrt(len(drawn))) < 6.5


def test_seconds_carry_noise_of_their_clamp():
    settings = settings_of(2.0, creative_visits=0.5, creative_attention=0.5)
    drawn = draws(settings, 20_000)
    spread = [abs(k) for k in drawn["attention_s"]]
    scale = settings.attention_clamp_s / 0.5
    # Of the absolute value, mean and deviation are both about the scale.
    assert math.fsum(spread) / len(spread) == pytest.approx(scale, rel=6.5 / math.sqrt(20_000))


def test_two_hours_with_the_same_counts_get_different_noise():
    assert draws(settings_of(0.1), 50) != draws(settings_of(0.1), 50)


def test_opendp_never_enters_the_process_that_asks():
    draw_release({}, PrivacySettings())
    assert [name for name in sys.modules if name.partition(".")[0] == "opendp"] == []


HONEST = """
import json, sys
asked = json.load(sys.stdin)
answer = {
    name: {"values": table["values"], "epsilon": table["sensitivity"] / table["scale"]}
    for name, table in asked.items()
}
"""
TELL = "\nprint(json.dumps(answer))"


def child(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_that_keeps_to_the_contract_is_believed():
    release = draw_release(
        {"ots": 5, "watchers": 2}, PrivacySettings(), command=child(HONEST + TELL)
    )
    assert (release.tables.ots, release.tables.watchers) == (5, 2)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(3)", "ended with 3"),
        ("raise RuntimeError('no room')", "no room"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
        ("print('hello')", "no JSON"),
        ("print('[' * 100000)", "no JSON"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "no JSON"),
        ("", "no JSON"),
        ("print('[]')", "other tables"),
        ("print('{}')", "other tables"),
        (HONEST + "del answer['mood']" + TELL, "other tables"),
        (HONEST + "answer['faces'] = answer['mood']" + TELL, "other tables"),
        (HONEST + "answer['mood'] = 7" + TELL, "mood"),
        (HONEST + "answer['mood']['values'].pop()" + TELL, "mood"),
        (HONEST + "answer['mood']['values'].append(0)" + TELL, "mood"),
        (HONEST + "answer['mood']['values'] = 'abcdefgh'" + TELL, "mood"),
        (HONEST + "answer['mood']['values'][3] = 1.0" + TELL, "mood.*integer"),
        (HONEST + "answer['mood']['values'][3] = True" + TELL, "mood.*integer"),
        (HONEST + "answer['mood']['values'][3] = None" + TELL, "mood.*integer"),
        (HONEST + "answer['mood']['values'][3] = float('nan')" + TELL, "mood.*integer"),
        (HONEST + "del answer['mood']['values']" + TELL, "mood"),
        (HONEST + "del answer['mood']['epsilon']" + TELL, "mood.*spent"),
        (HONEST + "answer['mood']['epsilon'] = '0.05'" + TELL, "mood.*spent"),
        (HONEST + "answer['mood']['epsilon'] = float('nan')" + TELL, "mood.*spent"),
        (HONEST + "answer['mood']['epsilon'] = float('inf')" + TELL, "mood.*spent"),
        (HONEST + "answer['mood']['epsilon'] *= 1.01" + TELL, "mood.*spent"),
        (HONEST + "answer['mood']['epsilon'] *= 0.5" + TELL, "mood.*spent"),
        (HONEST + "answer['mood']['epsilon'] = 0" + TELL, "mood.*spent"),
        (HONEST + "for t in answer.values(): t['epsilon'] *= 1 + 5e-7" + TELL, "epsilon of 1"),
    ],
)  # fmt: skip
def test_a_child_that_dies_lies_or_babbles_publishes_nothing(code, said):
    with pytest.raises(KioskError, match=f"(?s)could not be drawn.*{said}") as caught:
        draw_release({"ots": 5}, PrivacySettings(), command=child(code))
    assert "nothing was published" in (caught.value.hint or "")


def test_a_child_that_hangs_is_ended_and_publishes_nothing():
    hanging = child("import time; time.sleep(60)")
    with pytest.raises(KioskError, match=r"within 0\.5 s"):
        draw_release({"ots": 5}, PrivacySettings(), command=hanging, timeout_s=0.5)


def test_a_child_that_cannot_be_started_publishes_nothing():
    with pytest.raises(KioskError, match="could not be started"):
        draw_release({"ots": 5}, PrivacySettings(), command=["/nowhere/python"])


def test_the_environment_cannot_put_another_library_in_the_place_of_opendp(monkeypatch, tmp_path):
    (tmp_path / "opendp").mkdir()
    (tmp_path / "opendp/__init__.py").write_text("raise RuntimeError('another one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OPENDP_LIB_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert draw_release({}, PrivacySettings()).noise != "off"
