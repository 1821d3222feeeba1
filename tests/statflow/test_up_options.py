"""What ``up`` refuses before it starts anything, and what the demo brings along."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from statflow.paths import Paths
from statflow.up_options import UpError, UpOptions, check_options, own_host, with_demo_certificate
from tests.support.stack import free_port


@pytest.fixture
def options() -> UpOptions:
    return UpOptions(
        front="auto", bind="127.0.0.1", edge_port=free_port(), edge_tls_port=free_port(),
        portal_port=free_port(), private_port=free_port(), tls_dir=None, upstream="", host="",
        demo=False, shop_port=free_port(),
    )  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def test_nothing_speaks_against_the_defaults(options: UpOptions, paths: Paths) -> None:
    check_options(options, paths)


def test_the_direct_front_serves_no_tls(options: UpOptions, paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(UpError, match="direct front serves no TLS"):
        check_options(replace(options, front="direct", tls_dir=tmp_path), paths)


def test_an_upstream_has_a_host(options: UpOptions, paths: Paths) -> None:
    with pytest.raises(UpError, match="go together"):
        check_options(replace(options, upstream="http://127.0.0.1:3000"), paths)


def test_a_taken_port_is_named_with_its_option(
    options: UpOptions, paths: Paths, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = replace(options, edge_tls_port=other.getsockname()[1], tls_dir=tmp_path)
        with pytest.raises(UpError, match="--edge-tls-port"):
            check_options(taken, paths)
        check_options(replace(taken, tls_dir=None), paths)


def test_the_demo_shows_https_with_a_certificate_of_its_own(
    options: UpOptions, paths: Paths
) -> None:
    demo = with_demo_certificate(replace(options, demo=True), paths)

    assert demo.tls_dir is not None
    assert (demo.tls_dir / "shop.localhost" / "fullchain.pem").exists()


def test_the_demo_goes_without_where_something_speaks_against(
    options: UpOptions, paths: Paths, tmp_path: Path
) -> None:
    assert with_demo_certificate(options, paths).tls_dir is None
    direct = replace(options, demo=True, front="direct")
    assert with_demo_certificate(direct, paths).tls_dir is None
    own = replace(options, demo=True, tls_dir=tmp_path / "mine")
    assert with_demo_certificate(own, paths).tls_dir == tmp_path / "mine"
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = replace(options, demo=True, edge_tls_port=other.getsockname()[1])
        assert with_demo_certificate(taken, paths).tls_dir is None


@pytest.mark.parametrize(
    ("bind", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("2001:db8::1", "[2001:db8::1]"),
    ],
)
def test_what_is_bound_is_reached(bind: str, host: str) -> None:
    assert own_host(bind) == host
