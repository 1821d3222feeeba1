"""What the portal can tell of an upstream by its text alone."""

import pytest

from statflow.upstream_problem import UpstreamProblem

INSIDE = (
    "http://127.0.0.1:3000",
    "http://127.1",
    "http://0x7f000001",
    "http://2130706433",
    "http://0177.0.0.1",
    "http://127.0.0.1.:80",
    "http://localhost:3000",
    "http://shop.localhost",
    "http://10.0.0.5",
    "http://[::1]:80",
    "http://[::ffff:10.0.0.5]",
    "http://169.254.169.254",
    "http://[fd00:ec2::254]",
    "http://100.64.0.1",
    "http://[64:ff9b::a00:5]",
)


@pytest.mark.parametrize("upstream", INSIDE)
def test_an_inner_address_is_told_in_any_spelling(upstream: str) -> None:
    assert "is not a public address" in UpstreamProblem("")(upstream)


@pytest.mark.parametrize("upstream", ["https://shop.example", "http://93.184.215.14:8080"])
def test_a_name_and_a_public_address_are_left_to_the_edge(upstream: str) -> None:
    assert UpstreamProblem("")(upstream) == ""


def test_what_the_operator_listed_is_good() -> None:
    problem = UpstreamProblem("public, 10.0.0.0/8")
    assert problem("http://10.0.0.5") == ""
    assert problem("http://93.184.215.14") == ""
    assert problem("http://192.168.0.1")
