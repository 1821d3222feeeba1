"""A site's rules, compiled: what each part of the edge asks, one question a method.

The rules of the pack ``inject`` stand behind a site's own. The one invariant: in each list the
first rule that matches wins; where none does, the opposite of the list's last own rule holds, so
that ``include /shop/**`` alone means nothing but the shop, and ``allow`` one host means no other.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl

from rules.loader import load_rules
from rules.matcher import (
    Address,
    Networks,
    Ordered,
    Tried,
    any_glob,
    matches_of,
    plain_path,
    write_mask,
    write_segments,
)
from rules.model import Action, Kind, Rule, Subject
from rules.tables import PACKS

_MAX_PARAMS = 200
_POSITIVE = frozenset({Action.INCLUDE, Action.ALLOW})


@dataclass(frozen=True, slots=True)
class Page:
    """A page's address as rules see it: its readable path, parameters as name and name=value."""

    path: str
    params: frozenset[str]

    @classmethod
    def of(cls, target: str) -> "Page":
        """Read a request's target or the part of a URL behind the host."""
        path, _, query = target.partition("?")
        return cls(plain_path(path), _words(query) if query else frozenset())


def _words(query: str) -> frozenset[str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMS)
    except ValueError:
        return frozenset()
    return frozenset(word for name, value in pairs for word in (name, f"{name}={value}"))


class Policy:
    """The rules of one site, indexed by who asks."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._own = _pages(rules)
        self._pack = _pages(inject_pack())
        self._masks = _texts(rules, Kind.PRIVACY, Subject.PATHS, Subject.SEGMENTS)
        self._events = _texts(rules, Kind.EVENT, Subject.PATHS)
        self.makes_events = bool(self._events.rows)
        """Whether any rule makes an event of the view of a page."""
        self._shields: dict[Subject, Ordered[Any]] = {
            subject: _texts(rules, Kind.TRAFFIC, subject)
            for subject in (Subject.PATHS, Subject.HOSTS, Subject.COUNTRIES, Subject.REFERRERS)
        }
        self._shields[Subject.NETWORKS] = Ordered(
            tuple(
                (rule, Networks(rule.values).matches)
                for rule in rules
                if (rule.kind, rule.subject) == (Kind.TRAFFIC, Subject.NETWORKS)
            )
        )
        self.kept_params = tuple(
            name for rule in rules if rule.action is Action.KEEP for name in rule.values
        )
        self.listened = tuple(rule for rule in rules if rule.subject is Subject.SELECTORS)
        """Events that the tracker makes of what a visitor does to an element."""
        self.rules = rules

    def may_inject(self, target: str) -> bool:
        """Tell whether the rules let the script into the page of a request's target."""
        page = Page.of(target)
        won = self._own.first(page) or self._pack.first(page)
        return _holds(won, self._own)

    def trace_inject(self, target: str) -> tuple[Tried[Page], ...]:
        """List the rules that ``may_inject`` asks, the site's own and then the pack's."""
        page = Page.of(target)
        own = self._own.trace(page)
        return own if own and own[-1].matched else (*own, *self._pack.trace(page))

    def admits(self, subject: Subject, value: str | Address) -> bool:
        """Tell whether no shield of a subject keeps this value out."""
        rules = self._shields[subject]
        return not rules.rows or _holds(rules.first(value), rules)

    def trace_shields(self, subject: Subject, value: str | Address) -> tuple[Tried[Any], ...]:
        """List the rules that ``admits`` asks."""
        return self._shields[subject].trace(value)

    def has_shields(self, subject: Subject) -> bool:
        """Tell whether any shield looks at a subject."""
        return bool(self._shields[subject].rows)

    def mask_path(self, path: str) -> str:
        """Write a readable path as the first rule of privacy that matches it says."""
        rule = self._masks.first(path)
        if rule is None:
            return path
        if rule.action is Action.NORMALISE:
            return write_segments(rule.values, path)
        return write_mask(rule, path)

    def trace_masks(self, path: str) -> tuple[Tried[str], ...]:
        """List the rules that ``mask_path`` asks."""
        return self._masks.trace(path)

    def event_of(self, path: str) -> Rule | None:
        """Find the rule that makes a custom event of a view of this readable path."""
        return self._events.first(path)

    def trace_events(self, path: str) -> tuple[Tried[str], ...]:
        """List the rules that ``event_of`` asks."""
        return self._events.trace(path)


def _holds(won: Rule | None, own: Ordered[Any]) -> bool:
    if won is not None:
        return won.action in _POSITIVE
    return own.last is None or own.last.action not in _POSITIVE


def _pages(rules: tuple[Rule, ...]) -> Ordered[Page]:
    return Ordered(tuple((rule, _on_page(rule)) for rule in rules if rule.kind is Kind.INJECT))


def _on_page(rule: Rule) -> Any:
    if rule.subject is Subject.PARAMS:
        words = frozenset(rule.values)
        return lambda page: not words.isdisjoint(page.params)
    matches = any_glob(rule.values)
    return lambda page: matches(page.path)


def _texts(rules: tuple[Rule, ...], kind: Kind, *subjects: Subject) -> Ordered[str]:
    chosen = (rule for rule in rules if rule.kind is kind and rule.subject in subjects)
    return Ordered(tuple((rule, matches_of(rule)) for rule in chosen))


@cache
def inject_pack() -> tuple[Rule, ...]:
    """Load the pages that never get the script, once a process."""
    return load_rules(PACKS / "inject.yaml")


@lru_cache(maxsize=256)
def policy_of(rules: tuple[Rule, ...]) -> Policy:
    """Compile rules, for equal ones of late once; sites keep theirs."""
    return Policy(rules)
