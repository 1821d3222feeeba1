"""What an edge knows, put together to explain with: for the command line and for the portal.

The decision is ``edge.explain``'s. The portal may not know the edge, so it is given ``Explainer``:
a site as the snapshot's object and a question in, plain values out. The one invariant: a site is
explained as it is given, so that rules can be tried before they are saved.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from edge.collector.client_ip import parse_networks
from edge.collector.proof import LABELS
from edge.explain import PLAIN_FIELDS, Explanation, Knowledge, Question, explain
from edge.fronts.control import Control
from edge.fronts.operating import Operating
from edge.fronts.reception import Reception
from edge.outcomes import REASONS
from edge.pipeline.agents import Agents
from edge.pipeline.geo import Geo
from edge.sites import Snapshot, parse_site
from statflow.scripts import open_builds
from statflow.services import geo_database
from statflow.settings import Settings

if TYPE_CHECKING:
    from edge.wire.fields import Field

_MEANINGS = {str(row.reason): row.meaning for row in REASONS}


def open_knowledge(settings: Settings, sites: Callable[[], Snapshot]) -> Knowledge:
    """Open what explaining asks: the tracker's build, the databases, the way of a request."""
    builds = open_builds()
    return Knowledge(
        reception=Reception(
            sites,
            builds.names,
            parse_networks(settings.trusted_proxies),
            Operating(acme_dir=settings.acme_dir),
        ),
        control=Control(sites),
        tag_for=lambda site: builds.for_site(site).tag,
        places=Geo(geo_database(settings)),
        devices=Agents(),
    )


class Explainer:
    """Explains URLs of sites that are given with the question; opened when first asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._snapshot = Snapshot(0, ())
        self._knowledge: Knowledge | None = None

    def __call__(self, site: Mapping[str, Any], question: Mapping[str, Any]) -> dict[str, Any]:
        """Explain one URL.

        ``question`` has ``url`` and perhaps ``status``, ``headers`` (pairs of text), ``address``,
        ``content_type`` and ``injection`` (False: the kill switch is thrown).

        Raises:
            ValueError: The site or the question is wrong; the message is for people.
        """
        snapshot = Snapshot(0, (parse_site(dict(site)),), bool(question.get("injection", True)))
        asked = _question(question)
        with self._lock:
            self._snapshot = snapshot
            if self._knowledge is None:
                self._knowledge = open_knowledge(self._settings, lambda: self._snapshot)
            said = explain(asked, self._knowledge, time.time_ns() // 1_000_000)
        return _plain(said)


def _question(raw: Mapping[str, Any]) -> Question:
    kind = raw.get("content_type")
    fields: tuple[Field, ...] = ((b"Content-Type", _bytes(kind)),) if kind else PLAIN_FIELDS
    return Question(
        url=raw["url"],
        headers=tuple((_bytes(name), _bytes(value)) for name, value in raw.get("headers", ())),
        status=raw.get("status", 200),
        answer_headers=fields,
        address=raw.get("address", ""),
    )


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _plain(said: Explanation) -> dict[str, Any]:
    """Write an explanation as plain values, with the names that people know fields by."""
    stores = {name: value for name, value in said.stores.items() if name in LABELS}
    dropped = said.stores.get("dropped", "")
    return {
        **dataclasses.asdict(said),
        "stores": [{"label": LABELS[name], "value": value} for name, value in stores.items()],
        "dropped": {"reason": dropped, "meaning": _MEANINGS.get(dropped, "")} if dropped else None,
    }
