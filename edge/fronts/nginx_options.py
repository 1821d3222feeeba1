"""What an operator chooses for a generated nginx configuration.

One value, filled by the command; per-site choices are ``edge.sites``. The one invariant: a value
that passes ``check`` can be written into the file as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from edge.fronts.nginx_text import NginxError
from edge.inject.tag import Tag
from edge.upstream_ranges import UpstreamRanges

_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
_BIND = re.compile(r"[0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]|")
_MAX_PORT = 65_535


class Inject(StrEnum):
    """Who puts the tag into pages."""

    EDGE = "edge"
    NJS = "njs"
    SUB_FILTER = "sub_filter"


class Pair(NamedTuple):
    """The files of a certificate with its chain, and of its key."""

    chain: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxOptions:
    """The choices.

    Args:
        inject: Who puts the tag into pages.
        edge: Where the Python edge listens for plain HTTP, ``HOST:PORT``.
        bind: Address to listen at, IPv6 in brackets; empty: every IPv4 and IPv6 address.
        port: Port for plain HTTP.
        tls_port: Port for HTTPS; used where there are certificates.
        certificates: Host, or ``*.`` and a domain, to its certificate.
        trusted: Networks of proxies whose forwarding fields are believed, as CIDR.
        allowed: Where addresses of origins must lie.
        acme_dir: Folder of ACME challenges; empty: origins answer them.
        authorities: File of the certificate authorities that vouch for origins.
        run_dir: Folder for the pid file and temporary files of an nginx without root; empty:
            where the distribution's nginx keeps them.
        njs_module: The file ``ngx_http_js_module.so``.
        scripts: Folder of the njs scripts.
        hits_socket: Unix socket of a syslog reader that is told of pages; empty: nobody is.
        tags: Site id to its tag; what ``njs`` and ``sub_filter`` insert.
        snippet_host: The edge's own host, for sites that are not behind it; empty: there is none.
        drain_s: How long a leaving worker waits for running requests.
        names: Site id to further paths of ours than those under the prefix (quiet mode).
        names_until: Until when ``names`` are complete, for people to read.
    """

    inject: Inject = Inject.EDGE
    edge: str = "127.0.0.1:8080"
    bind: str = ""
    port: int = 80
    tls_port: int = 443
    certificates: Mapping[str, Pair] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    allowed: UpstreamRanges = field(default_factory=UpstreamRanges)
    acme_dir: str = ""
    authorities: str = "/etc/ssl/certs/ca-certificates.crt"
    run_dir: str = ""
    njs_module: str = "modules/ngx_http_js_module.so"
    scripts: str = ""
    hits_socket: str = ""
    tags: Mapping[int, Tag] = field(default_factory=dict)
    snippet_host: str = ""
    drain_s: int = 30
    names: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    names_until: str = ""

    def check(self) -> None:
        """Refuse addresses and ports that are none.

        Raises:
            NginxError: One is not.
        """
        if not _ADDRESS.fullmatch(self.edge):
            raise NginxError(f"--edge {self.edge!r}: expected HOST:PORT")
        if not _BIND.fullmatch(self.bind):
            raise NginxError(f"--bind {self.bind!r}: expected an address, IPv6 in brackets")
        for port in (self.port, self.tls_port):
            if not 0 < port <= _MAX_PORT:
                raise NginxError(f"port {port}: expected 1 to {_MAX_PORT}")
        if self.port == self.tls_port and self.certificates:
            raise NginxError(f"port {self.port} cannot serve both HTTP and HTTPS")
