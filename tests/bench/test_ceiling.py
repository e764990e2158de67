"""The ceiling of the stand-in is what was answered, and nothing that was refused."""

from bench.standin.ceiling import ceiling
from bench.standin.load import REQUESTS


def test_every_kind_of_request_is_answered_many_times_a_second() -> None:
    told = ceiling(connections=2, seconds=0.2, video_bytes=2_000)
    for kind in REQUESTS:
        per_s, cpu_ms = told[f"{kind}_per_s"], told[f"cpu_ms_per_{kind[:-1]}"]
        assert isinstance(per_s, int)
        assert isinstance(cpu_ms, float)
        assert per_s > 100
        assert cpu_ms >= 0
