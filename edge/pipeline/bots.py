"""Step: mark automated traffic, with its class, its operator and the signs of it.

Agents are read by ``edge.pipeline.agents``, signs weighed by ``rules.evidence``. The one invariant:
a bot is marked and stored, never dropped, and every mark is counted.
"""

from edge.counts import Counts
from edge.event import PAGEVIEW, Event
from edge.page_url import split_page
from edge.pipeline.draft import Draft
from rules.agents import AUTOMATION, HUMAN, UNKNOWN
from rules.evidence import (
    SIGNALS,
    Evidence,
    beacon_headers,
    document_headers,
    names,
    probed_path,
    viewport,
    weigh,
)

_BOTS = Counts(
    "statflow_bots",
    "Events marked as automated traffic, by site and class.",
    "site",
    "class",
)
_SIGNS = Counts(
    "statflow_bot_evidence",
    "Events with a sign of automated traffic, whether or not it made a bot of the sender.",
    "site",
    "evidence",
)
_AGENT, _AUTOMATION, _RATE, _SPOOFED = map(
    int, (Evidence.AGENT, Evidence.AUTOMATION, Evidence.RATE, Evidence.SPOOFED)
)
_PROGRAM = int(Evidence.AUTOMATION | Evidence.HEADLESS)


def put_bot(draft: Draft) -> None:
    """Set bot class, operator and evidence; runs after the visitor hash and the device."""
    evidence = gather(draft)
    bot = draft.device.bot
    if not bot and weigh(evidence):
        bot = AUTOMATION if evidence & _PROGRAM else UNKNOWN
    if evidence & _SPOOFED:
        bot = UNKNOWN
    draft.bot, draft.evidence = bot, evidence
    draft.operator = draft.device.operator if bot and not evidence & _SPOOFED else ""


def gather(draft: Draft) -> int:
    """Gather every sign that a beacon gives, or a request for a page: a mask of ``Evidence``.

    In plain integers, for a flag costs as much to add as all else here.
    """
    beacon, sender, context = draft.beacon, draft.sender, draft.context
    evidence = int(viewport(beacon.viewport_px))
    if draft.device.bot != HUMAN:
        evidence |= _AGENT
        if context.ranges is not None:
            agent = sender.agent.decode("latin-1")
            evidence |= int(context.ranges.judge(agent, sender.address))
    if beacon.automation:
        evidence |= _AUTOMATION
    # A server that sends for its visitors gives their agent and its own headers.
    if context.headers.get(b"user-agent") == sender.agent:
        secure = beacon.url.startswith("https://")
        if sender.is_document:
            evidence |= int(document_headers(context.headers, sender.agent, secure=secure))
            evidence |= int(probed_path(split_page(beacon.url).path))
        else:
            evidence |= int(beacon_headers(context.headers, sender.agent, secure=secure))
    if beacon.name == PAGEVIEW and context.pace is not None:
        now_ms, visitor = context.now_ms, draft.visitor
        if context.pace.is_too_fast(sender.site.id, visitor, now_ms):
            evidence |= _RATE
    return evidence


def count_marks(event: Event) -> None:
    """Count an event's class of bot and its signs, for events that are kept."""
    if event.bot:
        _BOTS.add(event.site_id, event.bot)
    if event.evidence:
        for name in names(event.evidence):
            _SIGNS.add(event.site_id, name)


SIGNS: tuple[str, ...] = tuple(str(signal.bit.name).lower() for signal in SIGNALS)
"""Every value of the label ``evidence``."""
