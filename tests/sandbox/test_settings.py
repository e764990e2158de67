import dataclasses

import pytest

from sandbox.faults import FAULTS, Faults
from sandbox.settings import SettingRefused, Settings, as_json, changed


def test_settings_and_faults_are_changed_by_one_merge() -> None:
    settings, faults = changed(
        Settings(), Faults(), {"history_lag_s": 3, "submit_late": 0.5, "seed": 9}
    )
    assert (settings.history_lag_s, faults.seed) == (3.0, 9)
    assert faults.odds["submit_late"].chance == 0.5


def test_nothing_is_changed_when_one_is_wrong() -> None:
    faults = Faults()
    with pytest.raises(SettingRefused, match="speed: no such setting; there are seed"):
        changed(Settings(), faults, {"submit_late": 1, "speed": 1})
    assert not faults.odds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tier", "platinum"),
        ("concurrent", "7"),
        ("concurrent", -1),
        ("concurrent", True),
        ("history_inputs", 1),
        ("spread", float("nan")),
        ("insufficient", 400),
        ("submit_late", 2),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_setting(
    name: str, value: object
) -> None:
    with pytest.raises(SettingRefused, match=f"^{name}: "):
        changed(Settings(), Faults(), {name: value})


def test_what_is_shown_can_be_given_back() -> None:
    settings, faults = changed(Settings(), Faults(), {"stranger": "first 2"})
    shown = as_json(settings, faults)
    assert changed(Settings(), Faults(), shown)[0] == settings
    assert shown["stranger"] == "first 2"
    names = {field.name for field in dataclasses.fields(Settings)}
    assert set(shown) == names | set(FAULTS)
    assert not names & set(FAULTS)


def test_limits_are_the_tiers_unless_they_are_named() -> None:
    assert Settings(tier="bronze").starts_per_60_s == 2
    assert Settings(tier="gold").most_at_once == 3_000
    assert Settings(videos_per_minute=7, concurrent=8).starts_per_60_s == 7
    assert Settings(videos_per_minute=7, concurrent=8).most_at_once == 8
