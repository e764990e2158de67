import asyncio

import pytest

from worker.guard import is_link_local


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("169.254.169.254", True),
        ("0xA9FEA9FE", True),
        ("[fe80::1]", True),
        ("[::ffff:169.254.169.254]", True),
        ("127.0.0.1", False),
        ("93.184.216.34", False),
        ("[2606:2800:220:1::1]", False),
    ],
)
def test_a_link_local_address_is_known_however_it_is_written(
    host: str, expected: bool
) -> None:
    url = f"http://{host}/latest/meta-data"
    assert asyncio.run(is_link_local(url)) is expected
