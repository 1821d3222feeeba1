"""Which addresses an upstream may have, by who wrote it: the operator, or somebody of a team."""

from ipaddress import ip_address

import pytest

from edge.upstream_ranges import UpstreamRanges, is_public

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14", "8.8.8.8")
INSIDE = ("10.0.0.5", "172.16.0.1", "192.168.1.1", "127.0.0.1", "::1", "100.64.0.1", "fd12::1")
TRANSLATED = (
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.5",
    "2002:7f00:1::1",  # 6to4 of 127.0.0.1
    "2002:a00:5::",  # 6to4 of 10.0.0.5
    "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
    "64:ff9b:1::a00:5",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo of 127.0.0.1
    "::127.0.0.1",  # IPv4-compatible, long deprecated
)
SURROUNDINGS = (
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fe80::1%eth0",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
)
NOT_PUBLIC = ("192.0.2.1", "198.18.0.1", "203.0.113.1", "2001:db8::1", "fec0::1", "240.0.0.1")
NO_ADDRESS = ("", "example.com", "127.1", "0x7f.1", "2130706433", "/run/socket")


def allows(address: str, ranges: str = "", *, guarded: bool) -> bool:
    return UpstreamRanges(ranges).allows(address, guarded=guarded)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_anybodys_to_name(address: str) -> None:
    assert allows(address, guarded=True)
    assert allows(address, guarded=False)


@pytest.mark.parametrize("address", [*INSIDE, *TRANSLATED, *NOT_PUBLIC])
def test_what_is_not_public_is_refused_to_teams(address: str) -> None:
    assert not allows(address, guarded=True)


@pytest.mark.parametrize("address", INSIDE)
def test_the_operator_may_point_at_their_own_network(address: str) -> None:
    assert allows(address, guarded=False)


@pytest.mark.parametrize("address", SURROUNDINGS)
@pytest.mark.parametrize("ranges", ["", "private loopback public", "public"])
def test_surroundings_are_refused_to_everybody(address: str, ranges: str) -> None:
    assert not allows(address, ranges, guarded=True)
    assert not allows(address, ranges, guarded=False)


def test_only_written_out_do_surroundings_open() -> None:
    assert allows("169.254.10.1", "169.254.10.0/24", guarded=False)
    assert not allows("169.254.11.1", "169.254.10.0/24", guarded=False)


@pytest.mark.parametrize("guarded", [True, False])
def test_the_operators_list_is_the_whole_answer(*, guarded: bool) -> None:
    ranges = "10.0.0.0/8, public"
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "93.184.215.14"):
        assert allows(address, ranges, guarded=guarded), address
    for address in ("192.168.0.1", "127.0.0.1", "11.0.0.1"):
        assert allows(address, ranges, guarded=guarded) == (address == "11.0.0.1"), address
    assert not allows("93.184.215.14", "10.0.0.0/8", guarded=guarded)
    assert not allows("2002:a00:5::", ranges, guarded=guarded)


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not allows(text, guarded=False)


@pytest.mark.parametrize("text", ["everything", "10.0.0.0/33", "10.0.0.5 nowhere"])
def test_a_wrong_word_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|everything|nowhere"):
        UpstreamRanges(text)


def test_an_address_is_as_public_as_the_one_within_it() -> None:
    assert is_public(ip_address("64:ff9b::5db8:d70e"))
    assert not is_public(ip_address("64:ff9b::a00:5"))
