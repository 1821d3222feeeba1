"""Whither the portal may post: the public Internet over TLS, and the operator's networks."""

import pytest

from statflow.reach import reach_checker


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.9",
        "::1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::ffff:10.0.0.1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:5ef5:79fb::1",
        "2001:db8::1",
        "168.63.129.16",
        "100.100.100.200",
    ],
)
def test_what_is_not_plainly_public_is_refused(address: str) -> None:
    assert "STATFLOW_WEBHOOK_RANGES" in reach_checker("")(address, True)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"]
)
def test_the_internet_is_reached_over_tls_only(address: str) -> None:
    problem_of = reach_checker("")
    assert problem_of(address, True) == ""
    assert "https" in problem_of(address, False)


def test_the_operators_networks_are_reached_either_way() -> None:
    problem_of = reach_checker("10.0.5.0/24, fd00::/8, loopback")
    for address in ("10.0.5.9", "fd00::1", "127.0.0.1", "::1"):
        assert problem_of(address, True) == problem_of(address, False) == ""
    assert problem_of("10.0.6.9", True)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200"])
def test_a_name_of_networks_does_not_stand_for_metadata(address: str) -> None:
    assert reach_checker("private, loopback")(address, True)
    assert reach_checker(address)(address, True) == ""


def test_what_is_no_address_is_refused() -> None:
    assert reach_checker("")("nonsense", True)


def test_a_network_that_cannot_be_read_is_said() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        reach_checker("nonsense")
