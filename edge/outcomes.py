"""What became of a beacon: accepted, or exactly one named reason.

Every reason names the stage that emits it and whether seeing it is unexpected, so that the table in
``docs/outcomes.md`` and the counters in ``/metrics`` can never disagree with the code. The one
invariant: each event that reaches the collector ends in exactly one outcome, and ``count`` is the
only place where outcomes are counted.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.counts import Counts

ACCEPTED = "accepted"


class Stage(StrEnum):
    """Where in the life of an event a drop happens, in order."""

    ENDPOINT = "endpoint"
    PAYLOAD = "payload"
    PIPELINE = "pipeline"
    BUFFER = "buffer"
    FORWARDER = "forwarder"


class DropReason(StrEnum):
    """Why an event was not kept; the value is what counters, answers and docs show."""

    TOO_LARGE = "too_large"
    INVALID_JSON = "invalid_json"
    INVALID_PAYLOAD = "invalid_payload"
    TOO_MANY_EVENTS = "too_many_events"
    RATE_LIMITED = "rate_limited"
    OPTED_OUT = "opted_out"
    DNT = "dnt"
    GPC = "gpc"
    MODULE_OFF = "module_off"
    SHIELDED_IP = "shielded_ip"
    SHIELDED_COUNTRY = "shielded_country"
    SHIELDED_PATH = "shielded_path"
    HOSTNAME_NOT_ALLOWED = "hostname_not_allowed"
    SPAM_REFERRER = "spam_referrer"
    TOO_OLD = "too_old"
    NO_SALT = "no_salt"
    STEP_FAILED = "step_failed"
    BUFFER_UNAVAILABLE = "buffer_unavailable"
    NO_VISIT = "no_visit"
    DEAD_LETTER_DISCARDED = "dead_letter_discarded"
    DEAD_LETTER_PUSHED_OUT = "dead_letter_pushed_out"


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the table of reasons.

    ``lost`` tells whether the sender was promised anything: a refused beacon (4xx, 5xx) may be sent
    again, a dropped one is answered 202.
    """

    reason: DropReason
    stage: Stage
    unexpected: bool
    meaning: str


REASONS: tuple[Reason, ...] = (
    Reason(DropReason.TOO_LARGE, Stage.ENDPOINT, False, "The body is larger than 64 KiB."),
    Reason(DropReason.RATE_LIMITED, Stage.ENDPOINT, False, "The client or the site sent too fast."),
    Reason(DropReason.INVALID_JSON, Stage.PAYLOAD, False, "The body is not JSON of our shape."),
    Reason(DropReason.TOO_MANY_EVENTS, Stage.PAYLOAD, False, "A batch holds more than 50 events."),
    Reason(DropReason.INVALID_PAYLOAD, Stage.PAYLOAD, False, "A field is missing or wrong."),
    Reason(DropReason.OPTED_OUT, Stage.PIPELINE, False, "The visitor chose not to be counted."),
    Reason(DropReason.DNT, Stage.PIPELINE, False, "The browser sent DNT: 1."),
    Reason(DropReason.GPC, Stage.PIPELINE, False, "The browser sent Sec-GPC: 1."),
    Reason(
        DropReason.MODULE_OFF,
        Stage.PIPELINE,
        False,
        "A part of the tracker sent it that the site does not have on.",
    ),
    Reason(
        DropReason.SHIELDED_IP, Stage.PIPELINE, False, "A rule of the site keeps the address out."
    ),
    Reason(
        DropReason.SHIELDED_COUNTRY,
        Stage.PIPELINE,
        False,
        "A rule of the site keeps the country out.",
    ),
    Reason(
        DropReason.SHIELDED_PATH, Stage.PIPELINE, False, "A rule of the site keeps the page out."
    ),
    Reason(
        DropReason.HOSTNAME_NOT_ALLOWED,
        Stage.PIPELINE,
        False,
        "The page's host is not one of the site's, or a rule keeps it out.",
    ),
    Reason(
        DropReason.SPAM_REFERRER,
        Stage.PIPELINE,
        False,
        "The referrer is on the list of spam, or a rule keeps it out.",
    ),
    Reason(
        DropReason.TOO_OLD,
        Stage.PIPELINE,
        False,
        "The event is older than 24 h, or of a local day whose salt is gone.",
    ),
    Reason(DropReason.NO_SALT, Stage.PIPELINE, True, "The salt store could not be reached."),
    Reason(DropReason.STEP_FAILED, Stage.PIPELINE, True, "A step raised; see the log."),
    Reason(
        DropReason.BUFFER_UNAVAILABLE,
        Stage.BUFFER,
        True,
        "The buffer could not take the event; the sender was told 503.",
    ),
    Reason(
        DropReason.NO_VISIT,
        Stage.FORWARDER,
        False,
        "An engagement event came without a visit to belong to.",
    ),
    Reason(
        DropReason.DEAD_LETTER_DISCARDED,
        Stage.FORWARDER,
        False,
        "Somebody discarded the dead letter that it had become.",
    ),
    Reason(
        DropReason.DEAD_LETTER_PUSHED_OUT,
        Stage.FORWARDER,
        True,
        "It had become a dead letter, and newer ones pushed it out.",
    ),
)

_OUTCOMES = Counts(
    "statflow_events",
    "Events by site and outcome: accepted, or one drop reason.",
    "site",
    "outcome",
)


def count(site_id: int, outcome: DropReason | None, n: int = 1) -> None:
    """Count ``n`` events of a site with one outcome; ``None`` is accepted."""
    _OUTCOMES.add(site_id, ACCEPTED if outcome is None else outcome.value, n=n)
