"""The account levels: data that has to make sense."""

from jobs.pace.limits import tiers


def test_the_account_levels_are_known_smallest_first() -> None:
    assert list(tiers()) == ["bronze", "silver", "gold", "ultra"]
    by_size = sorted(tiers().values(), key=lambda tier: tier.concurrent_videos)
    assert by_size == list(tiers().values())
