"""Policies: what lets the tag in, what is added, and what is left alone."""

import pytest

from edge.inject.csp import amend_not_modified, apply_csp, own_sources
from edge.inject.decide import SkipReason
from edge.sites import CspMode
from tests.edge.inject.factories import HTML_UTF8, a_request, a_response, a_site, a_tag, values

CSP = b"Content-Security-Policy"
REPORT = b"content-security-policy-report-only"
JS = b"https://shop.example/sf/1a2b3c4d5e.js https://shop.example/sf/m/"
TO = b"https://shop.example/sf/e"
SOURCES = own_sources(a_tag(), "https://shop.example")


def apply(policy: bytes, mode: CspMode = CspMode.AMEND) -> tuple[bytes, str, SkipReason | None]:
    answer = apply_csp([(CSP, policy)], mode, SOURCES)
    return answer.headers[0][1], answer.nonce, answer.reason


AMENDED = [
    (b"script-src 'self'", b"script-src 'self' " + JS),
    (b"script-src 'none'", b"script-src " + JS),
    (b"script-src 'NONE'; img-src *", b"script-src " + JS + b"; img-src *"),
    (b"script-src", b"script-src " + JS),
    (b"Script-Src a.example ;", b"Script-Src a.example " + JS + b";"),
    (b"connect-src 'self'", b"connect-src 'self' " + TO),
    (b"connect-src 'none'", b"connect-src " + TO),
    (b"img-src 'none'", b"img-src 'none'"),
    (b"upgrade-insecure-requests", b"upgrade-insecure-requests"),
    (b"frame-ancestors 'none'; base-uri 'self'", b"frame-ancestors 'none'; base-uri 'self'"),
    (
        b"default-src 'self' cdn.example",
        b"default-src 'self' cdn.example; script-src 'self' cdn.example "
        + JS
        + b"; connect-src 'self' cdn.example "
        + TO,
    ),
    (
        b"default-src 'none';",
        b"default-src 'none'; script-src " + JS + b"; connect-src " + TO,
    ),
    (
        b"default-src 'none'; script-src-elem b.example",
        b"default-src 'none'; script-src-elem b.example " + JS + b"; connect-src " + TO,
    ),
    (
        b"script-src a.example; script-src-elem b.example; connect-src c.example",
        b"script-src a.example "
        + JS
        + b"; script-src-elem b.example "
        + JS
        + b"; connect-src c.example "
        + TO,
    ),
    (
        b"default-src 'self'; script-src 'unsafe-inline' 'unsafe-eval'; connect-src *",
        b"default-src 'self'; script-src 'unsafe-inline' 'unsafe-eval' "
        + JS
        + b"; connect-src * "
        + TO,
    ),
    (b"script-src 'sha256-abc='", b"script-src 'sha256-abc=' " + JS),
    (b"script-src a; script-src b", b"script-src a " + JS + b"; script-src b"),
    (b"script-src a, connect-src b", b"script-src a " + JS + b", connect-src b " + TO),
    (
        b"script-src x 'strict-dynamic' 'nonce-A+/b=='; connect-src 'self'",
        b"script-src x 'strict-dynamic' 'nonce-A+/b=='; connect-src 'self' " + TO,
    ),
    (b"default-src 'nonce-abc'", b"default-src 'nonce-abc'; connect-src 'nonce-abc' " + TO),
    (b"sandbox allow-scripts; script-src a", b"sandbox allow-scripts; script-src a " + JS),
    (b"require-trusted-types-for 'script'", b"require-trusted-types-for 'script'"),
]


@pytest.mark.parametrize(("policy", "amended"), AMENDED)
def test_our_urls_and_nothing_else_are_added(policy: bytes, amended: bytes) -> None:
    assert apply(policy)[0] == amended
    assert apply(policy)[2] is None


@pytest.mark.parametrize(("policy", "amended"), AMENDED)
def test_amending_twice_is_amending_once(policy: bytes, amended: bytes) -> None:
    assert apply(amended)[0] == amended


def test_the_pages_nonce_is_reused() -> None:
    assert apply(b"script-src 'Nonce-A+/b=='")[:2] == (b"script-src 'Nonce-A+/b=='", "A+/b==")
    assert apply(b"script-src x; script-src-elem 'nonce-e'")[1] == "e"
    assert apply(b"script-src-elem x; script-src 'nonce-e'")[1] == ""
    assert apply(b"style-src 'nonce-e'")[1] == ""
    assert apply(b"script-src 'nonce-\"><b'")[1] == ""


def test_policies_that_lack_the_nonce_are_amended() -> None:
    amended, nonce, reason = apply(b"script-src 'nonce-abc', script-src 'self'")
    assert (nonce, reason) == ("abc", None)
    assert amended == b"script-src 'nonce-abc', script-src 'self' " + JS


