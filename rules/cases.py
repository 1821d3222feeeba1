"""Run the cases that stand beside the packs: what each must decide, and what it nearly does.

``statflow rules check`` and the tests run them. A case has what its pack looks at, ``expect`` and,
where a rule nearly takes it, ``near`` with that rule's id. The one invariant: a case file that
nobody knows how to run is a fault, and so is a pack without one, or a rule that no case hits or
nearly hits. Packs that are lists of names (hosts, crawlers) have no rules by id: there the tests
make both cases of every row.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from rules.agents import known_agents
from rules.channels import Attribution, known_rows, row_of
from rules.evidence import Evidence
from rules.loader import Document, RuleError, read_document
from rules.masks import known_masks
from rules.matcher import Domains, Networks, known_segments, write_segments
from rules.policy import inject_pack, policy_of
from rules.ranges import read_ranges
from rules.sources import known_sources
from rules.tables import PACKS, read_table

type Case = Mapping[str, Any]
_SUFFIX = ".cases.yaml"
_USUAL_DIGITS = 2


def _no_ids(_case: Case) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Decider:
    """How a pack's cases are run: what it decides, by which rules, and which rules it has."""

    decide: Callable[[Case], str]
    ids: Callable[[], tuple[str, ...]] = tuple
    used: Callable[[Case], tuple[str, ...]] = _no_ids


def check_cases(folder: Path = PACKS) -> list[RuleError]:
    """Run every case file of a folder, and ask for those that are missing."""
    faults: list[RuleError] = []
    for pack in sorted(folder.glob("*.yaml")):
        if pack.name.endswith(_SUFFIX):
            faults.extend(run_cases(pack))
        elif not (cases := pack.with_suffix(_SUFFIX)).exists():
            faults.append(RuleError((), f"expected cases beside it, in {cases.name}", str(pack), 1))
    return faults


def run_cases(file: Path) -> Iterator[RuleError]:
    """Run one file of cases and give what does not hold, with its line."""
    try:
        document = read_document(file)
    except RuleError as error:
        yield error
        return
    decider = _DECIDERS.get(file.name.removesuffix(_SUFFIX))
    values = document.values
    if decider is None or not isinstance(values, dict) or not isinstance(values.get("cases"), list):
        known = ", ".join(sorted(_DECIDERS))
        yield document.error((), f"expected cases, a list, of one of the packs {known}")
        return
    hit, nearly = set[str](), set[str]()
    for index, case in enumerate(values["cases"]):
        try:
            used = _run(document, index, case, decider)
        except RuleError as error:
            yield error
        else:
            hit.update(used)
            nearly.update({case["near"]} if "near" in case else ())
    for rule in decider.ids():
        if rule not in hit or rule not in nearly:
            missing = "a case that hits" if rule not in hit else "a case that is near"
            yield document.error(("cases",), f"expected {missing} {rule}")


def _run(document: Document, index: int, case: Any, decider: Decider) -> tuple[str, ...]:
    place = ("cases", index)
    if not isinstance(case, dict) or not isinstance(case.get("expect"), str):
        raise document.error(place, "expected a case with expect")
    try:
        decided, used = decider.decide(case), decider.used(case)
    except (KeyError, TypeError, ValueError) as error:
        raise document.error(place, f"expected a case of this pack: {error}") from None
    if decided != case["expect"]:
        raise document.error(place, f"expected {case['expect']!r}, decided {decided!r}")
    near = case.get("near")
    if near in used or (near is not None and near not in decider.ids()):
        raise document.error(place, f"expected a rule that does not decide it, not {near!r}")
    return used


def _injected_by(case: Case) -> tuple[str, ...]:
    tried = policy_of(()).trace_inject(case["url"])
    return tuple(row.rule.id for row in tried if row.matched)


def _classes_used(case: Case) -> tuple[str, ...]:
    path = case["path"]
    return tuple(name for name in case["with"] if write_segments([name], path) != path)


def _visit(case: Case) -> Attribution:
    return Attribution(**{key: case[key] for key in case.keys() - {"expect", "near"}})


def _source(case: Case) -> str:
    sources = known_sources()
    found = sources.of_host(case["host"]) if "host" in case else sources.of_word(case["word"])
    return f"{found.category}: {found.name}" if found else ""


def _agent(case: Case) -> str:
    agents, agent = known_agents(), case["agent"]
    return f"{agents.classify(agent)}: {agents.operator(agent)}".removesuffix(": ")


def _sets_used(case: Case) -> tuple[str, ...]:
    address = ip_address(case["address"])
    table = read_table("networks")
    return tuple(name for name in table if Networks(table[name]).matches(address))


def _range(case: Case) -> str:
    evidence = read_ranges().judge(case["agent"], ip_address(case["address"]))
    return "verified" if evidence & Evidence.VERIFIED else ""


def _digits(case: Case) -> str:
    return str(read_table("currencies")["digits"].get(case["currency"], _USUAL_DIGITS))


def _spam(case: Case) -> str:
    return "spam" if Domains(read_table("referrer_spam")["hosts"]).matches(case["host"]) else ""


_AGENTS = Decider(_agent)
_DECIDERS: dict[str, Decider] = {
    "agents": _AGENTS,
    "ai_crawlers": _AGENTS,
    "bot_ranges": Decider(_range),
    "bots": _AGENTS,
    "channels": Decider(
        lambda case: row_of(_visit(case)).channel.value,
        lambda: tuple(row.id for row in known_rows()[:-1]),
        lambda case: (row_of(_visit(case)).id,),
    ),
    "currencies": Decider(_digits),
    "inject": Decider(
        lambda case: next(iter(_injected_by(case)), ""),
        lambda: tuple(rule.id for rule in inject_pack()),
        _injected_by,
    ),
    "listed_bots": _AGENTS,
    "listed_sources": Decider(_source),
    "networks": Decider(
        lambda case: ", ".join(_sets_used(case)), lambda: tuple(read_table("networks")), _sets_used
    ),
    "paths": Decider(
        lambda case: write_segments(case["with"], case["path"]),
        lambda: tuple(known_segments()),
        _classes_used,
    ),
    "privacy": Decider(
        lambda case: known_masks().apply(case["text"]),
        lambda: tuple(mask.id for mask in known_masks().masks),
        lambda case: known_masks().trace(case["text"]),
    ),
    "referrer_spam": Decider(_spam),
    "sources": Decider(_source),
}
