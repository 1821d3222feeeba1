"""Ask for a funnel as the API does, and write the answer for people."""

from dataclasses import dataclass, field
from typing import Any

from portal.dashboard.asking import told
from portal.dashboard.questions import Asker
from portal.language import N_
from store.query.funnels import parse_funnel_question, run_funnel


@dataclass(frozen=True, slots=True)
class Answer:
    """A funnel's steps, of everybody and perhaps by a dimension; or why there are none."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    counted: str = N_("visitors")
    total: int = 0
    trouble: str = ""

    @property
    def entered(self) -> int:
        """How many reached the first step."""
        return int(self.steps[0]["count"]) if self.steps else 0


def ask_funnel(asker: Asker, payload: dict[str, Any]) -> Answer:
    """Ask for a funnel; by a dimension, the whole is asked for too."""
    whole = _ask(asker, payload | {"dimensions": []})
    if isinstance(whole, str):
        return Answer(trouble=whole)
    rows: list[dict[str, Any]] = []
    if payload.get("dimensions"):
        told_by = _ask(asker, payload)
        if isinstance(told_by, str):
            return Answer(trouble=told_by)
        rows = told_by["results"]
    meta = whole["meta"]
    return Answer(whole["results"][0]["steps"], rows, meta["counted"], meta["total"])


def _ask(asker: Asker, payload: dict[str, Any]) -> dict[str, Any] | str:
    locked = payload | {"filters": [*asker.lock, *payload.get("filters", ())]}

    def ask() -> dict[str, Any]:
        question = parse_funnel_question(locked, asker.site)
        return run_funnel(asker.store, question, asker.site, asker.now)

    return told(ask)
