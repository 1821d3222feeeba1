"""The tag: what is put into a page, and the URLs behind it.

A value that the collector builds and the injector reads; nothing here knows how a script is built
or served. The one invariant: the markup is ASCII and well-formed in HTML and in XHTML, so that it
may stand in a page of any ASCII-compatible charset.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

type Headers = list[tuple[bytes, bytes]]
"""Fields as on the wire: case, order and duplicates kept."""

_DEFAULT_FOLDER = "/sf/"
"""Where another edge in front of the origin has its scripts if nobody renamed them."""


@dataclass(frozen=True, slots=True)
class Tag:
    """What is to be put in.

    ``version`` changes with whatever a page may hold of the tag. ``others`` are the paths of
    further scripts that mean a page is tagged already; one that ends in a slash means every script
    in there that is named by a hash.

    Units: ``modified_at`` is a Unix time in seconds: when the tag last changed.
    """

    script_url: str
    endpoint_url: str
    module_prefix: str
    version: str
    modified_at: int
    others: tuple[str, ...] = ()


def render_tag(tag: Tag, nonce: str = "") -> bytes:
    """Write the element; ``async``, because a hanging ``defer`` script holds DOMContentLoaded."""
    attribute = f' nonce="{nonce}"' if nonce else ""
    return f'<script async="async" src="{tag.script_url}"{attribute}></script>'.encode("ascii")


@lru_cache(maxsize=8_192)
def own_tag_pattern(script_url: str, others: tuple[str, ...] = ()) -> re.Pattern[bytes]:
    """Match the ``src`` of a tag that this edge, or another in front of the origin, has put in.

    Linear in what it searches: hosts, paths and spaces have no way to match in two ways.
    """
    folder = script_url.rpartition("/")[0] + "/"
    folders = {folder, _DEFAULT_FOLDER, *(path for path in others if path.endswith("/"))}
    exact = {script_url, *(path for path in others if not path.endswith("/"))}
    hashed = rf"(?:{_any_of(folders)})(?:[0-9a-f]{{8,12}}|tracker)\.js"
    host = r"(?:(?:https?:)?//[^/\"'\s>]+)?"
    return re.compile(
        rf"(?<![\w-])src\s*=\s*[\"']?{host}(?:{hashed}|{_any_of(exact)})[\"'\s>]".encode(),
        re.IGNORECASE,
    )


def _any_of(paths: set[str]) -> str:
    return "|".join(re.escape(path) for path in sorted(paths))