def test_every_header_counts_and_an_enforced_nonce_goes_first() -> None:
    headers = [
        (REPORT, b"script-src 'nonce-one'"),
        (b"Server", b"x"),
        (CSP, b"script-src 'nonce-two'"),
        (CSP, b"connect-src 'none'"),
    ]
    answer = apply_csp(headers, CspMode.AMEND, SOURCES)
    assert answer.nonce == "two"
    assert answer.headers == [
        (REPORT, b"script-src 'nonce-one' " + JS),
        (b"Server", b"x"),
        (CSP, b"script-src 'nonce-two'"),
        (CSP, b"connect-src " + TO),
    ]


DECLINED = [
    (b"script-src 'strict-dynamic' 'sha256-abc='", SkipReason.CSP_STRICT_DYNAMIC),
    (b"default-src 'Strict-Dynamic'", SkipReason.CSP_STRICT_DYNAMIC),
    (b"script-src 'nonce-a', script-src 'strict-dynamic' 'nonce-b'", SkipReason.CSP_STRICT_DYNAMIC),
    (b"sandbox", SkipReason.CSP_SANDBOX),
    (b"sandbox allow-forms; script-src 'nonce-a'", SkipReason.CSP_SANDBOX),
]


@pytest.mark.parametrize(("policy", "reason"), DECLINED)
def test_what_no_url_can_open_is_left_alone(policy: bytes, reason: SkipReason) -> None:
    assert apply(policy) == (policy, "", reason)
    assert a_response(HTML_UTF8, (CSP, policy)).body is None


def test_a_sandbox_that_is_only_reported_does_not_count() -> None:
    assert apply_csp([(REPORT, b"sandbox")], CspMode.AMEND, SOURCES).reason is None


REUSE = [
    (b"script-src 'nonce-a'", None),
    (b"script-src 'self'", None),
    (b"script-src https:; connect-src *", None),
    (b"script-src https://shop.example", None),
    (b"script-src " + JS, None),
    (b"default-src 'self'", None),
    (b"img-src 'none'", None),
    (b"script-src 'none'", SkipReason.CSP_BLOCKED),
    (b"script-src cdn.example", SkipReason.CSP_BLOCKED),
    (b"script-src 'nonce-a'; connect-src 'none'", SkipReason.CSP_BLOCKED),
    (b"default-src 'none'; script-src 'self'", SkipReason.CSP_BLOCKED),
]


@pytest.mark.parametrize(("policy", "reason"), REUSE)
def test_reuse_never_changes_a_policy(policy: bytes, reason: SkipReason | None) -> None:
    amended, _, found = apply(policy, CspMode.REUSE)
    assert (amended, found) == (policy, reason)


def test_reuse_lets_a_reported_policy_report() -> None:
    answer = apply_csp([(REPORT, b"script-src 'none'")], CspMode.REUSE, SOURCES)
    assert answer.reason is None


def test_off_neither_reads_nor_writes_policies() -> None:
    request = a_request(site=a_site(csp=CspMode.OFF))
    plan = a_response(HTML_UTF8, (CSP, b"script-src 'none'"), request=request)
    assert plan.body is not None
    assert values(plan.headers, CSP) == [b"script-src 'none'"]


@pytest.mark.parametrize("origin", ["https://[::1]:8443", "", "https://a b"])
def test_an_origin_that_no_policy_can_name_blocks_unless_self_is_allowed(origin: str) -> None:
    sources = own_sources(a_tag(), origin)
    blocked = apply_csp([(CSP, b"script-src 'none'")], CspMode.AMEND, sources)
    assert blocked.reason is SkipReason.CSP_BLOCKED
    fine = [(CSP, b"img-src 'none'")]
    assert apply_csp(fine, CspMode.AMEND, sources).headers == fine


def test_self_is_enough_where_the_origin_cannot_be_named() -> None:
    headers = [(CSP, b"default-src 'self'")]
    answer = apply_csp(headers, CspMode.AMEND, own_sources(a_tag(), "https://[::1]:8443"))
    assert (answer.headers, answer.reason) == (headers, None)


def test_the_plan_puts_the_nonce_into_the_tag_and_the_port_into_the_url() -> None:
    plan = a_response(HTML_UTF8, (CSP, b"script-src 'nonce-abc'"))
    assert plan.body is not None
    assert b'src="/sf/1a2b3c4d5e.js" nonce="abc"></script>' in plan.body.feed(b"<html><head><p>")
    request = a_request(origin="http://shop.example:8080")
    [policy] = values(a_response(HTML_UTF8, (CSP, b"connect-src a"), request=request).headers, CSP)
    assert policy == b"connect-src a http://shop.example:8080/sf/e"


def test_without_an_origin_the_host_header_serves() -> None:
    [policy] = values(
        a_response(HTML_UTF8, (CSP, b"connect-src a"), request=a_request(origin="")).headers, CSP
    )
    assert policy == b"connect-src a http://shop.example/sf/e"


def test_a_304_brings_the_amended_policy_too() -> None:
    headers = [(CSP, b"script-src 'self'")]
    assert amend_not_modified(headers, CspMode.AMEND, SOURCES) == [
        (CSP, b"script-src 'self' " + JS)
    ]
    assert amend_not_modified(headers, CspMode.REUSE, SOURCES) == headers
    assert amend_not_modified([], CspMode.AMEND, SOURCES) == []
