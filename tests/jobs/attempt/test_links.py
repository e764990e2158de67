from jobs import catalogue
from jobs.attempt.links import DAY_S, USED_S, Link, links_for, sent_inputs, to_upload
from jobs.job import Job
from jobs.records import JobRecord
from jobs.states import State

KNOWN = catalogue.builtin()
V26 = KNOWN.find("kling-v2.6-std")
MULTI = KNOWN.find("kling-v1.6-multi")
NOW_S = 1_800_000_000.0
LINK = Link("https://files.example/a.jpg", NOW_S + USED_S)


def job(model: str, contents: dict[str, str], **inputs: object) -> Job:
    return Job("r1", 2, model, inputs, 210_000, "r1.mp4", contents=contents)


def test_a_link_is_used_for_six_and_a_half_days_and_fresh_for_five() -> None:
    fresh = [LINK.fresh(NOW_S + days * DAY_S) for days in (0, 4.9, 5, 6.4)]
    usable = [LINK.usable(NOW_S + days * DAY_S) for days in (0, 4.9, 6.4, 6.5)]
    assert fresh == [True, True, False, False]
    assert usable == [True, True, True, False]


def test_only_pictures_without_a_web_address_need_a_link() -> None:
    images = ["a.jpg", "https://example.com/b.jpg", "s3://shop/c.jpg"]
    made = job(MULTI.id, {"a.jpg": "aa", "s3://shop/c.jpg": "cc"}, images=images)
    assert to_upload(made, MULTI) == {"a.jpg": "aa", "s3://shop/c.jpg": "cc"}
    plain = job(V26.id, {}, image="HTTPS://example.com/b.jpg", prompt="a.jpg")
    assert to_upload(plain, V26) == {}


def test_a_picture_that_nobody_looked_at_has_no_link() -> None:
    needed = to_upload(job(V26.id, {}, image="a.jpg"), V26)
    assert needed == {"a.jpg": ""}
    assert links_for(needed, {}, NOW_S) is None


def test_all_links_are_there_or_none_are() -> None:
    needed = {"a.jpg": "aa", "b.jpg": "bb"}
    assert links_for({}, {}, NOW_S) == {}
    assert links_for(needed, {"aa": LINK}, NOW_S) is None
    both = {"aa": LINK, "bb": LINK}
    assert links_for(needed, both, NOW_S) == dict.fromkeys(needed, LINK.url)
    assert links_for(needed, both, NOW_S + USED_S) is None


def test_what_was_sent_has_links_for_pictures_and_nothing_else() -> None:
    links = {"a.jpg": LINK.url}
    single = job(V26.id, {}, image="a.jpg", prompt="a.jpg")
    record = JobRecord(single, State.SUBMITTING, links=links)
    assert sent_inputs(record, V26) == {"image": LINK.url, "prompt": "a.jpg"}
    several = job(MULTI.id, {}, images=["a.jpg", "https://example.com/b.jpg"])
    record = JobRecord(several, State.SUBMITTING, links=links)
    sent = sent_inputs(record, MULTI)
    assert sent == {"images": [LINK.url, "https://example.com/b.jpg"]}
    assert several.inputs["images"][0] == "a.jpg"
