"""Every front, started once a worker, between a raw client and an odd origin."""

from collections.abc import Iterator

import pytest

from edge.fronts.direct import DirectFront
from edge.fronts.mitm import MitmFront
from tests.conformance.limits import mark_limits
from tests.support.front_stack import FrontStack, Running, StackParts
from tests.support.nginx_front import start_nginx


async def start_mitmproxy(parts: StackParts) -> Running:
    front = MitmFront(
        sites=parts.sites,
        endpoints=parts.endpoints,  # type: ignore[arg-type]
        tag_for=parts.tag_for,
        trusted=parts.trusted,
        on_served=parts.on_served,
        tls_dir=parts.tls_dir,
        operating=parts.operating,
        upstream_authorities=parts.authorities,
    )
    port = await front.start("127.0.0.1", parts.port)
    return Running(port, await front.start_tls("127.0.0.1", 0), front.drain)


async def start_direct(parts: StackParts) -> Running:
    front = DirectFront(
        sites=parts.sites,
        endpoints=parts.endpoints,  # type: ignore[arg-type]
        tag_for=parts.tag_for,
        trusted=parts.trusted,
        on_served=parts.on_served,
        operating=parts.operating,
        upstream_authorities=parts.authorities,
    )
    return Running(await front.start("127.0.0.1", parts.port), 0, front.drain)


FRONTS = {"direct": start_direct, "mitmproxy": start_mitmproxy, "nginx": start_nginx}
NO_TLS = frozenset({"direct"})
"""Fronts that serve plain HTTP only: what is about TLS and HTTP/2 is not asked of them."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mark_limits(items)
    of_tls = [item for item in items if _is_about_tls(item)]
    if of_tls:
        config.hook.pytest_deselected(items=of_tls)
        items[:] = [item for item in items if item not in of_tls]


def _is_about_tls(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or item.path.name != "test_tls.py":
        return False
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return bool(NO_TLS & {params.get("shared_stack"), params.get("own_stack")})


@pytest.fixture(scope="session", params=sorted(FRONTS))
def shared_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontStack]:
    stack = FrontStack(FRONTS[request.param], tmp_path_factory.mktemp("front"), front=request.param)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def stack(shared_stack: FrontStack) -> Iterator[FrontStack]:
    """The shared front with a clean memory; an origin that saw a fault fails the test."""
    for origin in (shared_stack.origin, shared_stack.other, shared_stack.tls_origin):
        origin.take()
    shared_stack.served.clear()
    shared_stack.endpoints.asked.clear()
    yield shared_stack
    assert shared_stack.origin.faults == []


@pytest.fixture(params=sorted(FRONTS))
def own_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontStack]:
    """A front of the test's own, to drain or to break; its peers are trusted proxies."""
    stack = FrontStack(
        FRONTS[request.param],
        tmp_path_factory.mktemp("front"),
        trusted="loopback",
        front=request.param,
    )
    stack.start()
    yield stack
    stack.stop()
