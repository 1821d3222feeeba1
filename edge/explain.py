"""Why the edge does what it does to one URL: the whole decision, without serving anything.

Runs the same code as a front and the collector (``fronts.reception``, ``inject.plan``,
``pipeline.steps``) on a request that nobody sent, with what an answer of the site would look like.
Fetching a real answer is the command's work. The one invariant: nothing here decides anything by
itself; it asks the code that serves, and writes down what that said.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from edge.event import NO_SCROLL, Address, Beacon, Event, Sender
from edge.fronts.control import Control
from edge.fronts.reception import Forward, Incoming, Own, Reception, Upstream
from edge.inject.decide import REASONS, SkipReason, Stage
from edge.inject.plan import Tag, plan_request, plan_response
from edge.inject.tag import render_tag
from edge.outcomes import DropReason
from edge.pipeline.days import day_before, days_since_epoch, local_day
from edge.pipeline.draft import Context, Devices, Places
from edge.pipeline.steps import process
from edge.sites import Site
from edge.wire.fields import Field
from edge.wire.refusal import Challenge, Prepared, Redirect, Refusal
from rules.masks import known_masks
from rules.matcher import Tried as RuleAsked
from rules.matcher import plain_path
from rules.model import Subject

_NOBODY = ip_address("192.0.2.1")
_NOT_KEPT = frozenset({"site_id", "visitor", "previous", "ts_ms", "local_day"})
_STAGES = tuple(Stage)
PLAIN_PAGE = b"<!doctype html><html><head><title>A page</title></head><body></body></html>"
PLAIN_FIELDS: tuple[Field, ...] = ((b"Content-Type", b"text/html; charset=utf-8"),)


@dataclass(frozen=True, slots=True)
class Question:
    """A request that might come, and the answer that the site might give."""

    url: str
    method: str = "GET"
    headers: tuple[Field, ...] = ()
    status: int = 200
    answer_headers: tuple[Field, ...] = PLAIN_FIELDS
    body: bytes = PLAIN_PAGE
    address: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """One check, in the order of the table in ``docs/injection.md``."""

    rule: str
    matched: bool


@dataclass(frozen=True, slots=True)
class RuleTried:
    """One rule of the site or of a pack that was asked, in ``list``, by its id."""

    list: str
    rule: str
    matched: bool


@dataclass(frozen=True, slots=True)
class RuleEvent:
    """An event that a rule makes of this page: of its view, or of what is done to an element."""

    rule: str
    name: str
    props: dict[str, str]
    when: str
    selectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision: who takes the request, whether the page gets the tag, what would be kept.

    ``handled_by`` is ``origin``, ``endpoint`` or ``edge`` (refused or answered by the edge itself);
    ``won`` names the check that decided, empty where none objected.
    """

    site: str
    handled_by: str
    inject: bool
    reason: str
    meaning: str
    tried: tuple[Tried, ...] = ()
    won: str = ""
    tag: str = ""
    stores: dict[str, Any] = field(default_factory=dict)
    rules: tuple[RuleTried, ...] = ()
    events: tuple[RuleEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The parts of an edge that explaining asks."""

    reception: Reception
    control: Control
    tag_for: Callable[[Site], Tag]
    places: Places
    devices: Devices


def explain(question: Question, knowledge: Knowledge, now_ms: int) -> Explanation:
    """Explain one URL.

    Units: ``now_ms`` Unix milliseconds.

    Raises:
        ValueError: The URL is not an absolute http or https URL.
    """
    incoming = _incoming(question)
    route = knowledge.reception.receive(incoming)
    if isinstance(route, Own):
        return Explanation(
            route.site.host, "endpoint", False, "own_endpoint", "The edge answers this itself."
        )
    if not isinstance(route, Forward):
        return _answered_by_edge(route)
    site = route.site
    tag = knowledge.tag_for(site)
    reason = _decide(question, incoming.target, route, tag, knowledge.control)
    stores = _would_store(question, site, knowledge, now_ms)
    return Explanation(
        site=site.host,
        handled_by="origin",
        inject=reason is None,
        reason=str(reason or "injected"),
        meaning=_meaning(reason),
        tried=_tried(reason),
        won=str(reason or ""),
        tag=render_tag(tag).decode("ascii"),
        stores=stores,
        rules=_rules_tried(question, incoming.target, site, knowledge.places),
        events=() if reason or "dropped" in stores else _events(incoming.target, site),
    )


def fetch_plan(
    question: Question, knowledge: Knowledge
) -> tuple[Upstream, str, list[Field]] | None:
    """Give what a front would ask an origin for this; None where no origin is asked."""
    incoming = _incoming(question)
    route = knowledge.reception.receive(incoming)
    if not isinstance(route, Forward):
        return None
    request = plan_request(
        route.site,
        question.method,
        incoming.target,
        route.headers,
        knowledge.tag_for(route.site),
        origin=route.origin,
    )
    return route.upstreams[0], incoming.target.decode("latin-1"), request.headers


def _incoming(question: Question) -> Incoming:
    parts = urlsplit(question.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{question.url!r}: expected http://HOST/PATH or https://HOST/PATH")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Incoming(
        method=question.method.encode("ascii"),
        target=target.encode("utf-8"),
        named=b"",
        headers=[(b"Host", parts.netloc.encode("idna")), *question.headers],
        peer=_NOBODY,
        tls=parts.scheme == "https",
    )


def _answered_by_edge(answer: Prepared) -> Explanation:
    match answer:
        case Redirect():
            status, said = answer.status, f"Redirected to {answer.location.decode('latin-1')}."
        case Challenge():
            status, said = 200, "An ACME challenge is answered from the edge's folder."
        case Refusal():
            status, said = answer.status, answer.text
        case _:
            raise TypeError(type(answer))
    return Explanation("", "edge", False, f"answered_{status}", said)


def _decide(
    question: Question, target: bytes, route: Forward, tag: Tag, control: Control
) -> SkipReason | None:
    address = ip_address(question.address) if question.address else None
    stance, _ = control.permit(route.site, target, route.headers, address)
    request = plan_request(
        route.site,
        question.method,
        target,
        route.headers,
        tag,
        origin=route.origin,
        stance=stance,
    )
    answer = plan_response(request, question.status, list(question.answer_headers))
    if answer.body is None:
        return answer.reason
    answer.body.feed(question.body)
    answer.body.finish()
    return answer.body.outcome


def _tried(won: SkipReason | None) -> tuple[Tried, ...]:
    """List the checks up to the one that decided; all of them where none objected."""
    rows = sorted(REASONS, key=lambda row: _STAGES.index(row.stage))
    tried = [Tried(str(row.reason), row.reason is won) for row in rows]
    until = next((i for i, check in enumerate(tried) if check.matched), len(tried))
    return tuple(tried[: until + 1])


def _rules_tried(
    question: Question, target: bytes, site: Site, places: Places
) -> tuple[RuleTried, ...]:
    """List the rules that each list asks about this page, up to the one that wins there."""
    policy, text = site.policy, target.decode("utf-8", "replace")
    path = plain_path(text.partition("?")[0])
    address = ip_address(question.address) if question.address else _NOBODY
    headers = {name.lower(): value for name, value in reversed(question.headers)}
    referrer = urlsplit(headers.get(b"referer", b"").decode("latin-1")).hostname or ""
    shields: dict[Subject, str | Address] = {
        Subject.NETWORKS: address,
        Subject.HOSTS: urlsplit(question.url).hostname or "",
        Subject.PATHS: path,
        Subject.REFERRERS: referrer,
        Subject.COUNTRIES: places.find(address).country,
    }
    traces: list[tuple[str, Iterable[RuleAsked[Any]]]] = [("inject", policy.trace_inject(text))]
    traces += [(f"traffic {name}", policy.trace_shields(name, v)) for name, v in shields.items()]
    traces += [("privacy", policy.trace_masks(path)), ("event", policy.trace_events(path))]
    asked = [RuleTried(name, t.rule.id, t.matched) for name, trace in traces for t in trace]
    masks = known_masks().trace(policy.mask_path(path))
    return (*asked, *(RuleTried("masks", name, matched=True) for name in masks))


def _events(target: bytes, site: Site) -> tuple[RuleEvent, ...]:
    """List what the site's rules make of this page besides its view."""
    policy = site.policy
    viewed = policy.event_of(plain_path(target.decode("utf-8", "replace").partition("?")[0]))
    events = [RuleEvent(viewed.id, viewed.name, dict(viewed.props), "view")] if viewed else []
    events += [
        RuleEvent(rule.id, rule.name, dict(rule.props), rule.when, rule.values)
        for rule in policy.listened
    ]
    return tuple(events)


def _meaning(reason: SkipReason | None) -> str:
    found = next((row.meaning for row in REASONS if row.reason is reason), None)
    return found or "The page gets the tag."


def _would_store(
    question: Question, site: Site, knowledge: Knowledge, now_ms: int
) -> dict[str, Any]:
    """Run the pipeline on the page view that this page would send."""
    named = {name.lower(): value for name, value in reversed(question.headers)}
    address = ip_address(question.address) if question.address else _NOBODY
    today = local_day(now_ms, site.zone)
    context = Context(
        now_ms=now_ms,
        headers=named,
        salts={days_since_epoch(day): bytes(32) for day in (today, day_before(today))},
        places=knowledge.places,
        devices=knowledge.devices,
    )
    referrer = named.get(b"referer", b"").decode("latin-1")
    beacon = Beacon(name="pageview", url=question.url, referrer=referrer)
    agent = named.get(b"user-agent", b"")
    sender = Sender(site, address, agent, named, now_ms)
    outcome: Event | DropReason = process(beacon, sender, context)
    if isinstance(outcome, DropReason):
        return {"dropped": str(outcome)}
    kept = {n: v for n, v in outcome._asdict().items() if n not in _NOT_KEPT}
    return {
        n: v for n, v in kept.items() if v not in ("", 0, {}) and (n, v) != ("scroll", NO_SCROLL)
    }
