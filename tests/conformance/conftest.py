"""Every front, started once a worker, between a raw client and an odd origin."""

from collections.abc import Iterator

import pytest

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
        upstream_authorities=parts.authorities,
    )
    port = await front.start("127.0.0.1", parts.port)
    return Running(port, await front.start_tls("127.0.0.1", 0), front.drain)


FRONTS = {"mitmproxy": start_mitmproxy, "nginx": start_nginx}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mark_limits(items)


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
