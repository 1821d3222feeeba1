"""Run the cases that stand beside the packs: what each must decide, and what it nearly does.

``statflow rules check`` and the tests run them. The one invariant: a case file that nobody knows
how to run is a fault, so no pack can have cases that are never looked at.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rules.channels import Attribution, channel_of
from rules.loader import Document, RuleError, read_document
from rules.matcher import Domains, write_segments
from rules.policy import policy_of
from rules.sources import known_sources
from rules.tables import PACKS, read_table

type Decide = Callable[[Mapping[str, Any]], str]
_SUFFIX = ".cases.yaml"


def check_cases(folder: Path = PACKS, *, besides: frozenset[str] = frozenset()) -> list[RuleError]:
    """Run every case file of a folder; ``besides`` are packs whose cases others run."""
    faults: list[RuleError] = []
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        if file.name.removesuffix(_SUFFIX) not in besides:
            faults.extend(run_cases(file))
    return faults


def run_cases(file: Path) -> Iterator[RuleError]:
    """Run one file of cases and give what does not hold, with its line."""
    try:
        document = read_document(file)
    except RuleError as error:
        yield error
        return
    decide = _DECIDERS.get(file.name.removesuffix(_SUFFIX))
    values = document.values
    if decide is None or not isinstance(values, dict) or not isinstance(values.get("cases"), list):
        known = ", ".join(sorted(_DECIDERS))
        yield document.error((), f"expected cases, a list, of one of the packs {known}")
        return
    for index, case in enumerate(values["cases"]):
        yield from _run(document, index, case, decide)


def _run(document: Document, index: int, case: Any, decide: Decide) -> Iterator[RuleError]:
    place = ("cases", index)
    if not isinstance(case, dict) or not isinstance(case.get("expect"), str):
        yield document.error(place, "expected a case with expect")
        return
    try:
        decided = decide(case)
    except (KeyError, TypeError) as error:
        yield document.error(place, f"expected a case of this pack: {error}")
        return
    if decided != case["expect"]:
        yield document.error(place, f"expected {case['expect']!r}, decided {decided!r}")


def _decide_inject(case: Mapping[str, Any]) -> str:
    tried = policy_of(()).trace_inject(case["url"])
    return tried[-1].rule.id if tried[-1].matched else ""


def _decide_paths(case: Mapping[str, Any]) -> str:
    return write_segments(case["with"], case["path"])


def _decide_spam(case: Mapping[str, Any]) -> str:
    return "spam" if Domains(read_table("spam_referrers")["hosts"]).matches(case["host"]) else ""


def _decide_source(case: Mapping[str, Any]) -> str:
    sources = known_sources()
    found = sources.of_host(case["host"]) if "host" in case else sources.of_word(case["word"])
    return f"{found.category}: {found.name}" if found else ""


def _decide_channel(case: Mapping[str, Any]) -> str:
    return channel_of(Attribution(**{k: v for k, v in case.items() if k != "expect"})).value


_DECIDERS: dict[str, Decide] = {
    "channels": _decide_channel,
    "inject": _decide_inject,
    "paths": _decide_paths,
    "sources": _decide_source,
    "spam_referrers": _decide_spam,
}
