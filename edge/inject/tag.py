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


@dataclass(frozen=True, slots=True)
class Tag:
    """What is to be put in.

    Units: ``modified_at`` is a Unix time in seconds: when the tag last changed.
    """

    script_url: str
    endpoint_url: str
    module_prefix: str
    version: str
    modified_at: int


def render_tag(tag: Tag, nonce: str = "") -> bytes:
    """Write the element; ``async``, because a hanging ``defer`` script holds DOMContentLoaded."""
    attribute = f' nonce="{nonce}"' if nonce else ""
    return f'<script async="async" src="{tag.script_url}"{attribute}></script>'.encode("ascii")


@lru_cache(maxsize=1024)
def own_tag_pattern(script_url: str) -> re.Pattern[bytes]:
    """Match the ``src`` of a tag that this edge, or another in front of the origin, has put in."""
    folder, _, name = script_url.rpartition("/")
    folder, exact = re.escape(folder + "/"), re.escape(name)
    host = r"(?:(?:https?:)?//[^/\"'\s>]+)?"
    names = rf"(?:[0-9a-f]{{8,12}}\.js|tracker\.js|{exact})"
    return re.compile(
        rf"(?<![\w-])src\s*=\s*[\"']?{host}{folder}{names}[\"'\s>]".encode(), re.IGNORECASE
    )
