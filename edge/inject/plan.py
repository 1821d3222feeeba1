"""Plan one request and its response: what goes to the origin, what to the client, and the body.

The face of this package: every front calls ``plan_request`` before it asks the origin and
``plan_response`` when the origin's headers are there, and then feeds the body to the rewriter it
was given, if any. Pure: no I/O, no clock, no counting. The one invariant: nothing here raises, and
a request or response that is not ours to touch keeps its headers as they are.

A page with and without the tag share one URL: the tag goes into what a browser loads as a document,
not into what a script fetches. ``Vary`` stays as the origin wrote it all the same: naming
``Sec-Fetch-Dest`` there would split or switch off every cache in front of the edge. What a shared
cache mixes up is harmless either way: a script that reads a page as text meets one inert element,
and a visitor who gets a copy without the tag is one visit not counted.
"""

import logging
from functools import partial
from typing import NamedTuple

from edge.crash import place_of
from edge.inject import csp, decide, validators
from edge.inject.codings import narrow_accept_encoding, open_codec, single_coding
from edge.inject.decide import Fields, SkipReason
from edge.inject.prelude import Expectations, PreludeScanner
from edge.inject.rewriter import (
    BodyBrokenError,
    BodyRewriter,
    CodedRewriter,
    PlainRewriter,
    ShadowRewriter,
)
from edge.inject.stance import Stance, stance_of
from edge.inject.tag import Headers, Tag, own_tag_pattern, render_tag
from edge.sites import Site

__all__ = [
    "BodyBrokenError",
    "BodyRewriter",
    "Headers",
    "RequestPlan",
    "ResponsePlan",
    "SkipReason",
    "Tag",
    "plan_request",
    "plan_response",
]

_log = logging.getLogger(__name__)


class RequestPlan(NamedTuple):
    """What to send to the origin, and what is known for the response.

    ``candidate``: the answer may get the tag (or would, in shadow mode). ``reason``: why it may
    not, if that is certain already. ``target`` is the request's, for whoever explains the plan.
    ``is_document``: the request asks for what may be a page, whatever the stance.
    """

    site: Site
    method: str
    target: bytes
    headers: Headers
    tag: Tag
    origin: str
    candidate: bool
    reason: SkipReason | None
    needs_evidence: bool
    conditions: validators.Conditions
    stance: Stance
    is_document: bool


class ResponsePlan(NamedTuple):
    """What to send to the client; a ``body`` of None means that bytes pass untouched.

    ``reason`` of None: the tag will be tried; then ``body.outcome`` has the last word.
    """

    headers: Headers
    body: BodyRewriter | None
    reason: SkipReason | None


def plan_request(  # noqa: PLR0913 - a request has that many parts.
    site: Site,
    method: str,
    target: bytes,
    headers: Headers,
    tag: Tag,
    *,
    origin: str = "",
    stance: Stance | None = None,
) -> RequestPlan:
    """Decide what of a request the origin sees.

    Args:
        site: Whose page is asked for.
        method: The request's method.
        target: The request's target, raw.
        headers: The client's.
        tag: What would be put in.
        origin: Scheme, host and port as the browser has them, ``https://shop.example:8443``; a
            policy can name our URLs by it only. Empty: read from Host, as ``http``, which in a
            policy stands for both schemes.
        stance: Whether the site's pages get the tag at all; None: by the site's mode alone.
    """
    stance = stance or stance_of(site)
    try:
        fields = decide.request_fields(headers)
        declined = decide.decline_request(method, fields)
        is_document = declined is None
        conditions = validators.take_off_marks(
            headers, fields, tag, is_document=is_document, is_tagged=stance.confirms
        )
        sent = conditions.headers
        if is_document and stance.may_tag:
            sent = _narrow(sent, fields)
        reason, needs_evidence = stance.reason or declined, decide.is_unlabelled(fields)
        origin = origin or _origin_of(fields)
    except Exception as error:  # noqa: BLE001 - fail open: the page comes before the tag
        _log.error("a request could not be planned, it passes unchanged: %s", place_of(error))
        sent, conditions = headers, validators.Conditions(headers)
        reason, is_document, needs_evidence = SkipReason.FAILED, True, False
    return RequestPlan(
        site=site,
        method=method,
        target=target,
        headers=sent,
        tag=tag,
        origin=origin,
        candidate=reason is None,
        reason=reason,
        needs_evidence=needs_evidence,
        conditions=conditions,
        stance=stance,
        is_document=is_document,
    )


