"""The campaign file's contracts: what was sold is read whole, or refused with a sentence."""

from __future__ import annotations

from datetime import date, time

import pytest

from kiosk.ads import (
    ALWAYS,
    Contract,
    Frequency,
    Impressions,
    Plays,
    ShareOfVoice,
    Times,
    Window,
    load_campaign,
)
from tests.ads.faulty import GOOD, HEAD, SOLD, A, fault, folder

__all__ = ["folder"]


def test_contracts_are_read_with_everything_that_was_sold(folder):
    (folder / "c.yaml").write_text(SOLD)
    found = load_campaign(folder / "c.yaml")
    workdays, saturday = frozenset(range(5)), frozenset({5})
    assert found.contracts["bean-co-autumn"] == Contract(
        "bean-co-autumn",
        "bean-co",
        "food-and-drink",
        ShareOfVoice(0.2),
        Times(
            date(2026, 11, 1),
            date(2026, 11, 30),
            (Window(workdays, time(6), time(10)), Window(saturday, time(7), time(12))),
        ),
        10,
        "category",
        2,
        Frequency(180, 20.0),
    )
    tea, bean, tonic = found.creatives
    assert (tea.contract, tea.times, tea.sha256, tea.category) == (None, ALWAYS, None, "general")
    assert (bean.contract, bean.category, bean.sha256) == (
        "bean-co-autumn",
        "food-and-drink",
        64 * "0",
    )
    assert bean.times == Times(first=date(2026, 11, 10))
    assert bean.frequency == Frequency(60, 0.0)
    assert bean.targeting.label == "looking=0.5"
    assert bean.targeted
    assert [one.id for one in found.rotation] == ["tea"], "what is sold is no house content"
    ends = [window.end for window in found.contracts["gin"].times.windows]
    assert ends == [time(2), time(0)], "24:00 is midnight"
    assert tonic.category == "soft-drinks"
    assert not tonic.all_ages, "its contract is for alcohol, whatever the file says"


@pytest.mark.parametrize(
    ("written", "goal"),
    [
        ("{share_of_voice: 0.2}", ShareOfVoice(0.2)),
        ("{plays_per_hour: 6}", Plays(6, "hour")),
        ("{plays_per_day: 60}", Plays(60, "day")),
        ("{plays: 900}", Plays(900, "flight")),
        ("{impressions: 20000}", Impressions(20000)),
    ],
)
def test_a_goal_is_one_of_five(folder, written, goal):
    text = SOLD.replace("{share_of_voice: 0.2}", written)
    (folder / "c.yaml").write_text(text)
    assert load_campaign(folder / "c.yaml").contracts["bean-co-autumn"].goal == goal


@pytest.mark.parametrize(
    ("written", "found"),
    [("{share_of_voice: 0.2, plays: 900}", "share_of_voice and plays"), ("{}", "none")],
)
def test_a_goal_of_none_or_of_two_kinds_is_refused(folder, written, found):
    said = fault(folder, SOLD.replace("{share_of_voice: 0.2}", written))
    assert said.startswith("c:12: contracts[0].goal: exactly one of share_of_voice, plays_per_hour")
    assert f"here: {found}" in said


def test_a_word_that_is_nearly_right_is_told_with_the_right_one(folder):
    said = fault(
        folder,
        SOLD.replace("dayparts: [breakfast", "dayparts: [brekfast").replace(
            "contract: gin", "contract: gim"
        ),
    )
    assert said.splitlines()[0].startswith(
        "c:11: contracts[0].dayparts[0]: unknown day-part 'brekfast'; did you mean \"breakfast\"?"
    )
    assert "unknown contract 'gim'; did you mean \"gin\"?" in said


def test_a_misspelt_key_of_a_named_day_part_is_told_with_the_right_one(folder):
    said = fault(folder, SOLD.replace('thu, fri], from: "06:00"', 'thu, fri], form: "06:00"'))
    assert said == 'c:4: dayparts.breakfast[0].form: unknown key; did you mean "from"?'


def test_what_is_wrong_with_one_entry_does_not_hide_what_is_with_another(folder):
    text = SOLD.replace("priority: 10", "priority: high").replace("id: tonic", "id: tea")
    text = text.replace("name: nordlys", "name: nord lys").replace(
        "file: tea.svg", "file: x.svg", 1
    )
    said = fault(folder, text).splitlines()
    assert [line.split(": ")[1] for line in said] == [
        "name",
        "contracts[0].priority",
        "creatives[0].file",
        "creatives[2]",
    ]


@pytest.mark.parametrize("key", ["age: [25-34]", "gender: [male]"])
@pytest.mark.parametrize("category", ["jobs", "housing", "credit"])
@pytest.mark.parametrize("where", ["creative", "contract"])
def test_jobs_housing_and_credit_are_never_targeted_by_age_or_gender(folder, key, category, where):
    own = f"category: {category}, " if where == "creative" else "contract: sold, category: food, "
    text = (
        "version: 1\nname: a\n"
        f"contracts: [{{id: sold, advertiser: a, category: {category}}}]\ncreatives:\n"
        + GOOD
        + "  - {id: b, kind: image, file: tea.svg, duration_s: 5, contract: sold}\n"
        + f"{A}{own}targeting: {{{key}}}}}\n"
    )
    said = fault(folder, text)
    name = key.split(":")[0]
    assert said.startswith(f"c:7: creatives[2].targeting.{name}: {category} may not be targeted by")
    assert "discrimination law" in said


def test_jobs_may_be_targeted_by_mood_and_alcohol_by_adult_age(folder):
    (folder / "c.yaml").write_text(
        HEAD
        + GOOD
        + A
        + "category: jobs, targeting: {mood: [positive], group: {min: 2}}}\n"
        + A.replace("id: a", "id: b")
        + 'category: alcohol, targeting: {age: ["18-24"]}}\n'
        + A.replace("id: a", "id: c")
        + "category: gambling, all_ages: true}\n"
    )
    jobs, alcohol, gambling = load_campaign(folder / "c.yaml").creatives[1:]
    assert (jobs.all_ages, alcohol.all_ages, gambling.all_ages) == (True, False, False)
