"""What an operator chose for all sites of an edge, as its fronts see it.

One value, handed to every front when it is made; per-site choices are ``edge.sites``. Reading the
settings is ``statflow``'s. The one invariant: the default value changes nothing about a request.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.fronts.control import Control
from edge.pictures.desk import PictureDesk
from edge.snippet import Snippets
from edge.upstream_ranges import UpstreamRanges


@dataclass(frozen=True, slots=True)
class Answered:
    """One request as the request log knows it: nothing here can point at a person.

    Units: ``sent_bytes`` body bytes to the client; ``duration_ms`` from the request's head to the
    end of the answer. ``site_id`` is 0 where no site was found.
    """

    site_id: int
    method: str
    status: int
    sent_bytes: int
    duration_ms: float
    request_id: str
    outcome: str
    """``page`` (the origin answered), ``own`` (an endpoint of ours), ``refused`` (an answer of
    ours), ``cut`` (it never came to its end)."""


type OnAnswered = Callable[[Answered], None]


@dataclass(frozen=True, slots=True)
class Operating:
    """The choices.

    Args:
        acme_dir: Folder of ACME challenges; None: the origin answers them.
        https_port: Port of HTTPS for browsers that came with an explicit port; None: 443.
        allowed: Where connected upstream addresses must lie.
        on_answered: Told of every request when its answer has ended; None: nobody is.
        proxy_protocol: Plain connections begin with a PROXY protocol header.
        control: Switches injection off, shared by all fronts of a process; None: a front makes its
            own.
        pictures: Takes pictures of pages for who has a ticket; None: no ticket is known.
        snippets: Knows the edge's own host, for sites that are not behind it; None: there is none.
    """

    acme_dir: Path | None = None
    https_port: int | None = None
    allowed: UpstreamRanges = field(default_factory=UpstreamRanges)
    on_answered: OnAnswered | None = None
    proxy_protocol: bool = False
    control: Control | None = None
    snippets: Snippets | None = None
    pictures: PictureDesk | None = None


DEFAULT = Operating()
