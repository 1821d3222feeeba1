"""The list of metrics in ``docs/metrics.md``, read from the metrics themselves.

Importing the roles defines their metrics in the library's registry. A test holds the page equal to
this, and this equal to what a running installation answers.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import REGISTRY

PREFIX = "statflow_"
_ROLES = (
    *("edge.app", "edge.hits.syslog", "edge.fronts.mitm_certificates", "edge.fronts.direct.front"),
    *("statflow.role_forwarder", "statflow.role_portal"),
)
_PARTS = {
    "forwarder": ("forwarder_", "account_", "dead_letters", "hits_stored", "hits_refused"),
    "portal": ("portal_", "messages_", "alerts_"),
}
"""Beginnings of names; what is in neither list is the edge's."""


@dataclass(frozen=True, slots=True, order=True)
class Described:
    """One family of metrics, under the name that a question uses (``…_total`` for counters)."""

    part: str
    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


OF_WORKERS = (
    Described("edge", "statflow_workers", "gauge", (), "Workers that serve."),
    Described(
        "edge",
        "statflow_worker_restarts_total",
        "counter",
        (),
        "Workers that died and were replaced.",
    ),
)
"""Of an edge of several processes; they are in a registry of its parent."""


def described() -> list[Described]:
    """List every family, by part and name."""
    for name in _ROLES:
        importlib.import_module(name)
    return sorted({*_registered(), *OF_WORKERS})


def _registered() -> Iterator[Described]:
    for collector in list(REGISTRY._collector_to_names):  # noqa: SLF001 - the only list of them
        for family in collector.collect():
            if family.name.startswith(PREFIX) and not family.name.endswith("_created"):
                labels = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
                name = f"{family.name}_total" if family.type == "counter" else family.name
                meaning = family.documentation
                yield Described(_part(name), name, family.type, tuple(labels), meaning)


def _part(name: str) -> str:
    rest = name.removeprefix(PREFIX)
    return next((part for part, begins in _PARTS.items() if rest.startswith(begins)), "edge")


def render_metrics() -> str:
    """Write the table."""
    rows = [
        f"| {row.part} | `{row.name}` | {row.kind} | {', '.join(row.labels)} | {row.meaning} |"
        for row in described()
    ]
    heads = ["| part | metric | kind | labels | meaning |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*heads, *rows])
