"""The scripts as commands and the portal know them: where they are, and the integrity of each.

Made by the same code as the edge serves them with. The one invariant: nothing here is served.
"""

import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha384
from typing import Any

from edge.collector.builds import TrackerBuilds
from edge.names import names_of
from edge.sites import Site, SnapshotError, parse_site
from edge.snippet import as_snippet
from portal.config import Script
from tracker import cores_of, modules_of, newest_build, selectors_build


def open_builds(now: Callable[[], float] = time.time) -> TrackerBuilds:
    """Read the newest frozen build, with all that a site's script may be made of."""
    newest = newest_build()
    return TrackerBuilds(
        newest.read_bytes(),
        cores=cores_of(newest),
        selectors=selectors_build().read_bytes(),
        modules=modules_of(newest),
        now=now,
    )


class SiteScripts:
    """Lists the scripts of a site as the snapshot describes it.

    Units: ``now`` gives Unix seconds.
    """

    def __init__(self, edge_origin: str, now: Callable[[], float] = time.time) -> None:
        self._origin = edge_origin
        self._now = now
        self._builds = open_builds(now)

    def __call__(self, payload: dict[str, Any]) -> list[Script]:
        """List them; none for a site that the edges would refuse."""
        try:
            site = parse_site(payload)
        except SnapshotError:
            return []
        found = [self._script("Script in the pages", site, "")]
        if self._origin:
            snippet = as_snippet(site, self._origin)
            found.append(self._script("Snippet without the proxy", snippet, self._origin))
        return found

    def _script(self, what: str, site: Site, origin: str) -> Script:
        names = names_of(site, self._now())
        script = self._builds.script(site, names)
        digest = b64encode(sha384(script.body).digest()).decode()
        src = f"{origin}{names.script or f'{names.prefix}/{script.hash}.js'}"
        return Script(what, src, f"sha384-{digest}")
