"""What a rule does, in words: for the list of a site's rules and for the form that makes one.

The model is ``rules.model``. The one invariant: every combination that the model allows has a row,
but for goals, which have pages of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.language import N_
from rules.model import LISTS, Action, Kind, Subject

SCRIPT = N_("The script in pages")
COUNTED = N_("What is counted")
STORED = N_("What is stored")
EVENTS = N_("Custom events")


@dataclass(frozen=True, slots=True)
class Doing:
    """One thing that a rule can do: how the form offers it, how the list says it."""

    kind: Kind
    action: Action
    subject: Subject
    group: str
    label: str
    example: str
    help: str = ""

    @property
    def key(self) -> str:
        """What the form calls it."""
        return f"{self.kind}.{self.action}.{self.subject}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The further fields that such a rule has."""
        if self.action is Action.MASK:
            return ("to",)
        if self.action is Action.SEND:
            return ("name", "props", *(("when",) if self.subject is Subject.SELECTORS else ()))
        return ()


_PATHS = N_("Whole paths, without a query; * stands for anything. /shop/** is also /shop itself.")
_HOSTS = N_("Host names; * stands for anything.")
_REFERRERS = N_("Host names; each stands for its subdomains too.")
_NETWORKS = N_("Addresses, or networks such as 203.0.113.0/24.")
_COUNTRIES = N_("Two letters each, such as FR.")
_PARAMS = N_("A parameter's name, or name=value.")

_ROWS: tuple[tuple[Kind, Action, Subject, str, str, str, str], ...] = (
    (
        Kind.INJECT,
        Action.EXCLUDE,
        Subject.PATHS,
        SCRIPT,
        N_("Keep the script out of"),
        "/admin/**",
        _PATHS,
    ),
    (
        Kind.INJECT,
        Action.INCLUDE,
        Subject.PATHS,
        SCRIPT,
        N_("Put the script into"),
        "/shop/**",
        _PATHS,
    ),
    (
        Kind.INJECT,
        Action.EXCLUDE,
        Subject.PARAMS,
        SCRIPT,
        N_("Keep the script out of pages with the parameter"),
        "preview=1",
        _PARAMS,
    ),
    (
        Kind.INJECT,
        Action.INCLUDE,
        Subject.PARAMS,
        SCRIPT,
        N_("Put the script into pages with the parameter"),
        "live",
        _PARAMS,
    ),
    (
        Kind.TRAFFIC,
        Action.DROP,
        Subject.NETWORKS,
        COUNTED,
        N_("Do not count visits from the network"),
        "203.0.113.0/24",
        _NETWORKS,
    ),
    (
        Kind.TRAFFIC,
        Action.DROP,
        Subject.COUNTRIES,
        COUNTED,
        N_("Do not count visits from the country"),
        "FR",
        _COUNTRIES,
    ),
    (
        Kind.TRAFFIC,
        Action.DROP,
        Subject.HOSTS,
        COUNTED,
        N_("Do not count visits to the host"),
        "staging.*",
        _HOSTS,
    ),
    (
        Kind.TRAFFIC,
        Action.DROP,
        Subject.REFERRERS,
        COUNTED,
        N_("Do not count visits sent by"),
        "spam.example",
        _REFERRERS,
    ),
    (
        Kind.TRAFFIC,
        Action.DROP,
        Subject.PATHS,
        COUNTED,
        N_("Do not count visits to"),
        "/internal/**",
        _PATHS,
    ),
    (
        Kind.TRAFFIC,
        Action.ALLOW,
        Subject.NETWORKS,
        COUNTED,
        N_("Count visits from the network"),
        "198.51.100.7",
        _NETWORKS,
    ),
    (
        Kind.TRAFFIC,
        Action.ALLOW,
        Subject.COUNTRIES,
        COUNTED,
        N_("Count visits from the country"),
        "DE",
        _COUNTRIES,
    ),
    (
        Kind.TRAFFIC,
        Action.ALLOW,
        Subject.HOSTS,
        COUNTED,
        N_("Count visits to the host"),
        "shop.example.com",
        _HOSTS,
    ),
    (
        Kind.TRAFFIC,
        Action.ALLOW,
        Subject.REFERRERS,
        COUNTED,
        N_("Count visits sent by"),
        "partner.example",
        _REFERRERS,
    ),
    (
        Kind.TRAFFIC,
        Action.ALLOW,
        Subject.PATHS,
        COUNTED,
        N_("Count visits to"),
        "/public/**",
        _PATHS,
    ),
    (
        Kind.PRIVACY,
        Action.MASK,
        Subject.PATHS,
        STORED,
        N_("Store another path for"),
        "/users/*",
        _PATHS,
    ),
    (
        Kind.PRIVACY,
        Action.NORMALISE,
        Subject.SEGMENTS,
        STORED,
        N_("Store :id for parts of paths that are"),
        "numbers",
        N_("numbers, uuids or hashes."),
    ),
    (
        Kind.PRIVACY,
        Action.KEEP,
        Subject.PARAMS,
        STORED,
        N_("Keep the parameter"),
        "q",
        N_("Names; all others are cut off before anything is kept."),
    ),
    (
        Kind.EVENT,
        Action.SEND,
        Subject.PATHS,
        EVENTS,
        N_("Send an event with each view of"),
        "/thank-you*",
        _PATHS,
    ),
    (
        Kind.EVENT,
        Action.SEND,
        Subject.SELECTORS,
        EVENTS,
        N_("Send an event when somebody uses"),
        "#buy",
        "CSS selectors of the element, or of what is around it.",
    ),
)

DOINGS: dict[str, Doing] = {(row := Doing(*values)).key: row for values in _ROWS}


def groups() -> dict[str, list[Doing]]:
    """List what the form offers, by group."""
    grouped: dict[str, list[Doing]] = {}
    for doing in DOINGS.values():
        grouped.setdefault(doing.group, []).append(doing)
    return grouped


def doing_of(rule: Mapping[str, Any]) -> Doing | None:
    """Find what a stored rule does; None for a goal, which this page only shows as text."""
    subject = next((s for s in Subject if s.value in rule), None)
    return DOINGS.get(f"{rule['kind']}.{rule['action']}.{subject}")


def told(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Say a stored rule in words, for the list."""
    subject = next(s for s in Subject if s.value in rule)
    doing = doing_of(rule)
    return {
        "id": rule["id"],
        "does": doing.label if doing else f"{rule['kind']} {rule['action']}",
        "editable": doing is not None,
        "values": rule[subject.value],
        "to": rule.get("to", ""),
        "name": rule.get("name", ""),
        "props": rule.get("props", {}),
        "when": rule.get("when", ""),
    }


def uncovered() -> set[str]:
    """List combinations of the model that have no row, goals apart."""
    wanted = {
        f"{kind}.{action}.{subject}"
        for kind, actions in LISTS.items()
        for action, subjects in actions.items()
        for subject in subjects
        if kind is not Kind.GOAL
    }
    return wanted - DOINGS.keys()
