"""Judging clips: made ones of six products, good and broken, by what is wrong."""

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from jobs.job import Job
from jobs.quality import LIMITS, Quality, Verdict, limits_of
from tests.worker.clips import RATE, Clip, make
from worker import decoder, inspection
from worker.inspection import Wanted, inspect

#: The check that finds each fault; `fail` is for what may be rendered again.
FOUND_BY = {
    "static": ("frozen", Verdict.FAIL),
    "frozen": ("frozen", Verdict.FAIL),
    "black tail": ("black", Verdict.FAIL),
    "black start": ("black", Verdict.FAIL),
    "cut": ("cut", Verdict.REVIEW),
    "flicker": ("flicker", Verdict.REVIEW),
    "wrong product": ("first_frame", Verdict.FAIL),
    "hue drift": ("colour", Verdict.REVIEW),
    "warp": ("geometry", Verdict.REVIEW),
}


def judged(clip: Clip, **inputs: object) -> Quality:
    job = Job("mug", 2, "kling", inputs, 210_000, "mug.mp4", duration_s=5)
    seen = inspect(job, clip.video, Wanted(True, LIMITS, clip.picture))
    assert seen.poster
    assert seen.quality is not None
    return seen.quality


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Clip, Quality]]:
    made = [
        (clip, judged(clip)) for clip in make(tmp_path_factory.mktemp("clips"), 160)
    ]
    decoder.close()
    return made


def test_broken_clips_are_found_and_good_ones_pass(
    clips: list[tuple[Clip, Quality]],
) -> None:
    good = [clip for clip, quality in clips if not clip.broken]
    flagged = [c for c, quality in clips if not c.broken and quality.findings]
    missed = [c for c, quality in clips if c.broken and not quality.findings]
    assert len(clips) == 78
    assert len(flagged) <= 0.05 * len(good), flagged
    assert len(missed) <= 0.05 * (len(clips) - len(good)), missed


def test_each_fault_is_found_by_its_own_check(
    clips: list[tuple[Clip, Quality]],
) -> None:
    for variant, expected in FOUND_BY.items():
        found = [quality for clip, quality in clips if clip.variant == variant]
        named = [{(f.check, f.verdict) for f in quality.findings} for quality in found]
        assert sum(expected in each for each in named) >= 5, (variant, named)


def test_a_clip_is_compared_with_what_was_ordered(
    clips: list[tuple[Clip, Quality]],
) -> None:
    good, passed = clips[0]
    assert passed.verdict is Verdict.PASS
    other = judged(good, aspect_ratio="16:9", sound=True)
    assert {finding.check for finding in other.findings} == {"aspect", "sound"}
    assert other.verdict is Verdict.REVIEW


def test_a_clip_of_ten_bits_is_judged_as_one_of_eight(
    clips: list[tuple[Clip, Quality]], tmp_path: Path
) -> None:
    good, _ = clips[0]
    deep = replace(good, video=tmp_path / "deep.mp4")
    with av.open(str(good.video)) as old, av.open(str(deep.video), "w") as new:
        stream = new.add_stream("libx264", rate=RATE)
        stream.width = stream.height = 160
        stream.pix_fmt = "yuv420p10le"
        for number, frame in enumerate(old.decode(video=0)):
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            new.mux(stream.encode(frame))
        new.mux(stream.encode(None))
    assert judged(deep).verdict is Verdict.PASS


def test_a_verdict_survives_the_ledger(clips: list[tuple[Clip, Quality]]) -> None:
    for _, quality in clips:
        assert Quality.from_text(quality.to_text()) == quality
        assert Quality.from_document(quality.to_document()) == quality
    # A newer version may know more checks, and other verdicts.
    newer = Quality.from_text("worse cut=review:49@2 smell=fail:1@0 black=worse:1@0")
    assert [finding.check for finding in newer.findings] == ["cut"]


def test_limits_can_be_changed_one_by_one() -> None:
    limits = limits_of("frozen=0.9/0.95 colour=0.1")
    assert limits["frozen"].verdict(0.8) is Verdict.PASS
    assert limits["colour"].verdict(0.2) is Verdict.PASS
    assert limits["black"] == LIMITS["black"]
    with pytest.raises(ValueError, match="the checks are"):
        limits_of("sharpness=1")


def test_what_cannot_be_decoded_has_no_verdict(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    job = Job("mug", 2, "kling", {}, 210_000, "mug.mp4")
    assert inspect(job, broken, Wanted(True, LIMITS)).quality is None


def test_where_too_many_come_a_video_has_its_poster_and_no_verdict(
    clips: list[tuple[Clip, Quality]], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, _ = clips[0]
    job = Job("mug", 2, "kling", {}, 210_000, "mug.mp4")
    monkeypatch.setattr(inspection, "_TURNS", threading.Semaphore(0))
    seen = inspect(job, good.video, Wanted(True, LIMITS, good.picture))
    assert (bool(seen.poster), seen.quality) == (True, None)
    assert inspect(job, good.video, Wanted(False, LIMITS)).poster is None
