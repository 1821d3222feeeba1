"""Read rules: YAML files and plain objects → ``rules.model``, or an error that says what to write.

A pack and a site's own rules have one form. Applying them is ``rules.matcher``. The one invariant:
a list of rules is taken whole or refused whole, and a refusal names the place (file and line where
there is a file) and what was expected there.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml

from rules.matcher import known_segments
from rules.model import LISTS, Action, Kind, Rule, Subject, When
from rules.selectors import is_selector

type Place = tuple[str | int, ...]

MOST_RULES = 500
MOST_VALUES = 1_000
MAX_TEXT = 500
MOST_STARS = 6
"""In one pattern; with ``MOST_GLOBS`` it bounds what a page or an event can cost."""
MOST_GLOBS = 500
"""Patterns with stars in all rules of a list; those without cost nothing."""
MOST_SELECTOR_BYTES = 16_384
"""What rules by selector may add to the script."""
_MAX_NAME = 120
_MAX_PROPS = 30
_DEEPEST = 20
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_HOST = re.compile(r"[a-z0-9_*-]{1,63}(?:\.[a-z0-9_*-]{1,63}){0,30}|\[?[0-9a-f:.]{2,45}\]?")
_PARAM = re.compile(r"[^\s&#?]{1,128}")
_STARS = re.compile(r"\*+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_RESERVED = frozenset({"pageview", "engagement"})
_EXTRAS = {
    Action.MASK: ("to",),
    Action.SEND: ("name", "props"),
    Action.REACH: ("name", "props"),
}


class RuleError(ValueError):
    """A rule cannot be used; ``place`` leads to the wrong value, ``expected`` says what to write.

    ``line`` is 0 and ``file`` empty where the rules did not come from a file.
    """

    def __init__(self, place: Place, expected: str, file: str = "", line: int = 0) -> None:
        self.place, self.expected, self.file, self.line = place, expected, file, line
        super().__init__(f"{self._where()}: {expected}" if self._where() else expected)

    def _where(self) -> str:
        if self.file:
            return f"{self.file}:{self.line}"
        if self.line:
            return f"line {self.line}"
        at, *rest = [*self.place, None] if self.place else [None]
        first = f"rule {at + 1}" if isinstance(at, int) else str(at or "")
        return ": ".join([first, *(str(step) for step in rest if isinstance(step, str))]).strip()


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file's values, and the line on which each begins."""

    file: str
    values: Any
    lines: Mapping[Place, int]

    def error(self, place: Place, expected: str) -> RuleError:
        """Name a wrong value by file and line, of what encloses it where it has none."""
        at = place
        while at and at not in self.lines:
            at = at[:-1]
        return RuleError(place, expected, self.file, self.lines.get(at, 1))


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        RuleError: It is not YAML, or uses aliases or a key twice.
    """
    return parse_document(path.read_text(encoding="utf-8"), str(path))


def parse_document(text: str, file: str = "") -> Document:
    """Read YAML out of a text; ``file`` is what its errors call it.

    Raises:
        RuleError: It is not YAML, or uses aliases or a key twice.
    """
    lines = dict[Place, int]()
    try:
        _refuse_odd_yaml(text, file)
        node = yaml.compose(text, yaml.SafeLoader)
        if node is not None:
            _note_lines(node, (), lines, file)
        return Document(file, yaml.safe_load(text), lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        line = mark.line + 1 if mark else 1
        raise RuleError((), f"expected YAML: {problem}", file, line) from None


def _refuse_odd_yaml(text: str, file: str) -> None:
    """Refuse aliases and depth as soon as they come: either can make a short text slow."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise RuleError((), "expected the value itself, not an alias", file, line)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RuleError((), "expected fewer lists within lists", file, line)


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], file: str) -> None:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*place, index), lines, file)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*place, str(key.value))
            if below in lines:
                line = key.start_mark.line + 1
                raise RuleError(below, f"expected the key {key.value!r} once", file, line)
            _note_lines(value, below, lines, file)
            lines[below] = key.start_mark.line + 1


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read a file of the form ``rules: [rule, …]``.

    Raises:
        RuleError: Something is wrong; with file and line.
    """
    return rules_of(read_document(path))


def rules_of(document: Document) -> tuple[Rule, ...]:
    """Read the rules of a document of the form ``rules: [rule, …]``.

    Raises:
        RuleError: Something is wrong; with the line.
    """
    if not isinstance(document.values, dict) or document.values.keys() != {"rules"}:
        raise document.error((), "expected one key, rules, with a list of rules")
    try:
        return parse_rules(document.values["rules"])
    except RuleError as error:
        raise document.error(("rules", *error.place), error.expected) from None


def parse_rules(raw: Any) -> tuple[Rule, ...]:
    """Check a list of plain objects.

    Raises:
        RuleError: Something is wrong; ``place`` begins with the rule's index.
    """
    if not isinstance(raw, list):
        raise RuleError((), "expected a list of rules")
    if len(raw) > MOST_RULES:
        raise RuleError((), f"expected at most {MOST_RULES} rules")
    rules: dict[str, Rule] = {}
    for index, item in enumerate(raw):
        try:
            rule = parse_rule(item)
        except RuleError as error:
            raise RuleError((index, *error.place), error.expected) from None
        if rule.id in rules:
            raise RuleError((index, "id"), f"expected an id of its own; {rule.id!r} is taken")
        rules[rule.id] = rule
    _check_cost(tuple(rules.values()))
    return tuple(rules.values())


def _check_cost(rules: tuple[Rule, ...]) -> None:
    """Refuse a list that would make pages slow or the script large."""
    globs = selector_bytes = 0
    for index, rule in enumerate(rules):
        if rule.subject in {Subject.PATHS, Subject.HOSTS}:
            globs += sum("*" in value for value in rule.values)
        elif rule.subject is Subject.SELECTORS:
            texts = (*rule.values, rule.name, *(text for prop in rule.props for text in prop))
            selector_bytes += sum(len(text.encode()) for text in texts)
        if globs > MOST_GLOBS:
            expected = f"expected at most {MOST_GLOBS} patterns with stars in all rules together"
            raise RuleError((index, rule.subject.value), expected)
        if selector_bytes > MOST_SELECTOR_BYTES:
            expected = f"expected at most {MOST_SELECTOR_BYTES} bytes of rules by selector"
            raise RuleError((index, rule.subject.value), expected)


def parse_rule(raw: Any) -> Rule:
    """Check one plain object.

    Raises:
        RuleError: Something is wrong.
    """
    if not isinstance(raw, dict):
        raise RuleError((), "expected an object with id, kind, action and what it looks at")
    rule_id = _matching(raw, "id", _ID, "1 to 64 of a-z, 0-9, - and _")
    kind = _one_of(raw, "kind", list(LISTS))
    actions = LISTS[Kind(kind)]
    default = next(iter(actions)) if len(actions) == 1 else None
    action = Action(_one_of(raw, "action", list(actions), default))
    subject = _subject(raw, actions[action])
    extras = (*_EXTRAS.get(action, ()), *(("when",) if subject is Subject.SELECTORS else ()))
    known = {"id", "kind", "action", subject.value, *extras}
    if unknown := sorted(str(key) for key in raw.keys() - known):
        raise RuleError((unknown[0],), f"expected only {', '.join(sorted(known))}")
    return Rule(
        id=rule_id,
        kind=Kind(kind),
        action=action,
        subject=subject,
        values=_values(raw, subject),
        to=_target(raw, subject) if "to" in extras else "",
        name=_name(raw) if "name" in extras else "",
        props=_props(raw) if "props" in extras else (),
        when=_one_of(raw, "when", list(When), When.CLICK.value) if "when" in extras else "",
    )


def plain_rule(rule: Rule) -> dict[str, Any]:
    """Write a rule as the plain object that ``parse_rule`` reads."""
    plain: dict[str, Any] = {"id": rule.id, "kind": rule.kind.value, "action": rule.action.value}
    plain[rule.subject.value] = list(rule.values)
    extras = {"to": rule.to, "when": rule.when, "name": rule.name, "props": dict(rule.props)}
    return plain | {key: value for key, value in extras.items() if value}


def _one_of(raw: Mapping[str, Any], key: str, words: list[Any], default: Any = None) -> str:
    value = raw.get(key, default)
    if not isinstance(value, str) or value not in words:
        raise RuleError((key,), f"expected one of {', '.join(words)}")
    return value


def _matching(raw: Mapping[str, Any], key: str, pattern: re.Pattern[str], expected: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RuleError((key,), f"expected {expected}")
    return value


def _subject(raw: Mapping[str, Any], allowed: tuple[Subject, ...]) -> Subject:
    given = [subject for subject in Subject if subject.value in raw]
    if len(given) != 1 or given[0] not in allowed:
        names = ", ".join(subject.value for subject in allowed)
        place: Place = (given[-1].value,) if given else ()
        raise RuleError(place, f"expected exactly one of {names}")
    return given[0]


def _values(raw: Mapping[str, Any], subject: Subject) -> tuple[str, ...]:
    key, values = subject.value, raw[subject.value]
    if not isinstance(values, list) or not 0 < len(values) <= MOST_VALUES:
        raise RuleError((key,), f"expected a list of 1 to {MOST_VALUES}")
    read = _READERS[subject]
    return tuple(_read_value(value, read, (key, index)) for index, value in enumerate(values))


def _read_value(value: Any, read: Callable[[str], str], place: Place) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or _CONTROLS.search(value):
        raise RuleError(place, f"expected text of 1 to {MAX_TEXT} characters")
    try:
        return read(value.strip())
    except ValueError as error:
        raise RuleError(place, f"expected {error}, not {value!r}") from None


def _path(text: str) -> str:
    if not text.startswith(("/", "*")) or "?" in text or "#" in text:
        raise ValueError("a path such as /blog/*, without a query")
    return _few_stars(text)


def _few_stars(pattern: str) -> str:
    if len(_STARS.findall(pattern)) > MOST_STARS:
        raise ValueError(f"a pattern with at most {MOST_STARS} stars")
    return pattern


def _param(text: str) -> str:
    if not _PARAM.fullmatch(text):
        raise ValueError("the name of a query parameter, or name=value")
    return text


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError("an address or a network such as 203.0.113.0/24") from None
    return str(network[0] if network.num_addresses == 1 else network)


def _country(text: str) -> str:
    if not _COUNTRY.fullmatch(text.upper()):
        raise ValueError("a country's two letters, such as FR")
    return text.upper()


def _host(text: str) -> str:
    host = text.lower().rstrip(".")
    if not _HOST.fullmatch(host):
        raise ValueError("a host name such as shop.example.com")
    return _few_stars(host)


def _domain(text: str) -> str:
    host = _host(text)
    if "*" in host:
        raise ValueError("a host name; it stands for its subdomains too")
    return host


def _segment(text: str) -> str:
    if text not in known_segments():
        raise ValueError(f"one of {', '.join(known_segments())}")
    return text


def _event(text: str) -> str:
    if len(text) > _MAX_NAME:
        raise ValueError(f"the name of an event, up to {_MAX_NAME} characters")
    return text


def _selector(text: str) -> str:
    if not is_selector(text):
        raise ValueError("a CSS selector of names, #ids, .classes and [attributes]")
    return text


_READERS: dict[Subject, Callable[[str], str]] = {
    Subject.PATHS: _path,
    Subject.PARAMS: _param,
    Subject.NETWORKS: _network,
    Subject.COUNTRIES: _country,
    Subject.HOSTS: _host,
    Subject.REFERRERS: _domain,
    Subject.SEGMENTS: _segment,
    Subject.EVENTS: _event,
    Subject.SELECTORS: _selector,
}


def _target(raw: Mapping[str, Any], subject: Subject) -> str:
    to = _read_value(raw.get("to"), _mask_target, ("to",))
    stars = min(len(_STARS.findall(pattern)) for pattern in raw[subject.value])
    if any(int(slot) > stars for slot in re.findall(r"\$([1-9])", to)):
        raise RuleError(("to",), f"expected no $ beyond the stars of the paths, which are {stars}")
    return to


def _mask_target(text: str) -> str:
    if not text.startswith("/") or "?" in text or "#" in text or "*" in text:
        raise ValueError("a path such as /users/:id, $1 standing for the first *")
    return text


def _name(raw: Mapping[str, Any]) -> str:
    name = raw.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _MAX_NAME:
        raise RuleError(("name",), f"expected a name of 1 to {_MAX_NAME} characters")
    is_event = raw.get("kind") == Kind.EVENT
    if _CONTROLS.search(name) or (is_event and name.strip() in _RESERVED):
        raise RuleError(("name",), "expected a name of your own, not pageview or engagement")
    return name.strip()


def _props(raw: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    props = raw.get("props", {})
    if not isinstance(props, dict) or len(props) > _MAX_PROPS:
        raise RuleError(("props",), f"expected an object of up to {_MAX_PROPS} texts")
    for key, value in props.items():
        texts = isinstance(key, str) and isinstance(value, str)
        if not texts or not 0 < len(key) <= 300 or len(value) > MAX_TEXT:  # noqa: PLR2004 - CONTRACT 3
            raise RuleError(("props",), f"expected texts, values of up to {MAX_TEXT} characters")
    return tuple(props.items())
