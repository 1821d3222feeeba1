"""The conformance suite's cases on what nginx carries natively: a dead edge is not even noticed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conformance.cases import PASSING, Case
from tests.conformance.limits import LIMITS
from tests.conformance.test_cases import check_client, check_origin, run
from tests.support.front_stack import FrontStack
from tests.support.nginx_front import NginxStart

_INTERIM = "nginx before 1.29 takes an interim answer for the final one"
NATIVE_LIMITS = {
    "HTTP/1.0 gets no interim answers": _INTERIM,
    "an unasked 100 is not passed on": _INTERIM,
    "an origin's folded line is unfolded": "nginx answers 502",
}
LABEL = b"\r\nSec-Fetch-Dest: image\r\n"


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontStack]:
    start = NginxStart(options={"edge": "127.0.0.1:1"})
    stack = FrontStack(start, tmp_path_factory.mktemp("nginx"), front="nginx")
    stack.start()
    yield stack
    stack.stop()


def as_image(case: Case) -> Case:
    return replace(case, request=case.request.replace(b"\r\nHost:", LABEL + b"Host:", 1))


@pytest.mark.parametrize("case", PASSING, ids=lambda case: case.name)
def test_case_natively(request: pytest.FixtureRequest, native: FrontStack, case: Case) -> None:
    if reason := {**LIMITS["nginx"], **NATIVE_LIMITS}.get(case.name):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    origins = (native.origin, native.other, native.tls_origin)
    for origin in origins:
        origin.take()
    reply, closed = run(native, as_image(case))

    check_client(case, reply, "nginx")
    assert closed is case.closes
    seen = [one for origin in origins for one in origin.take()]
    assert bool(seen) is case.reaches_origin
    for one in seen:
        check_origin(case, one)