def plan_response(plan: RequestPlan, status: int, headers: Headers) -> ResponsePlan:
    """Decide what of a response the client sees, from its status and headers."""
    try:
        return _plan_response(plan, status, headers)
    except Exception as error:  # noqa: BLE001 - fail open: the page comes before the tag
        _log.error("a response could not be planned, it passes unchanged: %s", place_of(error))
        return ResponsePlan(headers, None, SkipReason.FAILED)


def _narrow(headers: Headers, fields: Fields) -> Headers:
    """Ask the origin only for codings that can be undone."""
    narrowed = narrow_accept_encoding(b",".join(fields.get(b"accept-encoding", ())))
    if narrowed is None:
        return headers
    names = [name for name, _ in headers if name.lower() == b"accept-encoding"]
    kept = [item for item in headers if item[0].lower() != b"accept-encoding"]
    return [*kept, (names[0], narrowed)]


def _origin_of(fields: Fields) -> str:
    hosts = fields.get(b"host")
    return f"http://{hosts[0].decode('latin-1')}" if hosts else ""


def _plan_response(plan: RequestPlan, status: int, headers: Headers) -> ResponsePlan:
    if status == 304:  # noqa: PLR2004 - HTTP's own number
        return ResponsePlan(
            _describe_copy(plan, headers), None, plan.reason or SkipReason.NOT_MODIFIED
        )
    reason = plan.reason or decide.decline_status(status)
    if reason is not None:
        return ResponsePlan(headers, None, reason)
    fields = decide.response_fields(headers)
    coding = single_coding(fields.get(b"content-encoding", []))
    reason = decide.decline_response(fields)
    if reason is None and coding is None:
        reason = SkipReason.CODING
    if reason is not None or coding is None:
        return ResponsePlan(headers, None, reason)
    policy = csp.CspAnswer(headers)
    if decide.has_policy(fields):
        sources = csp.own_sources(plan.tag, plan.origin)
        policy = csp.apply_csp(headers, plan.site.csp, sources)
    if policy.reason is not None:
        return ResponsePlan(headers, None, policy.reason)
    stance = plan.stance
    reason = None if stance.ask is None else stance.ask(headers)
    if reason is not None:
        return ResponsePlan(headers, None, reason)
    if stance.shadow:
        return _shadow(plan, headers, _rewriter(plan, fields, coding, policy.nonce))
    marked = validators.mark_response(policy.headers, plan.tag)
    if plan.method == "HEAD":
        return ResponsePlan(marked, None, SkipReason.HEAD)
    return ResponsePlan(marked, _rewriter(plan, fields, coding, policy.nonce), None)


def _shadow(plan: RequestPlan, headers: Headers, rewriter: BodyRewriter) -> ResponsePlan:
    body = None if plan.method == "HEAD" else ShadowRewriter(rewriter)
    return ResponsePlan(headers, body, SkipReason.HEAD if body is None else SkipReason.SHADOW)


def _describe_copy(plan: RequestPlan, headers: Headers) -> Headers:
    """Answer 304 in the terms of the copy that the client has."""
    conditions = plan.conditions
    if not (conditions.marks or conditions.is_current):
        return headers
    sources = csp.own_sources(plan.tag, plan.origin)
    amended = csp.amend_not_modified(headers, plan.site.csp, sources)
    return validators.mark_not_modified(amended, conditions, plan.tag)


def _rewriter(plan: RequestPlan, fields: Fields, coding: bytes, nonce: str) -> BodyRewriter:
    markup = render_tag(plan.tag, nonce)
    described = decide.describe(fields)
    scanner = PreludeScanner(
        Expectations(
            tag_bytes=len(markup),
            own_tag=own_tag_pattern(plan.tag.script_url, plan.tag.others),
            needs_evidence=plan.needs_evidence,
            is_xml=described.media_type == decide.XHTML,
            charset_named=described.is_charset_named,
        )
    )
    inspect = partial(csp.bars_beacon, plan.tag, plan.origin) if plan.site.hits else None
    if not coding:
        return PlainRewriter(scanner, markup, inspect)
    return CodedRewriter(scanner, markup, open_codec(coding), inspect)
