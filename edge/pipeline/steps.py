"""The pipeline: the ordered list of steps that make an Event of a Beacon, or end it with a reason.

Reading ``STEPS`` is reading what is done to every event. A ``drop_`` step may end an event, a
``put_`` step only adds. Parsing comes before (``edge.collector.payload``), buffering after. The one
invariant: ``process`` is pure given its context, and gives exactly one outcome.
"""

import logging
from collections.abc import Callable

from edge.event import Beacon, Event, Sender
from edge.outcomes import DropReason
from edge.pipeline.bots import put_bot
from edge.pipeline.cities import put_city
from edge.pipeline.consent import drop_dnt, drop_gpc, drop_opted_out
from edge.pipeline.device import put_device, put_language, put_screen
from edge.pipeline.draft import Context, Draft
from edge.pipeline.identity import put_place, put_visitor
from edge.pipeline.load import put_load, put_status
from edge.pipeline.moment import drop_day_without_salt, drop_too_old, put_moment
from edge.pipeline.page import drop_foreign_host, put_page, put_props
from edge.pipeline.shields import (
    drop_shielded_country,
    drop_shielded_host,
    drop_shielded_ip,
    drop_shielded_path,
    drop_shielded_referrer,
)
from edge.pipeline.signals import drop_module_off, put_signal
from edge.pipeline.source import (
    drop_spam_referrer,
    put_campaign,
    put_channel,
    put_referrer,
    put_source,
)

type Step = Callable[[Draft], DropReason | None]

_log = logging.getLogger(__name__)

STEPS: tuple[Step, ...] = (
    drop_opted_out,
    drop_dnt,
    drop_gpc,
    drop_module_off,
    drop_shielded_ip,
    drop_too_old,
    put_page,
    drop_foreign_host,
    drop_shielded_host,
    drop_shielded_path,
    put_moment,
    drop_day_without_salt,
    put_props,
    put_signal,
    put_referrer,
    drop_spam_referrer,
    drop_shielded_referrer,
    put_campaign,
    put_source,
    put_channel,
    put_device,
    put_screen,
    put_language,
    put_place,
    drop_shielded_country,
    put_visitor,
    put_load,
    put_status,
    put_bot,
    put_city,
)


def process(
    beacon: Beacon, sender: Sender, context: Context, steps: tuple[Step, ...] = STEPS
) -> Event | DropReason:
    """Run one beacon through the steps; a step that raises ends it as ``step_failed``."""
    draft = Draft(beacon, sender, context)
    for step in steps:
        try:
            reason = step(draft)
        except Exception as error:  # noqa: BLE001 - the rim of the pipeline: named, counted, no page harmed.
            name = getattr(step, "__name__", "a step")
            _log.error("%s failed: %s", name, type(error).__name__)
            return DropReason.STEP_FAILED
        if reason is not None:
            return reason
    return draft.to_event()
