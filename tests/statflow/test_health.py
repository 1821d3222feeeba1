"""The question of a container's health check."""

import pytest

from statflow.health import is_well
from statflow.private_thread import PrivateThread
from tests.support.stack import free_port


def test_a_part_that_answers_is_well_and_one_that_is_away_is_not() -> None:
    problem = [""]
    port = free_port()
    private = PrivateThread(lambda: {"database": problem[0]})
    private.start("127.0.0.1", port, None)
    try:
        assert is_well(f"http://127.0.0.1:{port}/healthz")
        assert is_well(f"http://127.0.0.1:{port}/readyz")
        problem[0] = "does not answer"
        assert is_well(f"http://127.0.0.1:{port}/healthz")
        assert not is_well(f"http://127.0.0.1:{port}/readyz")
        assert not is_well(f"http://127.0.0.1:{port}/nothing")
    finally:
        private.stop()
    assert not is_well(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.parametrize("address", ["file:///etc/hostname", "http://", "127.0.0.1", ""])
def test_what_is_no_address_is_not_well(address: str) -> None:
    assert not is_well(address)
