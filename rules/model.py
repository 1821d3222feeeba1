"""What a rule is: one statement of policy, a pack's or a site's own.

Reading and checking is ``rules.loader``, applying ``rules.matcher``. The one invariant: a rule is
plain data and says one thing: it looks at one subject and, where one of its values matches, does
one action. In each list (``LISTS``) the first rule that matches wins.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a rule is about."""

    INJECT = "inject"
    TRAFFIC = "traffic"
    PRIVACY = "privacy"
    EVENT = "event"
    GOAL = "goal"


class Action(StrEnum):
    """What a rule does where it matches."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    ALLOW = "allow"
    DROP = "drop"
    MASK = "mask"
    NORMALISE = "normalise"
    KEEP = "keep"
    SEND = "send"
    REACH = "reach"


class Subject(StrEnum):
    """What a rule looks at; the value is the key that its values stand under."""

    PATHS = "paths"
    PARAMS = "params"
    NETWORKS = "networks"
    COUNTRIES = "countries"
    HOSTS = "hosts"
    REFERRERS = "referrers"
    SEGMENTS = "segments"
    EVENTS = "events"
    SELECTORS = "selectors"


class When(StrEnum):
    """What a visitor does to an element that a selector names."""

    CLICK = "click"
    SUBMIT = "submit"


LISTS: dict[Kind, dict[Action, tuple[Subject, ...]]] = {
    Kind.INJECT: {
        Action.INCLUDE: (Subject.PATHS, Subject.PARAMS),
        Action.EXCLUDE: (Subject.PATHS, Subject.PARAMS),
    },
    Kind.TRAFFIC: dict.fromkeys(
        (Action.ALLOW, Action.DROP),
        (Subject.NETWORKS, Subject.COUNTRIES, Subject.HOSTS, Subject.REFERRERS, Subject.PATHS),
    ),
    Kind.PRIVACY: {
        Action.MASK: (Subject.PATHS,),
        Action.NORMALISE: (Subject.SEGMENTS,),
        Action.KEEP: (Subject.PARAMS,),
    },
    Kind.EVENT: {Action.SEND: (Subject.PATHS, Subject.SELECTORS)},
    Kind.GOAL: {Action.REACH: (Subject.PATHS, Subject.EVENTS)},
}
"""Kind → action → the subjects that such a rule may look at."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``id`` is unique in its list and shown wherever the rule decides.

    ``to`` is what a mask writes, ``$1`` for what the first ``*`` stood for; ``name`` and ``props``
    are those of the custom event or goal; ``when`` says what must be done to a selector's element.
    """

    id: str
    kind: Kind
    action: Action
    subject: Subject
    values: tuple[str, ...]
    to: str = ""
    name: str = ""
    props: tuple[tuple[str, str], ...] = ()
    when: str = ""
